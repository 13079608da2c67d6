// Requests of the pages to the school's routes, and the two places where a page says how they went.

export const SCHOOL = "/v1/school";

const SAID = "photocall-said";
// What the next page is to say, in the tab's own storage.

// Why a request was not answered as wished. `status` is 0 where there was no answer at all, and `seconds` says when it
// may be sent again, 0 that nobody knows.
export class Refused extends Error {
  constructor(status, told, seconds = 0) {
    super(told.description || (status ? `The server answered ${status}` : "The server cannot be reached"));
    Object.assign(this, { status, seconds, error: told.error ?? "" });
  }
}

// Sends a request, and gives the answer's JSON (null if it has none). Raises `Refused`.
// body: a FormData or Blob as it is, anything else as JSON.
export async function ask(method, path, body, more = {}) {
  const headers = headersOf(method);
  const isData = body instanceof FormData || body instanceof Blob;
  if (body !== undefined && !isData) headers["Content-Type"] = "application/json";
  else if (body instanceof Blob) headers["Content-Type"] = body.type;
  const sent = body === undefined || isData ? body : JSON.stringify(body);
  const answer = await fetch(path, { method, headers, body: sent, cache: "no-store", ...more }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, {});
  });
  const text = await answer.text();
  if (!answer.ok) throw refusal(answer.status, text, answer.headers.get("Retry-After"));
  return text ? JSON.parse(text) : null;
}

// Like `ask`, for files: told(part) is called with 0 to 1 as they are sent. Not with fetch, which does not say that.
export function upload(method, path, form, told) {
  return new Promise((taken, refused) => {
    const request = new XMLHttpRequest();
    request.open(method, path);
    for (const [name, value] of Object.entries(headersOf(method))) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => told(event.lengthComputable ? event.loaded / event.total : 0);
    request.onerror = () => refused(new Refused(0, { description: "The server cannot be reached, or the file cannot be read" }));
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) taken(JSON.parse(request.responseText || "null"));
      else refused(refusal(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    };
    request.send(form);
  });
}

export function sleep(seconds) {
  return new Promise((done) => setTimeout(done, 1000 * seconds));
}

// Says something without getting in the way; assistive technology reads it out when it has time.
export function say(text) {
  region("told").textContent = text;
}

// Says that something went wrong: at once, and where it is seen. `problem` is a text or an error; others than `Refused`
// are faults of the page, and stay loud. `place` is an element with the role alert; the page's own without one.
export function complain(problem, place = region("error")) {
  if (problem instanceof Error && !(problem instanceof Refused)) throw problem;
  place.textContent = problem instanceof Error ? problem.message : problem;
  if (place.textContent) place.scrollIntoView({ block: "nearest" });
}

// Goes to another page, or loads this one again, and says something there.
export function go(address, text = "") {
  if (text) sessionStorage.setItem(SAID, text);
  if (address === "reload") location.reload();
  else location.assign(address);
}

function region(id) {
  return document.getElementById(id);
}

function headersOf(method) {
  const csrf = document.querySelector("meta[name=csrf]")?.content;
  return csrf && method !== "GET" ? { "X-CSRF-Token": csrf } : {};
}

function refusal(status, text, retryAfter) {
  let told = {};
  try {
    told = JSON.parse(text);
  } catch {
    // a proxy's own page, which nobody wants to read
  }
  if (status === 401 && document.querySelector("meta[name=csrf]")) {
    go(`/school/sign-in?then=${encodeURIComponent(location.pathname + location.search)}`);
  }
  return new Refused(status, told, Number(retryAfter) || 0);
}

const said = sessionStorage.getItem(SAID);
if (said) {
  sessionStorage.removeItem(SAID);
  requestAnimationFrame(() => say(said)); // after the page is there, or nothing reads it out
}
