// Passwords that are there to be changed: one is offered for a new account, and one that the server made is shown once.

import { go } from "./asking.js";

const [dialog, whose, text, done, field, opener] = ["whose-password", "password-whose", "password-text", "password-done", "new-password", "open-new-account"].map(
  (id) => document.getElementById(id),
);

const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";
// None that looks like another one.

// 15 letters of 31: 74 bits.
function randomPassword() {
  const letters = [];
  while (letters.length < 15) {
    const [byte] = crypto.getRandomValues(new Uint8Array(1));
    if (byte < LETTERS.length * 8) letters.push(LETTERS[byte % LETTERS.length]); // so that each is as likely
  }
  return letters.join("").replace(/(.{5})(?=.)/g, "$1-");
}

opener.addEventListener("click", () => (field.value = randomPassword()));

document.addEventListener("answered", ({ target, detail }) => {
  if (!("newPassword" in target.dataset)) return;
  const opened = target.closest("dialog");
  whose.textContent = opened.querySelector("h2").textContent;
  text.textContent = detail.password;
  opened.close();
  dialog.showModal();
});

dialog.addEventListener("close", () => {
  text.textContent = "";
  go("reload");
});

done.addEventListener("click", () => dialog.close());
