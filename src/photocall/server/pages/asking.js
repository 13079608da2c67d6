// Requests to the server, with the key where there is one. Addresses are relative, so that a proxy may put the server
// below a path.

const JOBS = "v1/jobs";

const KEY = "photocall-key";
// In the tab's own storage, and gone with it.

const UNREACHABLE = "The server cannot be reached";

export const MOST_BYTES = 2 * 2 ** 30 - 2 ** 16;
// Of a file; a request may have 2 GiB with what is around the file.

// Why a request was not answered as wished. `seconds` says when it may be sent again, 0 that nobody knows; the same
// request is answered in the same way if `isFinal`.
class Refused extends Error {
  constructor(status, told, seconds, key) {
    super(told.description || `The server answered ${status}`);
    const needsKey = told.error === "KeyMissing" || told.error === "KeyRefused";
    const isFinal = status >= 400 && status < 500 && status !== 408;
    Object.assign(this, { status, seconds, key, needsKey, isFinal });
  }
}

// What shows the field for the key, and promises to return once there is another one.
let askForKey = async () => {};
let asked = null;

export function onKeyNeeded(ask) {
  askForKey = ask;
}

export function keepKey(key) {
  sessionStorage.setItem(KEY, key);
}

// Raises `Refused` where there is no such job, or no answer.
export async function jobOf(jobId) {
  return (await insisted(() => get(`${JOBS}/${jobId}`))).json();
}

export async function fileOf(jobId, name) {
  return (await insisted(() => get(fileUrl(jobId, name)))).blob();
}

export function fileUrl(jobId, name) {
  return `${JOBS}/${jobId}/files/${name}`;
}

// Learns whether a key is needed before anything is sent.
export async function tryKey() {
  await insisted(() => get("v1/info"));
}

// Sends a file, and gives its job. Sent again with the same `requestId` it is the same job.
export function send(file, requestId, told) {
  return insisted(() => post(file, requestId, told));
}

export function sleep(seconds) {
  return new Promise((done) => setTimeout(done, 1000 * seconds));
}

// Sends a request until it is neither for want of a key that it is refused, nor since there are too many.
async function insisted(request) {
  for (;;) {
    try {
      return await request();
    } catch (refused) {
      if (refused.needsKey) {
        await anotherKey(refused);
      } else if (refused.seconds) {
        await sleep(refused.seconds);
      } else {
        throw refused;
      }
    }
  }
}

// Many requests may be refused at once; the key is asked for once, and not if it has come meanwhile.
async function anotherKey(refused) {
  if (refused.key !== sessionStorage.getItem(KEY)) return;
  asked ??= askForKey(refused.message).finally(() => (asked = null));
  await asked;
}

async function get(path) {
  const key = sessionStorage.getItem(KEY);
  const headers = key ? { "x-api-key": key } : {};
  const answer = await fetch(path, { headers, cache: "no-store" }).catch(() => null);
  if (!answer) throw new Refused(0, { description: UNREACHABLE }, 0, key);
  if (!answer.ok) throw refusal(answer.status, await answer.text(), answer.headers.get("Retry-After"), key);
  return answer;
}

// Not with fetch, which does not say how much has been sent.
function post(file, requestId, told) {
  return new Promise((taken, refused) => {
    const key = sessionStorage.getItem(KEY);
    const request = new XMLHttpRequest();
    request.open("POST", JOBS);
    request.setRequestHeader("Idempotency-Key", requestId);
    if (key) request.setRequestHeader("x-api-key", key);
    request.upload.onprogress = (event) => told(event.loaded / event.total);
    request.onerror = () => refused(new Refused(0, { description: `${UNREACHABLE}, or the file cannot be read` }, 0, key));
    request.onload = () => {
      if (request.status === 202) taken(JSON.parse(request.responseText).jobs[0]);
      else refused(refusal(request.status, request.responseText, request.getResponseHeader("Retry-After"), key));
    };
    const form = new FormData();
    form.append("file", file, file.name);
    request.send(form);
  });
}

function refusal(status, text, retryAfter, key) {
  let told = {};
  try {
    told = JSON.parse(text);
  } catch {
    // a proxy's own page, which nobody wants to read
  }
  return new Refused(status, told, Number(retryAfter) || 0, key);
}
