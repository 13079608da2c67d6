// Elements of a page. Texts are only ever texts, so that no name of a person or a file can become HTML.

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export function button(text, action, properties = {}) {
  return element("button", { type: "button", onclick: action, ...properties }, text);
}

// A table of texts.
export function table(caption, heads, rows) {
  const made = element("table", {}, element("caption", {}, caption));
  made.createTHead().insertRow().append(...heads.map((text) => element("th", { scope: "col" }, text)));
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const text of row) line.insertCell().textContent = text;
  }
  return made;
}

// A part of a drawing; attributes only, since the page's policy lets in no inline style.
export function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

// Changes a text only where it is another one: what is read aloud is read once, and the pointer's selection stays.
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Children that stay as long as their key does, so that the focus stays too. `make` gives {node, update} for a thing.
export class Keyed {
  constructor(parent, make) {
    Object.assign(this, { parent, make, shown: new Map() });
  }

  // Things as [key, thing], in the order wanted.
  show(things) {
    const wanted = new Set(things.map(([key]) => key));
    for (const [key, { node }] of this.shown) {
      if (!wanted.has(key)) {
        node.remove();
        this.shown.delete(key);
      }
    }
    let after = null;
    for (const [key, thing] of things) {
      if (!this.shown.has(key)) this.shown.set(key, this.make(thing));
      const one = this.shown.get(key);
      one.update(thing);
      const place = after ? after.nextSibling : this.parent.firstChild;
      if (place !== one.node) this.parent.insertBefore(one.node, place);
      after = one.node;
    }
  }
}
