// The photos and videos of a lesson: a row of thumbnails, and the chosen one with a box and a name for every face.

import { Keyed, button, counted, element, write } from "./elements.js";
import { SCHOOL } from "./asking.js";
import { clock, similarityTold } from "./words.js";

const EDGE = 0.1;
// So near to an edge of the picture, as a part of its width, names stand beside it.

const STATES = {
  waiting: "Waiting for a worker",
  found: "Faces found, looking for names",
  failed: "Failed",
};

// Shows what there is; `acts` has what can be done: judge(seen), late(evidence, isLate), remove(evidence).
export class Picture {
  constructor(root, acts, mayChange) {
    Object.assign(this, { root, acts, mayChange, chosen: null, follows: true, register: null });
    [this.figure, this.image, this.layer, this.caption, this.people] = ["figure", "figure img", ".boxes", ".told", ".people"].map(
      (each) => root.querySelector(each),
    );
    [this.late, this.remove, this.larger] = ["late", "remove", "larger"].map((id) => root.querySelector(`[name=${id}]`));
    this.thumbs = new Keyed(root.querySelector(".thumbs"), () => this.thumb());
    this.boxes = new Keyed(this.layer, () => this.box());
    this.faces = new Keyed(this.people, () => this.face());
    this.late.onchange = () => acts.late(this.evidence(), this.late.checked);
    this.remove.onclick = () => acts.remove(this.evidence());
    this.larger.onclick = () => this.enlarge();
  }

  evidence() {
    return this.register.evidence.find((each) => each.evidence_id === this.chosen);
  }

  enlarge() {
    const isLarge = this.figure.classList.toggle("large");
    this.larger.setAttribute("aria-pressed", isLarge);
  }

  show(register) {
    const last = register.evidence.at(-1)?.evidence_id ?? null;
    this.register = register;
    if (this.follows || !this.evidence()) this.chosen = last;
    this.root.hidden = !this.chosen;
    this.thumbs.show(register.evidence.map((each) => [each.evidence_id, each]));
    if (this.chosen) this.showChosen(this.evidence());
  }

  choose(evidenceId) {
    this.chosen = evidenceId;
    this.follows = evidenceId === this.register.evidence.at(-1)?.evidence_id; // who looks at an older one is left alone
    this.show(this.register);
  }

  showChosen(evidence) {
    const seen = this.register.seen.filter((each) => each.evidence_id === evidence.evidence_id).sort(inOrder);
    const isPhoto = isShown(evidence);
    this.figure.hidden = !isPhoto;
    this.larger.hidden = !isPhoto;
    if (isPhoto) this.showPhoto(evidence, seen);
    this.faces.show(isPhoto ? [] : seen.map((each) => [each.seen_id, each]));
    this.late.checked = evidence.late;
    write(this.caption, told(evidence, seen));
    this.caption.className = `told ${evidence.state}`;
  }

  showPhoto(evidence, seen) {
    const source = `${SCHOOL}/evidence/${evidence.evidence_id}/image`;
    if (this.image.getAttribute("src") !== source) this.image.src = source;
    this.image.alt = evidence.name;
    const { width, height } = evidence;
    if (width) Object.assign(this.image, { width, height });
    const found = seen.length ? seen : (evidence.boxes ?? []).map((box, at) => ({ seen_id: `${evidence.evidence_id}/${at}`, box }));
    this.boxes.show(width ? found.map((each) => [each.seen_id, { ...each, width, height }]) : []);
  }

  thumb() {
    const picture = element("img", { alt: "", loading: "lazy" });
    const text = element("span");
    const node = element("li", {}, button("", null, { className: "thumb" }));
    node.firstChild.append(picture, text);
    return { node, update: (evidence) => this.updateThumb(node.firstChild, picture, text, evidence) };
  }

  updateThumb(control, picture, text, evidence) {
    const isPhoto = isShown(evidence);
    const source = isPhoto ? `${SCHOOL}/evidence/${evidence.evidence_id}/image` : "";
    if (isPhoto && picture.getAttribute("src") !== source) picture.src = source;
    picture.hidden = !isPhoto;
    const state = STATES[evidence.state] ?? "";
    write(text, [evidence.name, evidence.late ? "late" : "", state].filter(Boolean).join(", "));
    control.setAttribute("aria-pressed", evidence.evidence_id === this.chosen);
    control.onclick = () => this.choose(evidence.evidence_id);
  }

