// The hits: fetched as the server writes them, more of them as one scrolls, and the keys that move over them.

import { ask, at, complain, make } from "./dom.js";
import { toRequest } from "./query.js";

let shown = null; // the query whose hits are on the page
let running = null; // the search that is on its way
let adding = false;

const results = () => at("results");
const links = () => [...results().querySelectorAll("a[data-view]")];

async function fragment(query, more, signal) {
  const place = query.saved ? `/hits?${new URLSearchParams({ saved: query.saved })}` : "/hits";
  const answer = await ask(place, { ...toRequest(query, more), signal });
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  return document.adoptNode(parsed.getElementById("results"));
}

/** A focus that lay on what goes is taken over by what comes: it would begin at the top of the page again. */
function put(found) {
  const held = results().contains(document.activeElement);
  results().replaceWith(found);
  if (!held) return;
  found.tabIndex = -1;
  found.focus({ preventScroll: true });
}

/** Search, and show what is found in the place of what was there. Returns whether it could be answered. */
export async function show(query) {
  running?.abort();
  const mine = (running = new AbortController());
  results().setAttribute("aria-busy", "true");
  try {
    const found = await fragment(query, {}, mine.signal);
    if (mine !== running) return false;
    complain(at("fault"), "");
    put(found);
    shown = query;
    at("empty")?.remove();
    at("status").textContent = found.dataset.said;
    scrollTo({ top: 0 });
    watch();
    return true;
  } catch (error) {
    if (mine !== running || error.name === "AbortError") return false;
    results().removeAttribute("aria-busy");
    complain(at("fault"), error.message, query.line);
    return false;
  }
}

/** What is on the page, for `restore` to put back. */
export const kept = () => ({ query: shown, found: results(), y: scrollY });

/** Show what was on the page before, without asking again. */
export function restore({ query, found, y }) {
  running?.abort();
  running = null;
  complain(at("fault"), "");
  found.removeAttribute("aria-busy");
  put(found);
  shown = query;
  at("status").textContent = found.dataset.said;
  scrollTo({ top: y });
  watch();
}

/** The page as it came from the server shows the hits of this query. */
export function begin(query) {
  shown = query;
  watch();
}

/** Put the next hits below those that are there; returns the first of them. */
async function add() {
  const cursor = results().dataset.next;
  if (adding || !cursor) return null;
  adding = true;
  const of = results();
  try {
    const found = await fragment(shown, { cursor });
    if (of !== results()) return null;
    complain(at("fault"), "");
    const list = of.querySelector(".hits");
    const fresh = [...found.querySelectorAll(".hit")];
    const first = fresh.findIndex((each) => each.matches(".far"));
    const divided = list.querySelector(".far") || first < 0;
    const between = [make("li", { class: "fill", role: "presentation" }), make("li", { class: "divide" }, "Further away")];
    list.append(...(divided ? fresh : [...fresh.slice(0, first), ...between, ...fresh.slice(first)]));
    of.dataset.next = found.dataset.next;
    of.querySelector(".further")?.remove();
    const further = found.querySelector(".further");
    if (further) of.append(further);
    const all = list.querySelectorAll(".hit").length;
    const near = list.querySelectorAll(".hit:not(.far)").length;
    const counted = of.querySelector(".count");
    if (counted) counted.textContent = `${near}${found.dataset.next && near === all ? "+" : ""} ${near === 1 ? "hit" : "hits"}`;
    at("status").textContent = `${all} hits${found.dataset.next ? ", more below" : ", and no more"}`;
    watch();
    return fresh[0]?.querySelector("a") ?? null;
  } catch (error) {
    // Not watched any more, or it would be asked for again at once: the button is there.
    sentinel.disconnect();
    complain(at("fault"), error.message);
    return null;
  } finally {
    adding = false;
  }
}

const sentinel = new IntersectionObserver(
  (seen) => {
    if (seen.some((each) => each.isIntersecting)) add();
  },
  { rootMargin: "600px" },
);

function watch() {
  sentinel.disconnect();
  const more = at("more");
  if (more) sentinel.observe(more);
}

document.addEventListener("click", async (event) => {
  if (!event.target.closest("#more")) return;
  event.preventDefault();
  (await add())?.focus();
});

/** Move the focus over the hits with arrows: left and right by one, up and down to the nearest of the next row. */
export function move(key) {
  const all = links();
  const here = all.indexOf(document.activeElement?.closest?.("a[data-view]"));
  if (here < 0) {
    if (key !== "ArrowDown" || !all.length) return false;
    all[0].focus();
    return true;
  }
  const to = key === "ArrowRight" ? all[here + 1] : key === "ArrowLeft" ? all[here - 1] : beside(all, here, key);
  to?.focus();
  return to != null;
}

function beside(all, here, key) {
  const from = all[here].getBoundingClientRect();
  const middle = from.left + from.width / 2;
  const down = key === "ArrowDown";
  let best = null;
  for (const link of down ? all.slice(here + 1) : all.slice(0, here).reverse()) {
    const box = link.getBoundingClientRect();
    const rows = down ? box.top - from.top : from.top - box.top;
    if (rows < 8) continue;
    const off = Math.abs(box.left + box.width / 2 - middle);
    if (best && rows > best.rows + 8) break;
    if (!best || off < best.off) best = { link, off, rows };
  }
  return best?.link;
}
