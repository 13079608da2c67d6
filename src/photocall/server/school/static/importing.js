// Importing: a file is sent, what it would change is shown, and only then it is done.

import { SCHOOL, ask, complain, go, say, upload } from "./asking.js";
import { formOf, onFiles } from "./dropping.js";
import { table } from "./elements.js";

const MOST_SHOWN = 500;
// Rows of a table; a school's whole file would make a page of which nobody reads the end.

const [box, field, sent, preview, counts, tables, confirm, other] = [
  "import-drop",
  "import",
  "import-sent",
  "preview",
  "preview-counts",
  "preview-tables",
  "confirm",
  "drop-it",
].map((id) => document.getElementById(id));

let importId = "";

onFiles(box, field, send);

async function send(files) {
  complain("");
  preview.hidden = true;
  sent.hidden = false;
  try {
    show(await upload("POST", `${SCHOOL}/imports`, formOf(files), (part) => (sent.value = part)));
  } catch (refused) {
    complain(refused);
  } finally {
    sent.hidden = true;
  }
}

function show(answer) {
  importId = answer.import_id;
  const changes = answer.new.length + answer.changed.length;
  counts.textContent = `${answer.new.length} new, ${answer.changed.length} changed, ${answer.unchanged} as they are, ${answer.bad.length} rows that cannot be taken`;
  tables.replaceChildren();
  add("Rows that cannot be taken", ["File", "Row", "Why"], answer.bad.map((each) => [each.file, each.row, each.reason]));
  add("New", ["What", "Number", "Name", "Classes"], answer.new.map((each) => [...named(each), list(each.joins)]));
  add("Changed", ["What", "Number", "Name", "Changes"], answer.changed.map((each) => [...named(each), changesOf(each)]));
  confirm.disabled = !changes;
  preview.hidden = false;
  preview.focus();
}

function add(caption, heads, rows) {
  if (!rows.length) return;
  const box = document.createElement("div");
  box.className = "scrolls";
  const more = rows.length > MOST_SHOWN ? `; the first ${MOST_SHOWN} of them` : "";
  const made = table(`${caption} (${rows.length}${more})`, heads, rows.slice(0, MOST_SHOWN));
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", caption);
  box.append(made);
  tables.append(box);
}

function named(each) {
  return [each.what, each.id, each.name];
}

function list(names) {
  return (names ?? []).join(", ");
}

function changesOf(each) {
  const fields = Object.entries(each.changes ?? {}).map(([name, [before, after]]) => `${name}: ${before || "nothing"} → ${after || "nothing"}`);
  if (each.joins?.length) fields.push(`joins ${list(each.joins)}`);
  if (each.leaves?.length) fields.push(`leaves ${list(each.leaves)}`);
  return fields.join("; ");
}

confirm.addEventListener("click", async () => {
  confirm.disabled = true;
  say("It is being imported");
  try {
    await ask("POST", `${SCHOOL}/imports/${encodeURIComponent(importId)}/confirm`);
    go("/school", "It is imported");
  } catch (refused) {
    say("");
    complain(refused);
    confirm.disabled = false;
  }
});

other.addEventListener("click", () => {
  preview.hidden = true;
  field.focus();
});
