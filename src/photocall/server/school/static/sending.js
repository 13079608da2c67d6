// Photos and videos on their way to the server, one after the other. What an interrupted line or a server that starts
// anew has lost is sent again: the same content is the same photo, so nothing is there twice.

import { Refused, SCHOOL, say, sleep, upload } from "./asking.js";
import { button, element, write } from "./elements.js";

const MOST_BYTES = 2 * 2 ** 30 - 2 ** 16;
// Of a file; a request may have 2 GiB with what is around the file.

const [FIRST_PAUSE, MOST_PAUSE, SLOWER] = [0.5, 8, 2];
// Seconds before something is sent again; more and more while nobody answers.

const MOST_READING = 5;
// Seconds that reading how long a video is may take.

export class Sending {
  // arrived: called after each file that the server has.
  constructor(list, lessonId, arrived) {
    Object.assign(this, { list, path: `${SCHOOL}/lessons/${lessonId}/evidence`, arrived, queue: Promise.resolve(), unsent: 0 });
    addEventListener("beforeunload", (event) => {
      if (this.unsent) event.preventDefault(); // what is not sent is lost
    });
  }

  take(files) {
    for (const file of files) this.enqueue(this.entry(file.name), file);
  }

  enqueue(entry, file) {
    this.unsent += 1;
    this.queue = this.queue.then(() => this.insist(entry, file)).finally(() => (this.unsent -= 1));
  }

  entry(name) {
    const state = element("p", { className: "hint" }, "Waiting for those before it");
    const bar = element("progress", { max: 1, value: 0, "aria-label": `${name}: sent so far` });
    const item = element("li", { className: "upload" }, element("bdi", {}, name), state, bar);
    this.list.append(item);
    return { item, state, bar, name };
  }

  async insist(entry, file) {
    if (file.size > MOST_BYTES) return this.fail(entry, "It has more than 2 GiB, which is the most; send a shorter video");
    const began = await beginningOf(file);
    for (let pause = FIRST_PAUSE; ; pause = Math.min(SLOWER * pause, MOST_PAUSE)) {
      try {
        await this.send(entry, file, began);
        break;
      } catch (refused) {
        if (!(refused instanceof Refused)) throw refused;
        if (isFinal(refused)) return this.fail(entry, refused.message);
        write(entry.state, `${refused.message}; trying again`);
        await sleep(refused.seconds || pause);
      }
    }
    entry.item.remove();
    this.arrived();
  }

  send(entry, file, began) {
    const form = new FormData();
    form.append("file", file, file.name);
    if (began) form.append("modified", began.toISOString());
    return upload("POST", this.path, form, (part) => {
      entry.bar.value = part;
      write(entry.state, part < 1 ? `${Math.floor(100 * part)} % sent` : "Sent; the server looks at it");
    });
  }

  fail(entry, why) {
    entry.bar.remove();
    entry.state.className = "bad";
    write(entry.state, `Not taken: ${why}`);
    entry.item.append(button("Take it off the list", () => entry.item.remove(), { className: "quiet" }));
    say(`${entry.name} was not taken`);
  }
}

// When a photo or video was begun, as far as the file's time says: that of a video is its end. null if that is unknown.
async function beginningOf(file) {
  const seconds = file.type.startsWith("image/") ? 0 : await secondsOf(file);
  return seconds === null ? null : new Date(file.lastModified - 1000 * seconds);
}

// How long a video is; null if the browser cannot read it.
async function secondsOf(file) {
  const video = Object.assign(document.createElement("video"), { preload: "metadata", src: URL.createObjectURL(file) });
  const read = new Promise((done) => Object.assign(video, { onloadedmetadata: done, onerror: done }));
  await Promise.race([read, sleep(MOST_READING)]);
  URL.revokeObjectURL(video.src);
  return Number.isFinite(video.duration) ? video.duration : null;
}

// Whether the same request would be refused in the same way.
function isFinal({ status }) {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}