  box() {
    const label = element("span", { className: "label" });
    const node = element("button", { type: "button", className: "box" }, label);
    return { node, update: (seen) => this.updateBox(node, label, seen) };
  }

  updateBox(node, label, seen) {
    const [left, top, width, height] = places(seen.box);
    const place = { left: left / seen.width, top: top / seen.height, width: width / seen.width, height: height / seen.height };
    for (const [name, part] of Object.entries(place)) node.style[name] = `${(100 * part).toFixed(3)}%`;
    node.className = `box ${seen.state ?? "found"} ${edge(place)}`;
    node.disabled = !seen.state || !this.mayChange;
    write(label, shortName(seen));
    node.setAttribute("aria-label", nameTold(seen));
    node.onclick = () => this.acts.judge(seen.seen_id);
  }

  face() {
    const picture = element("img", { alt: "", loading: "lazy" });
    const text = element("span");
    const node = element("li", {}, button("", null, { className: "thumb" }));
    node.firstChild.append(picture, text);
    return { node, update: (seen) => this.updateFace(node.firstChild, picture, text, seen) };
  }

  updateFace(control, picture, text, seen) {
    const source = `${SCHOOL}/seen/${seen.seen_id}/image`;
    picture.hidden = !seen.is_kept;
    if (seen.is_kept && picture.getAttribute("src") !== source) picture.src = source;
    write(text, seen.box ? nameTold(seen) : `${nameTold(seen)}, at ${clock(seen.at)}`);
    control.className = `thumb ${seen.state}`;
    control.disabled = !this.mayChange;
    control.onclick = () => this.acts.judge(seen.seen_id);
  }
}

// Whoever a face is said to be: by people, else by the engine.
export function nameTold(seen) {
  if (!seen.state) return "A face";
  const name = seen.name ?? "";
  if (!name) return seen.verdict === "nobody" ? "Nobody" : "Unknown person";
  if (seen.state === "uncertain") return `${name}? Not sure, ${similarityTold(seen.similarity)}`;
  return seen.verdict ? `${name}, said by a person` : `${name}, ${similarityTold(seen.similarity)}`;
}

function shortName(seen) {
  if (!seen.state || !seen.name) return "";
  return seen.state === "uncertain" ? `${seen.name}?` : seen.name;
}

// How far a worker is, where one is at it.
function underWay(progress) {
  if (!progress) return "waiting for a worker";
  if (!progress.duration) return `a worker has looked at it for ${clock(progress.running)}`;
  return `${clock(progress.seconds)} of ${clock(progress.duration)} looked at, ${counted(progress.people, "person", "people")} so far`;
}

// A video is shown by the faces of its people, and so is a photo that was deleted while the register stays.
function isShown(evidence) {
  return evidence.kind === "photo" && evidence.is_kept;
}

// As the keyboard goes through them: from left to right, in a video as they come.
function inOrder(one, other) {
  return one.at - other.at || (one.box && other.box ? places(one.box)[0] - places(other.box)[0] : 0);
}

// Where a name would not fit below its box in the middle.
function edge({ left, width }) {
  const middle = left + width / 2;
  if (middle < EDGE) return "first";
  return middle > 1 - EDGE ? "last" : "";
}

function places(box) {
  return Array.isArray(box) ? box : String(box).split(",").map(Number);
}

function told(evidence, seen) {
  if (evidence.state === "failed") return `${evidence.name} failed: ${evidence.reason || "nobody knows why"}. Remove it, and take another one or call the roll by hand.`;
  if (evidence.state === "found") return `${counted(evidence.boxes?.length ?? 0, "face")} found, looking for names`;
  if (evidence.state === "waiting") return `${evidence.name}: ${underWay(evidence.progress)}`;
  if (!seen.length) return `${evidence.name}: there is no face in it`;
  const named = seen.filter((each) => each.name && each.state !== "uncertain").length;
  const unsure = seen.filter((each) => each.state === "uncertain").length;
  const parts = [`${evidence.name}: ${counted(seen.length, "person", "people")}`, `${named} named`];
  if (unsure) parts.push(`${unsure} not sure`);
  return [...parts, `${seen.length - named - unsure} unknown`].join(", ");
}
