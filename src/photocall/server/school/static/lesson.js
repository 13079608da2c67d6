// A lesson: the register is asked for again and again, sooner while there is news, and every part of the page shows it.

import { Refused, SCHOOL, ask, complain, say, sleep } from "./asking.js";
import { LiveCamera } from "./camera.js";
import { onFiles } from "./dropping.js";
import { counted } from "./elements.js";
import { confirmed } from "./forms.js";
import { FaceDialog, LineDialog } from "./judging.js";
import { Lines } from "./lines.js";
import { Picture } from "./picture.js";
import { Review } from "./reviewing.js";
import { Roll } from "./roll.js";
import { Sending } from "./sending.js";
import { tabs } from "./tabs.js";
import { statusName } from "./words.js";

const [FIRST_PAUSE, MOST_PAUSE, SLOWER] = [0.3, 5, 1.3];
// Seconds between two looks; more and more while nothing changes.

const MOST_TOLD = 3;
// Changes that are read out one by one; more are told as a sum.

const MOST_UNSENT = 3;
// Photos of the live camera on their way; on a slow line some are left out.

const root = document.getElementById("lesson");
const lessonId = root.dataset.lesson;
const mayChange = root.dataset.change === "yes";
const own = (path) => `${SCHOOL}/lessons/${encodeURIComponent(lessonId)}/${path}`;

let register = null;
let isAsked = false;
let isLost = false;
let wake = () => {};

// Lets the next look be now.
function soon() {
  isAsked = true;
  wake();
}

async function act(method, path, body) {
  complain("");
  try {
    await ask(method, path, body);
  } catch (refused) {
    complain(refused);
  }
  soon();
}

const acts = {
  judge: (seenId) => faceDialog.open(register, seenId),
  other: (seenId) => faceDialog.open(register, seenId, true),
  verdict: (seenId, verdict, studentId) =>
    act("PUT", `${SCHOOL}/seen/${seenId}/verdict`, studentId ? { verdict, student_id: studentId } : { verdict }),
  mark: (studentId, status, note = noteOf(studentId)) => act("PUT", own(`marks/${encodeURIComponent(studentId)}`), { status, note }),
  unmark: (studentId) => act("DELETE", own(`marks/${encodeURIComponent(studentId)}`)),
  markAll: (status, students) => act("PUT", own("marks"), { status, students }),
  late: (evidence, late) => act("PATCH", `${SCHOOL}/evidence/${evidence.evidence_id}`, { late }),
  remove: async (evidence) => {
    const question = `Remove ${evidence.name}? What it alone shows goes from the register.`;
    if (await confirmed(question, "Remove")) await act("DELETE", `${SCHOOL}/evidence/${evidence.evidence_id}`);
  },
};

function noteOf(studentId) {
  return register.lines.find((each) => each.student_id === studentId)?.note ?? "";
}

const part = (id) => document.getElementById(id);
const faceDialog = new FaceDialog(part("face-dialog"), acts);
const lineDialog = new LineDialog(part("line-dialog"), acts);
const lines = new Lines(part("register"), (studentId) => lineDialog.open(register, studentId), mayChange);
const parts = [lines, new Picture(part("picture"), acts, mayChange), new Roll(part("by-hand"), acts, mayChange)];
if (mayChange) parts.push(new Review(part("review"), acts));

async function follow() {
  let pause = FIRST_PAUSE;
  for (;;) {
    isAsked = false;
    const isNews = await look();
    pause = isNews || isOpen() ? FIRST_PAUSE : Math.min(SLOWER * pause, MOST_PAUSE);
    if (!isAsked) await Promise.race([sleep(pause), new Promise((done) => (wake = done))]);
    if (isAsked) pause = FIRST_PAUSE;
    await visible();
  }
}

function isOpen() {
  return register?.evidence.some((each) => each.state === "waiting" || each.state === "found");
}

// Asks for the register; whether there is news.
async function look() {
  let found;
  try {
    found = await ask("GET", own("register"));
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    isLost = true;
    complain(`${refused.message}; trying again`);
    return false;
  }
  if (isLost) complain("");
  isLost = false;
  if (found.changed === register?.changed) return false;
  const before = register;
  register = prepared(found);
  for (const each of parts) each.show(register);
  if (before) tell(before, register);
  return true;
}

// Before the roll is called nobody is absent yet; and pictures of faces are only there until they were deleted.
function prepared(found) {
  const kept = new Set(found.seen.filter((each) => each.is_kept).map((each) => each.seen_id));
  for (const line of found.lines) {
    line.status = found.lesson.taken ? line.status : null;
    line.has_picture = kept.has(line.seen_id);
  }
  if (!found.lesson.taken) found.counts = {};
  return found;
}

// Reads out what has changed.
function tell(before, now) {
  const had = new Map(before.lines.map((each) => [each.student_id, each.status]));
  const changed = now.lines.filter((each) => had.get(each.student_id) !== each.status);
  if (!changed.length) return;
  if (changed.length <= MOST_TOLD) say(changed.map((each) => `${each.name}: ${statusName(each.status).toLowerCase()}`).join("; "));
  else say(`${counted(changed.length, "line")} changed: ${now.counts.present} present, ${now.counts.absent} absent, ${now.counts.uncertain} not sure`);
}

// Nobody looks at a page that is hidden, so it does not ask.
function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
}

function takeFiles() {
  const sending = new Sending(part("uploads"), lessonId, soon);
  const picker = part("files");
  onFiles(picker.closest(".drop"), picker, (files) => sending.take(files));
  new LiveCamera(part("camera"), (file) => sending.unsent < MOST_UNSENT && sending.take([file]));
}

tabs(part("ways"));
if (mayChange) takeFiles();
follow();
