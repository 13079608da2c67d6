// The register of a class. Rows whose name does not have what is looked for are hidden, as it is typed. The first rows
// come whole; the cells of the others are made here, a few rows whenever the browser has nothing else to do.

import { counted, element, write } from "./elements.js";

const AT_ONCE = 50;
// Rows whose cells are made together.

const rows = [...document.querySelectorAll(".matrix tbody tr")];
const names = rows.map((row) => row.firstElementChild.textContent.toLocaleLowerCase());
const field = document.getElementById("find");
const told = document.getElementById("found");
const later = window.requestIdleCallback ?? ((act) => setTimeout(act, 20));

function complete(some) {
  for (const row of some) {
    const letters = row.dataset.letters;
    if (letters === undefined) continue;
    row.append(...[...letters].map((letter) => element("td", { className: letter, role: "cell" }, letter)));
    delete row.dataset.letters;
  }
}

function goOn(from) {
  complete(rows.slice(from, from + AT_ONCE));
  if (from + AT_ONCE < rows.length) later(() => goOn(from + AT_ONCE));
}

function filter() {
  const wanted = field.value.trim().toLocaleLowerCase();
  const found = rows.filter((row, at) => !(row.hidden = !names[at].includes(wanted)));
  complete(found.slice(0, AT_ONCE));
  write(told, counted(found.length, "student"));
}

field.oninput = filter;
addEventListener("beforeprint", () => complete(rows));
if (field.value) filter(); // what a browser has kept over a reload
later(() => goOn(0));
