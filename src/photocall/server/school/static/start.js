// The first run: the browser knows the time zone, and the demo class is loaded once there is an administrator.

import { SCHOOL, ask, complain, go, say } from "./asking.js";

const [form, zone, demo] = ["start", "time_zone", "demo"].map((id) => document.getElementById(id));

const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
if ([...zone.options].some((option) => option.value === here)) zone.value = here;

form.addEventListener("answered", async ({ detail }) => {
  if (!demo.checked) return go("/school");
  const csrf = Object.assign(document.createElement("meta"), { name: "csrf", content: detail.csrf });
  document.head.append(csrf);
  form.hidden = true;
  say("The demo class is being made; this takes a moment");
  try {
    await ask("POST", `${SCHOOL}/demo-class`, {});
    go("/school", "The demo class is there");
  } catch (refused) {
    say("");
    complain(refused);
    document.getElementById("on").hidden = false;
  }
});
