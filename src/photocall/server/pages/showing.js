// What is shown of a file. Every text goes in as text, never as HTML: names of files and people may hold anything.

const SAVED = ["people.csv", "timeline.json", "faces.jpg"];

// One file of the list.
export class Entry {
  constructor(name) {
    this.name = name;
    this.item = document.getElementById("entry").content.firstElementChild.cloneNode(true);
    this.item.querySelector("bdi").textContent = name;
    [this.state, this.bar, this.found] = [".state", "progress", ".found"].map((each) => this.item.querySelector(each));
    this.bar.setAttribute("aria-label", `How far ${name} is`);
  }

  // part: 0 to 1.
  uploading(part) {
    this.#say("uploading", part < 1 ? `Sending: ${Math.floor(100 * part)} %` : "Sent; the server looks at it", part);
  }

  queued() {
    this.#say("queued", "Will be sent");
  }

  waiting() {
    this.#say("waiting", "Waiting for a worker");
  }

  underWay(progress) {
    const part = progress.duration ? Math.min(progress.seconds / progress.duration, 1) : null;
    this.#say("running", `Under way: ${farTold(progress)}`, part);
  }

  // again: what to do if it is to be tried again; null if that is of no use.
  failed(reason, again) {
    this.#say("failed", "Failed");
    this.found.append(element("p", reason));
    if (again) this.found.append(button("Try again", again));
  }

  // file: promises a file of the job by its name; save: lets the user keep one.
  done(result, url, file, save) {
    this.#say("done", "Done");
    this.found.append(...(result.media === "video" ? video(result) : photo(result)));
    if (result.files) this.found.append(this.#picture(file), links(result, url, save));
  }

  #picture(file) {
    const image = element("img");
    image.alt = `Everybody in ${this.name}: a face each, with name and time`;
    const shown = (data) => (image.src = URL.createObjectURL(data));
    image.onload = () => URL.revokeObjectURL(image.src);
    file("faces.jpg").then(shown, () => image.replaceWith(element("p", "The picture of the faces cannot be had")));
    return image;
  }

  // part: of the bar; undefined for no bar, null for one that shows no end.
  #say(kind, text, part) {
    this.item.className = `entry ${kind}`;
    this.state.textContent = text;
    this.bar.hidden = part === undefined;
    if (part === null) this.bar.removeAttribute("value");
    else this.bar.value = part ?? 0;
    this.found.replaceChildren();
  }
}

// Minutes and seconds to a tenth, with hours where there are some.
export function clock(seconds) {
  const tenths = Math.round(10 * seconds);
  const [hours, minutes] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60];
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

function farTold(progress) {
  const { frames, seconds, duration, people, left, running } = progress;
  if (frames === undefined) return `for ${clock(running)}`;
  const told = [duration ? `${clock(seconds)} of ${clock(duration)}` : clock(seconds)];
  told.push(counted(frames, "frame"), counted(people, "person", "people"));
  if (left !== null) told.push(`about ${clock(left)} left`);
  return told.join(", ");
}

function photo(result) {
  const known = result.faces.filter((face) => face.name !== null);
  const lines = known.map((face) => `${face.name}${face.certain ? "" : "?"}, similarity ${face.similarity.toFixed(1)}`);
  const strangers = result.faces.length - known.length;
  if (strangers) lines.push(counted(strangers, "unknown person", "unknown people"));
  return [list(lines.length ? lines : ["There is no face in it"])];
}

function video(result) {
  const others = counted(result.unknown, "unknown person", "unknown people");
  const known = result.people.length ? table(result.people) : element("p", "Nobody who is known");
  return [known, element("p", others), ...(result.warnings.length ? [list(result.warnings)] : [])];
}

function table(people) {
  const head = row("th", ["Name", "From", "To", "Similarity"]);
  for (const cell of head.children) cell.scope = "col";
  const rows = people.map((each) =>
    row("td", [each.name, clock(each.first_seen), clock(each.last_seen), each.similarity?.toFixed(1) ?? ""]),
  );
  const [shown, top, body] = ["table", "thead", "tbody"].map((name) => element(name));
  top.append(head);
  body.append(...rows);
  shown.append(top, body);
  return shown;
}

function row(kind, texts) {
  const line = element("tr");
  line.append(...texts.map((text) => element(kind, text)));
  return line;
}

function list(lines) {
  const shown = element("ul");
  shown.append(...lines.map((line) => element("li", line)));
  return shown;
}

function links(result, url, save) {
  const shown = element("p");
  shown.className = "files";
  for (const name of SAVED.filter((each) => each in result.files)) {
    const link = element("a", name);
    Object.assign(link, { href: url(name), download: name });
    link.onclick = (event) => {
      event.preventDefault(); // a link cannot carry the key
      save(name);
    };
    shown.append(link);
  }
  return shown;
}

function button(text, action) {
  const shown = element("button", text);
  shown.type = "button";
  shown.onclick = action;
  return shown;
}

function element(name, text) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return made;
}

function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}
