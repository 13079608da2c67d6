// What the operator sees: work that waits, who does it, what failed, and whom nobody knows.

import { Refused, SCHOOL, ask, complain, say, sleep } from "./asking.js";
import { Keyed, button, counted, drawn, element, write } from "./elements.js";

const PAUSE = 2;
// Seconds between two looks.

const [WIDTH, HEIGHT, FOOT] = [640, 180, 24];
// Of the chart, in its own units; the foot has the hours.

const MOST_HOURS = 48;

const MOST_FACES = 6;
// Of a group.

const zone = document.getElementById("live").dataset.zone;
const part = (id) => document.getElementById(id);
const time = new Intl.DateTimeFormat("en-GB", { timeZone: zone, dateStyle: "medium", timeStyle: "short" });
const hour = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });

const failures = new Keyed(part("failures"), makeFailure);
const groups = new Keyed(part("groups"), makeGroup);
let drawnOnce = "";
let isLost = false;

async function follow() {
  for (;;) {
    await look();
    await sleep(PAUSE);
    if (document.hidden) await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
  }
}

async function look() {
  let live;
  try {
    live = await ask("GET", `${SCHOOL}/live`);
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    isLost = true;
    complain(`${refused.message}; trying again`);
    return;
  }
  if (isLost) complain("");
  isLost = false;
  show(live);
}

function show(live) {
  write(part("waiting"), String(live.queue.waiting));
  write(part("under-way"), String(live.queue.leased ?? 0));
  write(part("failed"), String(live.failures.length));
  write(part("per-minute"), live.done_per_minute.toFixed(1));
  showWorkers(live.workers, live.most_workers);
  part("no-failures").hidden = live.failures.length > 0;
  failures.show(live.failures.map((each) => [each.letter_id, each]));
  showHours(live.recognised.slice(-MOST_HOURS));
  groups.show(live.unknown_groups.map((each) => [String(each.group), each]));
  showAlert(live.unknown_groups.filter((each) => each.alert).length);
}

function showAlert(count) {
  part("alert").hidden = !count;
  write(part("alert"), count ? `${counted(count, "unknown person", "unknown people")} came again and again: see below` : "");
}

function showWorkers(workers, most) {
  part("no-workers").hidden = most > 0;
  part("idle").hidden = most === 0 || workers.length > 0;
  write(part("idle"), `None runs while nothing waits; up to ${most} start when photos come.`);
  const rows = workers.map((each) => [each.host, each.pid, each.doing, each.key ?? "", each.since === undefined ? "" : `${Math.round(each.since)} s`]);
  fill(part("workers"), rows);
}

function fill(table, rows) {
  const text = JSON.stringify(rows);
  if (table.dataset.shown === text) return;
  table.dataset.shown = text;
  table.tBodies[0].replaceChildren(...rows.map((row) => element("tr", {}, ...row.map((each) => element("td", {}, String(each ?? ""))))));
}

function makeFailure() {
  const [what, reason] = [element("strong"), element("p")];
  const again = button("Try again", null, { className: "quiet" });
  const node = element("li", { className: "card" }, what, reason, again);
  return { node, update: (failure) => updateFailure({ what, reason, again }, failure) };
}

function updateFailure({ what, reason, again }, failure) {
  write(what, `${failure.what}, ${time.format(new Date(failure.died))}`);
  write(reason, failure.reason);
  again.setAttribute("aria-label", `Try ${failure.what} again`);
  again.onclick = () => retry(failure, again);
}

async function retry(failure, again) {
  again.disabled = true;
  try {
    await ask("POST", `${SCHOOL}/live/failures/${encodeURIComponent(failure.letter_id)}/retry`);
    say(`${failure.what} is tried again`);
    part("failures-heading").scrollIntoView({ block: "nearest" });
  } catch (refused) {
    complain(refused);
  }
  again.disabled = false;
  await look();
}

function showHours(hours) {
  const text = JSON.stringify(hours);
  if (text === drawnOnce) return;
  drawnOnce = text;
  fill(part("hours"), hours.map((each) => [time.format(new Date(each.hour)), each.known, each.unknown]));
  part("chart").replaceChildren(...bars(hours));
}

// Two stacked bars an hour, as high as the busiest hour lets them.
function bars(hours) {
  const most = Math.max(1, ...hours.map((each) => each.known + each.unknown));
  const step = WIDTH / Math.max(hours.length, 12);
  const scale = (HEIGHT - FOOT - 14) / most;
  return hours.flatMap((each, at) => {
    const [x, known, unknown] = [at * step + 1, each.known * scale, each.unknown * scale];
    const width = Math.max(step - 2, 1);
    const floor = HEIGHT - FOOT;
    const shown = [
      drawn("rect", { class: "known", x, y: floor - known, width, height: known }),
      drawn("rect", { class: "unknown", x, y: floor - known - unknown, width, height: unknown }),
    ];
    if (at % Math.ceil(hours.length / 8) === 0) shown.push(drawn("text", { x, y: HEIGHT - 6 }, hour.format(new Date(each.hour))));
    return shown;
  });
}

function makeGroup() {
  const [heading, text, faces] = [element("h3"), element("p"), element("div", { className: "faces" })];
  const node = element("li", { className: "card" }, heading, text, faces);
  return { node, update: (group) => updateGroup({ heading, text, faces }, group) };
}

function updateGroup({ heading, text, faces }, group) {
  write(heading, group.alert ? "Came again and again" : "Unknown person");
  const lessons = counted(group.lessons.length, "lesson");
  write(text, `Seen ${counted(group.times, "time")} in ${lessons}, first ${time.format(new Date(group.first))}, last ${time.format(new Date(group.last))}`);
  const wanted = group.seen.slice(-MOST_FACES);
  if (faces.dataset.shown === String(wanted)) return;
  faces.dataset.shown = wanted;
  faces.replaceChildren(...wanted.map((id) => element("img", { src: `${SCHOOL}/seen/${id}/image`, alt: "The unknown face", width: 72, height: 72, loading: "lazy" })));
}

follow();
