"use strict";
const FASTEST = 15_000, SLOWEST = 300_000; // ms between two looks
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const main = document.querySelector("main");
let shown = main.innerHTML, wait = FASTEST, timer;

function localize() {
  for (const time of main.querySelectorAll("time")) time.textContent = format.format(new Date(time.dateTime));
  for (const note of main.querySelectorAll("[data-script]")) note.textContent = note.dataset.script;
}

function show(page) {
  const focused = main.contains(document.activeElement) && document.activeElement.id;
  document.title = page.title;
  main.replaceChildren(...page.querySelector("main").childNodes);
  localize();
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  document.getElementById("live").textContent = document.getElementById("news").textContent;
}

async function look() {
  try {
    // The browser sends If-None-Match by itself, and gives its own copy for a 304.
    const answer = await fetch(location, {
      cache: "no-cache", headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10_000),
    });
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("main").innerHTML;
    if (fresh !== shown) show(page);
    shown = fresh;
    wait = FASTEST;
  } catch {
    wait = Math.min(2 * wait, SLOWEST);
  }
  plan();
}

function plan() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(look, wait);
}

localize();
if (document.getElementById("news")) {
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
  plan();
}
