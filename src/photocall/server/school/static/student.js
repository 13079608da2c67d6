// A student's own fields, and the two steps of erasing.

import { element } from "./elements.js";

const [fieldName, fieldValue] = ["new-field-name", "new-field-value"].map((id) => document.getElementById(id));

const WORDS = {
  portraits: "photos",
  templates: "face templates",
  crops: "faces cut out of photos of lessons",
  sightings: "faces recognised in lessons",
  corrections: "corrections that were remembered",
  lines: "lines of registers",
  memberships: "classes",
  records: "other records",
  objects: "files",
  queue_messages: "tasks that waited",
};

fieldName?.addEventListener("input", () => (fieldValue.dataset.field = fieldName.value.trim()));

const [erase, typed] = [document.getElementById("erase-form"), document.getElementById("erase-name")];

typed?.addEventListener("input", () => {
  erase.querySelector("button").disabled = typed.value.trim() !== typed.dataset.name;
});

erase?.addEventListener("answered", ({ detail }) => {
  const list = document.getElementById("erased-what");
  for (const [name, count] of Object.entries(detail.removed)) {
    list.append(element("dt", {}, WORDS[name] ?? name.replaceAll("_", " ")), element("dd", {}, `${Array.isArray(count) ? count.length : count}`));
  }
  erase.closest("dialog").close();
  document.getElementById("student").remove();
  const erased = document.getElementById("erased");
  erased.hidden = false;
  erased.focus();
});
