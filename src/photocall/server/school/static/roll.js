// The roll called by hand: every student with four buttons. One stop of the Tab key in all; arrows go from there, and
// p, l, e and a give a status and go on to the next one.

import { Keyed, button, element, write } from "./elements.js";
import { STATUSES, statusName } from "./words.js";

// `acts` has mark(studentId, status) and markAll(status, studentIds).
export class Roll {
  constructor(root, acts, mayChange) {
    Object.assign(this, { root, acts, mayChange, register: null, at: [0, 0] });
    this.list = root.querySelector(".roll");
    this.rest = root.querySelector("[name=rest]");
    this.left = root.querySelector(".left");
    this.rows = new Keyed(this.list, () => this.row());
    this.rest.onclick = () => acts.markAll("present", open(this.register).map((each) => each.student_id));
    this.list.onkeydown = (event) => this.press(event);
    this.list.onfocusin = (event) => this.stand(event.target);
  }

  show(register) {
    this.register = register;
    this.rows.show(register.lines.map((each) => [each.student_id, each]));
    const count = open(register).length;
    this.rest.disabled = !this.mayChange || !count;
    write(this.left, count ? `${count} of ${register.lines.length} still to be called` : "Everybody is called");
    this.rove();
  }

  row() {
    const name = element("span", { className: "name" });
    const controls = STATUSES.map((status) =>
      button(statusName(status), null, { className: `mark ${status}`, tabIndex: -1, disabled: !this.mayChange }),
    );
    const node = element("li", {}, element("div", { role: "group", className: "call" }, name, ...controls));
    return { node, update: (line) => this.updateRow(node.firstChild, name, controls, line) };
  }

  updateRow(group, name, controls, line) {
    write(name, line.name);
    group.setAttribute("aria-label", line.name);
    STATUSES.forEach((status, at) => {
      controls[at].setAttribute("aria-pressed", line.status === status && isCalled(line));
      controls[at].onclick = () => this.acts.mark(line.student_id, status);
    });
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [row, column] = this.at;
    const key = STATUSES.findIndex((status) => status[0] === event.key.toLowerCase());
    const moves = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
    if (key >= 0) {
      this.buttons(row)[key].click();
      this.go(row + 1, column);
    } else if (event.key in moves) {
      this.go(row + moves[event.key][0], column + moves[event.key][1]);
    } else if (event.key === "Home" || event.key === "End") {
      this.go(event.key === "Home" ? 0 : this.list.children.length - 1, column);
    } else return;
    event.preventDefault();
  }

  go(row, column) {
    this.at = [within(row, this.list.children.length), within(column, STATUSES.length)];
    this.rove();
    this.buttons(this.at[0])[this.at[1]]?.focus();
  }

  stand(control) {
    const row = [...this.list.children].indexOf(control.closest("li"));
    const column = this.buttons(row).indexOf(control);
    if (row >= 0 && column >= 0) this.at = [row, column];
    this.rove();
  }

  // Only the button that had the focus last is a stop of the Tab key.
  rove() {
    this.at[0] = within(this.at[0], this.list.children.length);
    for (const other of this.list.querySelectorAll("[tabindex='0']")) other.tabIndex = -1;
    const control = this.buttons(this.at[0])[this.at[1]];
    if (control) control.tabIndex = 0;
  }

  buttons(row) {
    return [...(this.list.children[row]?.querySelectorAll("button") ?? [])];
  }
}

// Those of whom nobody has said anything yet, and whom no photo shows for sure.
function open(register) {
  return register.lines.filter((each) => !isCalled(each));
}

function isCalled(line) {
  return line.by_hand || line.status === "present" || line.status === "late";
}

function within(value, count) {
  return Math.max(0, Math.min(value, count - 1));
}
