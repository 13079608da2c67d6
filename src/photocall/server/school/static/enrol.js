// Photos that a student is known by: files, or the camera with advice while one looks into it.

import { Refused, SCHOOL, ask, complain, go, upload } from "./asking.js";
import { formOf, onFiles } from "./dropping.js";
import { element } from "./elements.js";

const LOOK_SECONDS = 0.5;
// Between two looks at what the camera sees.

const LOOK_WIDTH = 480;
// Pixels of what is looked at; a photo that is taken has all that the camera gives.

const NO_CAMERA = {
  NotAllowedError: "The browser may not use the camera; allow it in the address bar, or choose a file",
  NotFoundError: "There is no camera; choose a file instead",
  NotReadableError: "The camera is used by something else; close that, or choose a file",
};

const box = document.getElementById("enrol");
function begin() {
  const [field, drop, sent, results] = ["portrait", "portrait-drop", "portrait-sent", "portrait-results"].map((id) =>
    document.getElementById(id),
  );
  onFiles(drop, field, async (files) => {
    let good = 0;
    for (const file of files) good += (await add(file, file.name, sent, results)) ? 1 : 0;
    if (good === files.length) go("reload", good === 1 ? "The photo is added" : `${good} photos are added`);
    else if (good) results.append(again());
  });
  new PortraitCamera(async (photo) => {
    if (await add(photo, "camera.jpg", sent, results)) go("reload", "The photo is added");
  });
}

// Sends a photo; whether it was taken in.
async function add(photo, name, sent, results) {
  sent.hidden = false;
  try {
    const answer = await upload("POST", box.dataset.action, formOf([photo], [name]), (part) => (sent.value = part));
    const [told] = answer.portraits;
    if (told.problem) results.append(problem(name, told.problem));
    return !told.problem;
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    results.append(problem(name, refused.message));
    return false;
  } finally {
    sent.hidden = true;
  }
}

function problem(name, reason) {
  return element("li", { className: "problem", role: "alert" }, element("bdi", {}, name), `: ${reason}`);
}

function again() {
  return element("li", {}, element("a", { href: location.pathname }, "Show the photos that were added"));
}

class PortraitCamera {
  constructor(take) {
    const ids = ["camera", "camera-on", "camera-off", "camera-take", "camera-picture", "camera-advice"];
    [this.box, this.on, this.off, this.shutter, this.picture, this.advice] = ids.map((id) => document.getElementById(id));
    this.take = take;
    this.stream = null;
    this.on.addEventListener("click", () => this.start());
    this.off.addEventListener("click", () => {
      this.stop();
      this.on.focus();
    });
    this.shutter.addEventListener("click", () => this.shoot());
    window.addEventListener("pagehide", () => this.stop());
  }

  async start() {
    complain("");
    // Only pages over TLS, or of this machine, have one.
    if (!navigator.mediaDevices) return complain("This browser lends no camera to pages without https; choose a file instead");
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, facingMode: "user" } });
    } catch (error) {
      return complain(NO_CAMERA[error.name] ?? "The camera cannot be used; choose a file instead");
    }
    this.picture.srcObject = this.stream;
    await this.picture.play();
    this.box.hidden = false;
    this.on.hidden = true;
    this.shutter.disabled = true;
    this.off.focus();
    this.watch(this.stream);
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.picture.srcObject = null;
    this.box.hidden = true;
    this.on.hidden = false;
  }

  // Looks twice a second as long as this stream is the one that is shown.
  async watch(stream) {
    while (this.stream === stream) {
      const began = performance.now();
      try {
        this.tell(await ask("POST", `${SCHOOL}/look`, await this.frame(LOOK_WIDTH)));
      } catch (refused) {
        if (!(refused instanceof Refused)) throw refused;
        this.tell({ good: false, advice: refused.message });
      }
      const rest = 1000 * LOOK_SECONDS - (performance.now() - began);
      await new Promise((done) => setTimeout(done, Math.max(rest, 0)));
    }
  }

  tell({ good, advice }) {
    this.shutter.disabled = !good;
    this.advice.className = good ? "good" : "warning";
    if (this.advice.textContent !== advice) this.advice.textContent = advice; // or it would be read out again
  }

  // What the camera sees, as JPEG, at most so wide.
  frame(width) {
    const { videoWidth, videoHeight } = this.picture;
    const scale = Math.min(1, width / videoWidth);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [Math.round(scale * videoWidth), Math.round(scale * videoHeight)];
    canvas.getContext("2d").drawImage(this.picture, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  }

  async shoot() {
    const photo = await this.frame(Infinity);
    this.stop();
    await this.take(photo);
  }
}

if (box) begin();
