// The live camera of a lesson: while it is on, a photo every few seconds.

import { complain, say } from "./asking.js";

const EVERY = 5000;
// Milliseconds between two photos.

const QUALITY = 0.92;
// Of the JPEG.

const WIDTH = 1920;
// Pixels wished for: faces at the back of a room need them.

export class LiveCamera {
  // taken: called with each photo, a File; false if it does not take it.
  constructor(root, taken) {
    Object.assign(this, { root, taken, stream: null, timer: 0, count: 0 });
    [this.video, this.told] = ["video", ".told"].map((each) => root.querySelector(each));
    [this.start, this.stop] = ["start", "stop"].map((name) => root.querySelector(`[name=${name}]`));
    this.start.onclick = () => this.begin();
    this.stop.onclick = () => this.end();
    addEventListener("pagehide", () => this.end());
  }

  async begin() {
    complain("");
    if (!navigator.mediaDevices) return complain("The camera works only over https or on this machine itself; choose photos instead");
    this.start.disabled = true;
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: WIDTH } } });
    } catch (error) {
      this.start.disabled = false;
      return complain(whyNot(error));
    }
    this.video.srcObject = this.stream;
    await this.video.play().catch(() => null); // it was stopped before it began
    if (!this.stream) return;
    this.show(true);
    this.timer = setInterval(() => this.take(), EVERY);
    this.take();
  }

  end() {
    if (!this.stream) return;
    clearInterval(this.timer);
    for (const track of this.stream.getTracks()) track.stop();
    this.video.srcObject = this.stream = null;
    this.start.disabled = false;
    this.show(false);
    this.start.focus();
    say("The camera is off");
  }

  show(isOn) {
    this.video.hidden = this.stop.hidden = !isOn;
    this.start.hidden = isOn;
    this.told.textContent = "";
  }

  async take() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width) return;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d").drawImage(this.video, 0, 0);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    if (!blob || !this.stream) return;
    const now = new Date();
    if (this.taken(new File([blob], `camera-${stamp(now)}.jpg`, { type: "image/jpeg" })) === false) return;
    this.count += 1;
    this.told.textContent = `${this.count} taken, one every ${EVERY / 1000} seconds`;
  }
}

function whyNot(error) {
  if (error.name === "NotAllowedError") return "The browser may not use the camera; allow it beside the address, or choose photos instead";
  if (error.name === "NotFoundError") return "There is no camera; choose photos instead";
  return "The camera cannot be used now; another program may have it";
}

function stamp(time) {
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((each) => String(each).padStart(2, "0")).join("");
}
