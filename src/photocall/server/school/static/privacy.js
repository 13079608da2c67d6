// What the retention clock has just deleted, told beside the button that ran it.

import { counted } from "./elements.js";

const KINDS = [
  ["photos", "photo or video", "photos and videos"],
  ["crops", "picture of a face", "pictures of faces"],
  ["templates", "template"],
  ["leavers", "student who had left", "students who had left"],
  ["finished", "erasure that was broken off", "erasures that were broken off"],
  ["remains", "thing left over", "things left over"],
  ["sign_ins", "expired sign-in"],
  ["previews", "preview of an import", "previews of imports"],
];

document.getElementById("run").addEventListener("answered", (event) => {
  const deleted = event.detail.deleted ?? event.detail;
  const parts = KINDS.filter(([name]) => deleted[name]).map(([name, ...words]) => counted(deleted[name], ...words));
  document.getElementById("ran").textContent = parts.length ? `Deleted: ${parts.join(", ")}.` : "Nothing was due.";
});
