// The list of files: each is sent, one after the other, and then asked about until it is done or has failed.

import { MOST_BYTES, fileOf, fileUrl, jobOf, keepKey, onKeyNeeded, send, sleep, tryKey } from "./asking.js";
import { Entry } from "./showing.js";

const KEPT = "photocall-jobs";
// The list in the tab's own storage, so that it survives a reload.

const [FIRST_PAUSE, MOST_PAUSE, SLOWER] = [1, 5, 1.25];
// Seconds between two looks at all that is not done; more and more while nothing changes.

const [picker, drop, list, clear, told, form, field] = ["files", "drop", "entries", "clear", "told", "key-form", "key"].map(
  (id) => document.getElementById(id),
);

let files = [];
// Of the list, in its order: {name, shown, jobId, isOver, last}, and {file, requestId} until they are sent.

let sending = Promise.resolve();
let unsent = 0;
let ring = () => {};

function add(name, more) {
  const one = { name, shown: new Entry(name), isOver: false, ...more };
  files.push(one);
  list.append(one.shown.item);
  return one;
}

// A file after the other: each is shown sooner than if all went at once, and a line has only so much room.
function take(chosen) {
  for (const file of chosen) {
    const one = add(file.name, { file, requestId: randomId() });
    one.shown.queued();
    enqueue(one);
  }
}

function enqueue(one) {
  unsent += 1;
  sending = sending.then(() => upload(one)).finally(() => (unsent -= 1));
}

async function upload(one) {
  if (one.file.size > MOST_BYTES) return end(one, () => one.shown.failed("It has more than 2 GiB, which is the most"));
  one.shown.uploading(0);
  try {
    one.jobId = (await send(one.file, one.requestId, (part) => one.shown.uploading(part))).job_id;
  } catch (refused) {
    return end(one, () => one.shown.failed(refused.message, refused.isFinal ? null : () => again(one)));
  }
  one.file = null;
  one.shown.waiting();
  keep();
  ring();
}

function again(one) {
  one.isOver = false;
  one.shown.queued();
  enqueue(one);
  picker.focus(); // the button that had it is gone
}

// Looks at every job that is not done, again and again; `ring` ends a pause.
async function follow() {
  let pause = FIRST_PAUSE;
  for (;;) {
    const open = files.filter((one) => one.jobId && !one.isOver);
    let changed = false;
    for (const one of open) changed = (await look(one)) || changed;
    pause = changed ? FIRST_PAUSE : Math.min(SLOWER * pause, MOST_PAUSE);
    const rung = new Promise((done) => (ring = () => done(true)));
    if (await Promise.race(files.some((one) => one.jobId && !one.isOver) ? [rung, sleep(pause)] : [rung])) pause = FIRST_PAUSE;
  }
}

// Asks how far a job is; whether that is news.
async function look(one) {
  let result;
  try {
    result = await jobOf(one.jobId);
    if (told.dataset.lost) say("");
  } catch (refused) {
    if (refused.status === 404) end(one, () => one.shown.failed(refused.message));
    else say(`${refused.message}; trying again`, true);
    return false;
  }
  const seen = JSON.stringify(result);
  const changed = seen !== one.last;
  one.last = seen;
  if (changed) show(one, result);
  return changed;
}

function show(one, result) {
  const { jobId, shown } = one;
  const file = (name) => fileOf(jobId, name);
  if (result.status === "done") end(one, () => shown.done(result, (name) => fileUrl(jobId, name), file, (name) => save(one, name)));
  else if (result.status === "failed") end(one, () => shown.failed(result.reason));
  else if (result.progress) shown.underWay(result.progress);
  else shown.waiting();
}

function end(one, showIt) {
  one.isOver = true;
  showIt();
  clear.hidden = false;
  say(`${one.name}: ${one.shown.state.textContent}`);
}

async function save(one, name) {
  const data = await fileOf(one.jobId, name).catch((refused) => say(`${name}: ${refused.message}`));
  if (!data) return;
  const link = document.createElement("a");
  Object.assign(link, { href: URL.createObjectURL(data), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // a browser may ask the user first where to
}

function say(text, lost = false) {
  told.textContent = text;
  told.dataset.lost = lost ? "yes" : "";
}

function keep() {
  const known = files.filter((one) => one.jobId).map(({ jobId, name }) => ({ jobId, name }));
  sessionStorage.setItem(KEPT, JSON.stringify(known));
}

// Not crypto.randomUUID, which only pages over TLS have.
function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

picker.addEventListener("change", () => {
  take([...picker.files]);
  picker.value = ""; // so that the same file can be chosen again
});

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});

document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("over");
});

document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  take([...event.dataTransfer.files]);
});

clear.addEventListener("click", () => {
  for (const one of files.filter((each) => each.isOver)) one.shown.item.remove();
  files = files.filter((one) => !one.isOver);
  keep();
  clear.hidden = true;
  say("");
  picker.focus();
});

window.addEventListener("beforeunload", (event) => {
  if (unsent) event.preventDefault(); // what is not sent is lost
});

onKeyNeeded((reason) => {
  document.getElementById("key-reason").textContent = reason;
  form.hidden = false;
  field.focus();
  return new Promise((given) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      keepKey(field.value);
      field.value = "";
      form.hidden = true;
      picker.focus();
      given();
    };
  });
});

for (const { jobId, name } of JSON.parse(sessionStorage.getItem(KEPT) ?? "[]")) add(name, { jobId }).shown.waiting();
tryKey().catch((refused) => say(refused.message));
follow();
