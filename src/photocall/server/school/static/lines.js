// The register of a lesson: a line for every student, and how many there are of each status.

import { Keyed, button, element, write } from "./elements.js";
import { SCHOOL } from "./asking.js";
import { similarityTold, statusName } from "./words.js";

const COUNTED = ["present", "late", "excused", "uncertain", "absent"];

export class Lines {
  constructor(root, change, mayChange) {
    Object.assign(this, { root, change, mayChange, only: null, register: null });
    this.list = new Keyed(root.querySelector(".lines"), () => this.line());
    this.field = root.querySelector("input[type=search]");
    this.strangers = root.querySelector(".strangers");
    this.counts = new Map();
    for (const status of COUNTED) this.addCount(root.querySelector(".counts"), status);
    this.field.oninput = () => this.filter();
  }

  addCount(parent, status) {
    const shown = button("", () => this.filterBy(status), { className: `count ${status}`, "aria-pressed": "false" });
    this.counts.set(status, shown);
    parent.append(element("li", {}, shown));
  }

  filterBy(status) {
    this.only = this.only === status ? null : status;
    for (const [each, shown] of this.counts) shown.setAttribute("aria-pressed", each === this.only);
    this.filter();
  }

  filter() {
    const wanted = this.field.value.trim().toLocaleLowerCase();
    for (const { node, student } of this.list.shown.values()) {
      const isNamed = student().name.toLocaleLowerCase().includes(wanted);
      node.hidden = !isNamed || (this.only !== null && student().status !== this.only);
    }
  }

  show(register) {
    this.register = register;
    this.list.show(register.lines.map((each) => [each.student_id, each]));
    for (const [status, shown] of this.counts) write(shown, `${register.counts[status] ?? 0} ${statusName(status).toLowerCase()}`);
    const strangers = register.counts.strangers ?? 0;
    write(this.strangers, strangers ? `${strangers} unknown ${strangers === 1 ? "person" : "people"} seen` : "");
    this.filter();
  }

  line() {
    const picture = element("img", { alt: "", loading: "lazy", width: 48, height: 48 });
    const [name, status, more] = ["name", "status", "more"].map((each) => element("span", { className: each }));
    const control = button("", null, { className: "line", disabled: !this.mayChange });
    control.append(picture, name, status, more);
    const node = element("li", {}, control);
    let current = null;
    const update = (line) => {
      current = line;
      this.updateLine({ node, control, picture, name, status, more }, line);
    };
    return { node, update, student: () => current };
  }

  updateLine({ node, control, picture, name, status, more }, line) {
    const source = line.has_picture ? `${SCHOOL}/seen/${line.seen_id}/image` : "";
    picture.hidden = !source;
    if (source && picture.getAttribute("src") !== source) picture.src = source;
    write(name, line.name);
    write(status, statusName(line.status));
    status.className = `status ${line.status ?? "none"}`;
    write(more, moreTold(line));
    node.dataset.student = line.student_id;
    control.onclick = () => this.change(line.student_id);
  }
}

function moreTold(line) {
  const parts = [line.by_hand ? "by hand" : similarityTold(line.similarity)];
  if (line.note) parts.push(line.note);
  if (!line.has_consent && !line.by_hand) parts.push("by hand only, without consent");
  return parts.filter(Boolean).join(", ");
}
