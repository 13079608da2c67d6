// Forms and buttons that ask the school's routes, as their attributes say, so that most pages need no module.
//
// <form data-method="POST" data-action="/v1/school/courses" data-then="/school/classes/{course_id}" data-say="Made">
//   sends its fields as JSON. Fields with data-list become a list; numbers are numbers, and a checkbox without data-list
//   is true or false. Those with data-field="room" go into an object "fields", by that name and unless they are empty.
//   Empty ones with data-optional stay away, and so do lists with data-if-changed of which nobody changed anything.
//   Times with data-zone="Europe/Berlin" are meant there.
// <button type="button" data-method="DELETE" data-action="..." data-then="reload" data-confirm="Really?">
//   asks first, in a dialog.
// <button type="button" data-opens="some-dialog"> opens a dialog, data-closes the one that it is in.
//
// data-then: "reload", or an address in which {name} stands for a field of the answer; without it the event "answered"
// says what came, in `detail`.

import { ask, complain, go, say } from "./asking.js";

// What a form holds, as the routes take it.
function valuesOf(form) {
  const values = {};
  for (const field of form.elements) {
    if ("field" in field.dataset) gatherField((values.fields ??= Object.create(null)), field);
    if (!field.name || field.disabled || (field.type === "radio" && !field.checked)) continue;
    if ("ifChanged" in field.dataset && isAsItWas(form, field.name)) continue;
    if ("list" in field.dataset) gatherList((values[field.name] ??= []), field);
    else if (field.value || !("optional" in field.dataset)) values[field.name] = valueOf(field);
  }
  return values;
}

function gatherField(fields, field) {
  if (field.dataset.field && field.value.trim()) fields[field.dataset.field] = field.value;
}

function gatherList(list, field) {
  if (field.type !== "checkbox" || field.checked) list.push(field.value);
}

function isAsItWas(form, name) {
  return [...form.elements].every((each) => each.name !== name || each.checked === each.defaultChecked);
}

function valueOf(field) {
  if (field.type === "checkbox") return field.checked;
  if (field.type === "number") return field.valueAsNumber;
  return field.dataset.zone && field.value ? withOffset(field.value, field.dataset.zone) : field.value;
}

// A time of a zone's clocks, such as 2026-11-23T08:00, with its offset: 2026-11-23T08:00+01:00.
function withOffset(time, zone) {
  const format = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" });
  const offsetAt = (moment) => format.formatToParts(moment).find((part) => part.type === "timeZoneName").value.slice(3) || "+00:00";
  const near = offsetAt(new Date(`${time}Z`)); // right but for the hours around a change of the clocks
  return time + offsetAt(new Date(time + near));
}

// Sends what an element's attributes say. Until the answer is there, and the next page if it leads to one, it cannot be
// sent again.
async function send(element, body, place) {
  const { method, action, then, say: text } = element.dataset;
  if (element.getAttribute("aria-busy") === "true") return;
  element.setAttribute("aria-busy", "true");
  complain("", place);
  try {
    const answer = await ask(method, action, body);
    element.dispatchEvent(new CustomEvent("answered", { detail: answer, bubbles: true }));
    if (then) return go(filled(then, answer ?? {}), text);
    if (text) say(text);
  } catch (refused) {
    element.setAttribute("aria-busy", "false");
    return complain(refused, place);
  }
  element.setAttribute("aria-busy", "false");
}

// Whoever comes back to a page finds it as it was.
window.addEventListener("pagehide", () => {
  for (const busy of document.querySelectorAll("[data-action][aria-busy=true]")) busy.setAttribute("aria-busy", "false");
});

function filled(address, answer) {
  return address.replace(/\{([a-z_.]+)\}/g, (_, name) => encodeURIComponent(name.split(".").reduce((found, each) => found[each], answer)));
}

// Where a form says what is wrong with it: near, and also seen from within a dialog.
function placeIn(form) {
  let place = form.querySelector("[role=alert]");
  if (!place) {
    place = Object.assign(document.createElement("p"), { className: "problem" });
    place.setAttribute("role", "alert");
    form.prepend(place);
  }
  return place;
}

// Whether somebody says yes to a question.
export function confirmed(question, yes = "Yes") {
  const dialog = document.createElement("dialog");
  const text = Object.assign(document.createElement("p"), { textContent: question, id: "question" });
  dialog.setAttribute("aria-labelledby", "question");
  const row = Object.assign(document.createElement("div"), { className: "row" });
  const button = (label, value, kind) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: label, className: kind });
    made.addEventListener("click", () => dialog.close(value));
    return made;
  };
  row.append(button(yes, "yes", "danger"), Object.assign(button("Cancel", "", "quiet"), { autofocus: true }));
  dialog.append(text, row);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue === "yes");
    });
  });
}

for (const form of document.querySelectorAll("form[data-action]")) placeIn(form);

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-action]");
  if (!form) return;
  event.preventDefault();
  send(form, valuesOf(form), placeIn(form));
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.opens) document.getElementById(button.dataset.opens).showModal();
  else if ("closes" in button.dataset) button.closest("dialog").close();
  else if (button.dataset.action) {
    const { confirm, yes, body } = button.dataset;
    if (confirm && !(await confirmed(confirm, yes ?? button.textContent.trim()))) return;
    send(button, body ? JSON.parse(body) : undefined, button.closest("dialog")?.querySelector("[role=alert]") ?? undefined);
  }
});

