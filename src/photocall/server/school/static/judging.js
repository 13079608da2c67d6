// The two dialogs of a lesson: what a face is said to be, and what the register says of a student.

import { SCHOOL } from "./asking.js";
import { button, element, write } from "./elements.js";
import { nameTold } from "./picture.js";
import { STATUSES, reasonsTold, similarityTold, statusName } from "./words.js";

const MOST_FOUND = 50;
// Students that a search lists; whoever is further down is found by more letters.

// `acts` has verdict(seenId, verdict, studentId), mark(studentId, status, note), unmark(studentId) and judge(seenId).
export class FaceDialog {
  constructor(dialog, acts) {
    Object.assign(this, { dialog, acts, register: null, seen: null });
    [this.heading, this.picture, this.more, this.choices, this.field, this.found] = [
      "h2", "img", ".more", ".choices", "input[type=search]", ".found",
    ].map((each) => dialog.querySelector(each));
    this.field.oninput = () => this.search();
    this.field.onkeydown = (event) => this.pressInField(event);
    this.found.onkeydown = (event) => this.pressInFound(event);
  }

  // Opens for a face. isOther: somebody else is looked for, so the field for that comes first.
  open(register, seenId, isOther = false) {
    const seen = register.seen.find((each) => each.seen_id === seenId);
    if (!seen) return;
    Object.assign(this, { register, seen });
    write(this.heading, seen.name ? `Is this ${seen.name}?` : "Who is this?");
    show(this.picture, seen.is_kept && seenId);
    const poor = reasonsTold(seen.reasons);
    write(this.more, [nameTold(seen), poor && `the face is ${poor}`].filter(Boolean).join("; "));
    this.choices.replaceChildren(...this.verdicts(seen));
    this.field.value = "";
    this.search();
    this.dialog.showModal();
    if (isOther || !seen.name) this.field.focus();
  }

  verdicts(seen) {
    const { seen_id: seenId, student_id: studentId, name, state, verdict } = seen;
    const shown = [];
    if (studentId && state === "uncertain") shown.push(this.choice(`Yes, it is ${name}`, "is", studentId));
    if (studentId) shown.push(this.choice(`It is not ${name}`, "is-not", studentId, "quiet"));
    shown.push(this.choice("Nobody of this class", "nobody", "", "quiet"));
    if (verdict) shown.push(button("Take the correction back", () => this.close(() => this.acts.verdict(seenId, "", "")), { className: "quiet" }));
    return shown;
  }

  choice(text, verdict, studentId, className = "") {
    return button(text, () => this.close(() => this.acts.verdict(this.seen.seen_id, verdict, studentId)), { className });
  }

  search() {
    const wanted = this.field.value.trim().toLocaleLowerCase();
    const fits = this.register.lines.filter((each) => each.has_consent !== false && each.name.toLocaleLowerCase().includes(wanted));
    this.found.replaceChildren(...fits.slice(0, MOST_FOUND).map((each) => element("li", {}, this.choice(`It is ${each.name}`, "is", each.student_id, "quiet"))));
    if (!fits.length) this.found.append(element("li", {}, "Nobody of this name; without consent nobody is named by the face"));
  }

  pressInField(event) {
    const first = this.found.querySelector("button");
    if (event.key === "ArrowDown") first?.focus();
    else if (event.key === "Enter" && this.field.value.trim()) first?.click();
    else return;
    event.preventDefault();
  }

  pressInFound(event) {
    const all = [...this.found.querySelectorAll("button")];
    const at = all.indexOf(document.activeElement);
    if (event.key === "ArrowDown") all[Math.min(at + 1, all.length - 1)].focus();
    else if (event.key === "ArrowUp") (all[at - 1] ?? this.field).focus();
    else return;
    event.preventDefault();
  }

  close(act) {
    this.dialog.close();
    act();
  }
}

export class LineDialog {
  constructor(dialog, acts) {
    Object.assign(this, { dialog, acts, line: null });
    [this.heading, this.picture, this.more, this.choices, this.note, this.others] = [
      "h2", "img", ".more", ".choices", "[name=note]", ".others",
    ].map((each) => dialog.querySelector(each));
  }

  open(register, studentId) {
    const line = register.lines.find((each) => each.student_id === studentId);
    if (!line) return;
    this.line = line;
    write(this.heading, line.name);
    show(this.picture, line.has_picture && line.seen_id);
    const why = line.by_hand ? "by hand" : similarityTold(line.similarity);
    write(this.more, [`Now: ${statusName(line.status).toLowerCase()}`, why].filter(Boolean).join(", "));
    this.note.value = line.note ?? "";
    this.choices.replaceChildren(...STATUSES.map((status) => this.status(status)));
    this.others.replaceChildren(...this.more_choices(line));
    this.dialog.showModal();
    this.choices.querySelector("[aria-pressed=true]")?.focus();
  }

  status(status) {
    const act = () => this.close(() => this.acts.mark(this.line.student_id, status, this.note.value.trim()));
    const isNow = this.line.status === status;
    return button(statusName(status), act, { className: `mark ${status}`, "aria-pressed": String(isNow) });
  }

  // The note with the status as it is, which counts as by hand from then on.
  keepNote(line) {
    const act = () => this.close(() => this.acts.mark(line.student_id, line.status, this.note.value.trim()));
    return button("Keep the note", act, { className: "quiet" });
  }

  more_choices(line) {
    const shown = [];
    if (STATUSES.includes(line.status)) shown.push(this.keepNote(line));
    if (line.by_hand) shown.push(button("As the photos say", () => this.close(() => this.acts.unmark(line.student_id)), { className: "quiet" }));
    if (line.seen_id) shown.push(button("Change whose face this is", () => this.close(() => this.acts.judge(line.seen_id)), { className: "quiet" }));
    return shown;
  }

  close(act) {
    this.dialog.close();
    act();
  }
}

// The picture of a face, where it is still there.
function show(image, seenId) {
  image.hidden = !seenId;
  if (seenId) image.src = `${SCHOOL}/seen/${seenId}/image`;
  else image.removeAttribute("src");
}
