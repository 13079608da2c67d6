// The faces that are not sure, one card each: what was seen beside the student's own photo, and three answers.

import { SCHOOL, ask } from "./asking.js";
import { Keyed, button, element, write } from "./elements.js";
import { reasonsTold, similarityTold } from "./words.js";

// `acts` has verdict(seenId, verdict, studentId) and other(seenId).
export class Review {
  constructor(root, acts) {
    Object.assign(this, { root, acts, portraits: new Map() });
    this.heading = root.querySelector("h2");
    this.cards = new Keyed(root.querySelector(".cards"), () => this.card());
  }

  show(register) {
    const seen = new Map(register.seen.map((each) => [each.seen_id, each]));
    const open = register.review.map((id) => seen.get(id)).filter(Boolean);
    const had = this.root.contains(document.activeElement) ? this.place() : -1;
    this.root.hidden = !open.length;
    write(this.heading, `Not sure: ${open.length}`);
    this.cards.show(open.map((each) => [each.seen_id, each]));
    if (had >= 0 && !this.root.contains(document.activeElement)) this.goOn(had);
  }

  place() {
    return [...this.cards.parent.children].indexOf(document.activeElement.closest("li"));
  }

  // After an answer its card is gone; the next one is where the keyboard goes on.
  goOn(place) {
    const left = this.cards.parent.children;
    const next = left[Math.min(place, left.length - 1)];
    next?.querySelector("button").focus();
  }

  card() {
    const [seen, known] = [0, 1].map(() => element("img", { width: 160, height: 160 }));
    const text = element("p");
    const yes = button("", null);
    const no = button("No", null, { className: "quiet" });
    const other = button("Somebody else…", null, { className: "quiet" });
    const pictures = element("div", { className: "pair" }, seen, known);
    const node = element("li", { className: "card" }, pictures, text, element("div", { className: "row" }, yes, no, other));
    return { node, update: (each) => this.updateCard({ seen, known, text, yes, no, other }, each) };
  }

  updateCard({ seen, known, text, yes, no, other }, each) {
    const source = `${SCHOOL}/seen/${each.seen_id}/image`;
    seen.hidden = !each.is_kept;
    if (each.is_kept && seen.getAttribute("src") !== source) seen.src = source;
    seen.alt = "The face in the lesson";
    known.alt = `A photo of ${each.name}`;
    if (known.dataset.student !== each.student_id) this.portrait(known, each.student_id);
    const poor = reasonsTold(each.reasons);
    write(text, [`${each.name}? ${similarityTold(each.similarity)}`, poor].filter(Boolean).join("; "));
    write(yes, `Yes, it is ${each.name}`);
    yes.onclick = () => this.acts.verdict(each.seen_id, "is", each.student_id);
    no.onclick = () => this.acts.verdict(each.seen_id, "is-not", each.student_id);
    no.setAttribute("aria-label", `No, it is not ${each.name}`);
    other.onclick = () => this.acts.other(each.seen_id);
  }

  async portrait(image, studentId) {
    image.dataset.student = studentId;
    image.hidden = true;
    const found = await this.portraitOf(studentId);
    if (!found || image.dataset.student !== studentId) return;
    image.src = `${SCHOOL}/portraits/${found}/image`;
    image.hidden = false;
  }

  // Asked for once a student; without a photo there is simply none beside the face.
  portraitOf(studentId) {
    if (!this.portraits.has(studentId)) {
      const asked = ask("GET", `${SCHOOL}/students/${encodeURIComponent(studentId)}/portraits`);
      this.portraits.set(studentId, asked.then((told) => told.portraits[0]?.portrait_id ?? null, () => null));
    }
    return this.portraits.get(studentId);
  }
}
