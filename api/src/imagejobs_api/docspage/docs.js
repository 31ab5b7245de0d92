// Search, copying and trying calls, for the page that page.py makes. It stores nothing, and shows what the server
// says as text only. The page's policy lets it ask this server and no other.
"use strict";

const COPIED_MS = 2000;
const MAX_BODY_BYTES = 100_000;
const SHOWN_HEADERS = [
  "Content-Type",
  "Content-Disposition",
  "Location",
  "Link",
  "Retry-After",
  "RateLimit",
  "RateLimit-Policy",
  "Preference-Applied",
  "ETag",
  "X-Request-ID",
];
const IS_TEXT = /^text\/|[/+]json|ndjson|javascript|svg/;
const IS_KEY = /^[!-~]+$/;
const TYPED_IN = "input, select, textarea";

const search = document.getElementById("search");
const key = document.getElementById("key"); // null where this server asks for none
const told = document.getElementById("told");

// Search

// Titles, paths, names of parameters and fields, their choices, codes of errors; not the words of descriptions.
const SEARCHED = "h3, .call, td:nth-child(-n + 2) code";
const articles = [...document.querySelectorAll("main article")].map((element) => ({
  element,
  words: [...element.querySelectorAll(SEARCHED)].map((each) => each.textContent).join(" ").toLowerCase(),
  isCall: Boolean(element.querySelector(".call")),
}));
const calls = articles.filter((each) => each.isCall);

/** Show the articles that have all words of the search, and the entries of the contents that lead to them. */
function filter() {
  const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const { element, words } of articles) element.hidden = !wanted.every((each) => words.includes(each));
  for (const section of document.querySelectorAll("main section")) hideIfEmpty(section, [section]);
  for (const link of document.querySelectorAll("nav a")) {
    link.parentElement.hidden = Boolean(document.getElementById(link.hash.slice(1)).closest("[hidden]"));
  }
  for (const list of document.querySelectorAll("nav ul")) hideIfEmpty(list, [list, list.previousElementSibling]);
  // The first call that was found stands at the top.
  for (const each of document.querySelectorAll("header > :not(h1)")) each.hidden = wanted.length > 0;
  const count = calls.filter((each) => !each.element.hidden).length;
  const found = count ? `${count} of ${calls.length} calls` : "No call has all of that.";
  document.getElementById("found").textContent = wanted.length ? found : "";
}

function hideIfEmpty(parent, hidden) {
  const isEmpty = !parent.querySelector("li:not([hidden]), article:not([hidden])");
  for (const each of hidden) each.hidden = isEmpty;
}

function clear() {
  search.value = "";
  filter();
}

/** Show the target of a link even if the search has hidden it. */
function reveal(hash) {
  const target = hash && document.getElementById(decodeURIComponent(hash.slice(1)));
  if (target?.closest("[hidden]")) {
    clear();
    target.scrollIntoView();
  }
}

search.addEventListener("input", () => {
  filter();
  window.scrollTo(0, 0);
});
search.addEventListener("keydown", (event) => {
  if (event.key === "Escape") clear();
});
document.addEventListener("keydown", (event) => {
  const isTyped = event.ctrlKey || event.metaKey || event.altKey || event.target.closest(TYPED_IN);
  if (event.key !== "/" || isTyped) return;
  event.preventDefault();
  search.focus();
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  if (link) reveal(link.hash);
});
window.addEventListener("hashchange", () => reveal(location.hash));

// Copying

/** Copy the text of an element; where a browser gives no clipboard (http to another machine), by selecting it. */
async function copy(element) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(element.textContent);
    return;
  }
  getSelection().selectAllChildren(element);
  if (!document.execCommand("copy")) throw new Error("not allowed");
}

for (const button of document.querySelectorAll(".copyable button")) {
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try {
      await copy(code);
      button.textContent = told.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = told.textContent = "Selected: copy it by the keyboard";
    }
    setTimeout(() => {
      button.textContent = "Copy";
      told.textContent = "";
    }, COPIED_MS);
  });
}

// Trying

/** Return the address and the options for fetch, from the fields of a form. Empty fields are not sent. */
function requestOf(form) {
  let path = form.dataset.path;
  const query = new URLSearchParams();
  const body = new FormData();
  for (const field of form.querySelectorAll("[data-in]")) {
    const value = field.type === "file" ? field.files[0] : field.value;
    if (!value) continue;
    if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(value));
    else if (field.dataset.in === "query") query.append(field.name, value);
    else body.append(field.name, value);
  }
  const method = form.dataset.method;
  const url = new URL(path + (query.size ? `?${query}` : ""), location.origin);
  const headers = key?.value.trim() ? { Authorization: `Bearer ${key.value.trim()}` } : {};
  return { url, options: { method, headers, body: method === "GET" ? undefined : body } };
}

/** Call the API and show its answer; a stream is shown as it comes, until it is stopped. */
async function send(form, signal) {
  const status = form.querySelector("[role=status]");
  const [headers, body] = form.querySelectorAll("pre");
  headers.textContent = body.textContent = "";
  if (key?.value.trim() && !IS_KEY.test(key.value.trim())) {
    status.textContent = "Not sent: the API key has characters that no key has.";
    return;
  }
  const { url, options } = requestOf(form);
  const request = `${options.method} ${url.pathname}${url.search}`;
  status.textContent = `${request}: waiting for the answer`;
  try {
    const answer = await fetch(url, { ...options, signal, cache: "no-store", redirect: "manual" });
    if (answer.type === "opaqueredirect") {
      status.textContent = `${request}: a redirect, which a page cannot read. The command for curl follows it.`;
      return;
    }
    const missesKey = answer.status === 401 ? ". Give a key at the top of this page." : "";
    status.textContent = `${request}: ${`${answer.status} ${answer.statusText}`.trim()}${missesKey}`;
    const shown = SHOWN_HEADERS.filter((name) => answer.headers.has(name));
    headers.textContent = shown.map((name) => `${name}: ${answer.headers.get(name)}`).join("\n");
    await showBody(answer, body);
  } catch (error) {
    status.textContent = signal.aborted
      ? `${request}: stopped.`
      : `${request}: no answer. The server cannot be reached, or the connection broke (${error.message}).`;
  }
}

/** Show at most MAX_BODY_BYTES of a body of text, as it comes; JSON that is complete is indented. */
async function showBody(answer, place) {
  const type = answer.headers.get("Content-Type") ?? "";
  const reader = answer.body?.getReader();
  if (!reader) return;
  if (type && !IS_TEXT.test(type)) {
    await reader.cancel();
    place.textContent = `A file (${type}), which is not shown here. The command for curl saves it.`;
    return;
  }
  const decoder = new TextDecoder();
  let left = MAX_BODY_BYTES;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    place.append(decoder.decode(part.value.subarray(0, left), { stream: true }));
    left -= part.value.length;
    if (left < 0) {
      await reader.cancel();
      place.append(`\n… The first ${MAX_BODY_BYTES / 1000} kB are shown.`);
      return;
    }
  }
  if (type.includes("json")) place.textContent = indent(place.textContent);
}

function indent(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // lines of JSON, one for each result
  }
}

for (const form of document.querySelectorAll(".try form")) {
  const button = form.querySelector("button");
  let running = null;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (running) {
      running.abort();
      return;
    }
    running = new AbortController();
    button.textContent = "Stop";
    await send(form, running.signal);
    running = null;
    button.textContent = "Send";
  });
}

for (const each of document.querySelectorAll(".tools, .try, .copyable button")) each.hidden = false;
