// Photos of many students at once: a ZIP, or files named after them. What became of each is shown.

import { SCHOOL, complain, say, upload } from "./asking.js";
import { formOf, onFiles } from "./dropping.js";
import { table } from "./elements.js";

const ids = ["archive-drop", "archive", "archive-folder", "archive-sent", "archive-results"];
const [box, field, folder, sent, results] = ids.map((id) => document.getElementById(id));

if (box) onFiles(box, [field, folder], send);

async function send(files) {
  complain("");
  sent.hidden = false;
  try {
    // A folder that was chosen says which one a file is in; the server sees the student's name in that, too.
    const form = formOf(files, files.map((file) => file.webkitRelativePath || file.name));
    show(await upload("POST", `${SCHOOL}/portrait-archives`, form, (part) => (sent.value = part)));
  } catch (refused) {
    complain(refused);
  } finally {
    sent.hidden = true;
  }
}

function show(answer) {
  const rows = answer.portraits.map((each) => [each.file, each.student?.name ?? each.student_id ?? "", outcome(each)]);
  const good = answer.portraits.filter((each) => each.portrait_id).length;
  results.replaceChildren(table(`${good} of ${rows.length} photos were added`, ["Photo", "Student", "What became of it"], rows));
  results.hidden = false;
  say(`${good} of ${rows.length} photos were added`);
}

function outcome(each) {
  if (each.problem) return each.problem;
  return each.resembles ? `added, but it resembles ${each.resembles.name}` : "added";
}

