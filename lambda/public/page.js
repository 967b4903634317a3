"use strict";
const FASTEST = 15_000, SLOWEST = 300_000; // ms between two looks
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const main = document.querySelector("main");
let shown = main.innerHTML, wait = FASTEST, timer;

function localize() {
  for (const time of main.querySelectorAll("time")) time.textContent = format.format(new Date(time.dateTime));
}

function note(state) {
  for (const text of main.querySelectorAll(".note")) text.textContent = text.dataset[state];
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
  if (!document.hidden) {
    try {
      // The browser sends If-None-Match by itself, and gives its own copy for a 304.
      const options = { cache: "no-cache", headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10_000) };
      const answer = await fetch(location, options);
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("main").innerHTML;
      if (fresh !== shown) show(page);
      note("live");
      shown = fresh;
      wait = FASTEST;
    } catch {
      note("stale");
      wait = Math.min(2 * wait, SLOWEST);
    }
  }
  clearTimeout(timer);
  timer = setTimeout(look, wait);
}

localize();
note("live");
if (document.getElementById("news")) {
  document.addEventListener("visibilitychange", look);
  addEventListener("online", look);
  timer = setTimeout(look, wait);
}
