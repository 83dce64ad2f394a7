// The viewer over the hits: opens on their links, steps through them, and closes with Escape or Back.
// Without this script the links lead to the same as pages of their own.

import { ask, make } from "./dom.js";
import { film } from "./viewer_film.js";
import { picture } from "./viewer_picture.js";

const HITS = "[data-hits] a[data-view]";
const SWIPE_PX = 60;
const ZOOMS = { "+": "1.5", "=": "1.5", "-": "0.667", 0: "0" };

/** The links of all hits that are on the page by now, in their order. */
const hits = () => [...document.querySelectorAll(HITS)];

let dialog = null;
let current = null; // the href of the hit that is shown
let opened = null; // its link: a conversation may cite the same twice
let asked = 0; // requests so far: only the last one's answer is shown

// --- what is shown ---------------------------------------------------------------------------------------------------

/** Bring a viewer that stands in the document to life. */
function enliven(viewer) {
  film(viewer);
  picture(viewer);
  const copy = viewer.querySelector("[data-copy]");
  copy.hidden = false;
  copy.addEventListener("click", () => copyPath(viewer, copy));
  viewer.querySelectorAll("a[data-event]").forEach((link) => {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      tell(viewer, link);
    });
  });
  const found = viewer.querySelector(".viewer-prose .found");
  (found?.querySelector("mark") ?? found)?.scrollIntoView({ block: "center" });
}

/** "More like this" and "less like this" are the page's to answer; where it does not, they are links. */
async function tell(viewer, link) {
  const { asset, segment, name } = viewer.dataset;
  const detail = { asset_id: asset, segment_id: segment ? Number(segment) : null, name };
  await close();
  const event = new CustomEvent(`bowerbird:${link.dataset.event}`, { detail, cancelable: true });
  if (document.dispatchEvent(event)) location.assign(link.href);
}

async function copyPath(viewer, button) {
  const path = viewer.querySelector("[data-path]");
  try {
    await navigator.clipboard.writeText(path.textContent);
    button.textContent = "Copied";
  } catch {
    // The clipboard is kept from pages without TLS: select it, for the person to copy.
    path.closest("details").open = true;
    getSelection().selectAllChildren(path);
    path.scrollIntoView({ block: "nearest" });
  }
}

// --- the dialog ------------------------------------------------------------------------------------------------------

function theDialog() {
  if (dialog) return dialog;
  dialog = document.createElement("dialog");
  dialog.id = "viewer";
  dialog.setAttribute("aria-labelledby", "viewer-name");
  dialog.addEventListener("click", clicked);
  dialog.addEventListener("close", closed);
  swipes(dialog);
  document.body.append(dialog);
  return dialog;
}

/** Show what `href` leads to, in the dialog. */
async function show(href) {
  const number = ++asked;
  const box = theDialog();
  current = href;
  if (!box.open) {
    box.replaceChildren(awaited(hits()[place()]?.dataset.name ?? ""));
    box.showModal();
  }
  box.setAttribute("aria-busy", "true");
  const shown = await fetched(href);
  if (number !== asked || !box.open) return;
  box.replaceChildren(shown);
  box.removeAttribute("aria-busy");
  steps();
  if (shown.matches("[data-viewer]")) enliven(shown);
  box.querySelector("h2").focus({ preventScroll: true });
}

/** The viewer as the server wrote it, or a word on why there is none. */
async function fetched(href) {
  try {
    const answer = await ask(href, { headers: { "X-Fragment": "1", Accept: "text/html, application/problem+json" } });
    // Parsed by itself, so nothing in it runs; the server has escaped all that comes out of files.
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    return document.adoptNode(parsed.querySelector("[data-viewer]"));
  } catch (error) {
    return refusal(error.message);
  }
}

/** What the dialog shows until the first answer is here. */
function awaited(named) {
  const head = make("header", { class: "viewer-head" }, closes("✕"), heading(named));
  return make("article", { class: "viewer" }, head);
}

const refusal = (said) =>
  make("article", { class: "viewer viewer-refusal" }, heading("This cannot be shown"), make("p", {}, said), closes("Close"));
const heading = (said) => make("h2", { id: "viewer-name", tabindex: "-1" }, said);
const closes = (said) => make("a", { class: "viewer-button", "data-close": true, href: location.href, "aria-label": "Close" }, said);

function place() {
  const all = hits();
  const at = all.indexOf(opened);
  return at >= 0 && all[at].href === current ? at : all.findIndex((link) => link.href === current);
}

/** Say which hit of how many this is. */
function steps() {
  const nav = dialog.querySelector("[data-steps]");
  const all = hits();
  const at = place();
  if (!nav || at < 0) return;
  nav.hidden = false;
  nav.querySelector("[data-which]").textContent = `${at + 1} of ${all.length}`;
  nav.querySelectorAll("[data-step]").forEach((button) => {
    button.disabled = !all[at + Number(button.dataset.step)];
  });
}

function step(by) {
  const next = hits()[place() + by];
  if (place() < 0 || !next) return;
  next.scrollIntoView({ block: "nearest" }); // and so more hits are loaded behind the last
  history.replaceState({ viewer: next.href }, "", next.href);
  opened = next;
  show(next.href);
}

function open(link) {
  history.pushState({ viewer: link.href }, "", link.href);
  opened = link;
  show(link.href);
}

/** Done when the page is as it was before. */
async function close() {
  if (!dialog?.open) return;
  const back = new Promise((done) => addEventListener("popstate", done, { once: true }));
  dialog.close();
  await back;
}

function closed() {
  asked++;
  dialog.replaceChildren(); // which ends what plays
  const link = hits()[place()];
  if (history.state?.viewer) history.back();
  link?.scrollIntoView({ block: "nearest" });
  link?.focus({ preventScroll: true });
}

// --- what people do --------------------------------------------------------------------------------------------------

const plainClick = (event) =>
  !event.defaultPrevented && event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);

document.addEventListener("click", (event) => {
  const link = event.target.closest?.(HITS);
  if (!link || !plainClick(event)) return;
  event.preventDefault();
  open(link);
});

function clicked(event) {
  const target = event.target.closest("[data-close], [data-step], a[data-part], a[data-at]");
  if (!target || !plainClick(event)) return;
  if (target.matches("[data-close]")) close();
  else if (target.matches("[data-step]")) step(Number(target.dataset.step));
  else turn(target.href);
  event.preventDefault();
}

/** Another page of the same file, in the place of this one. It still counts as the same hit. */
async function turn(href) {
  const hit = current;
  history.replaceState({ viewer: href }, "", href);
  const shown = show(href);
  current = hit;
  await shown;
}

const own = document.querySelector("[data-viewer]");

addEventListener("popstate", (event) => {
  const href = event.state?.viewer;
  // After a reload browsers take the page of hits and this page of its own for one document.
  if (own) location.reload();
  else if (href) show(href);
  else if (dialog?.open) dialog.close();
});

document.addEventListener("keydown", (event) => {
  const viewer = document.querySelector("[data-viewer]");
  if (!viewer || event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select, video, audio")) return;
  if (event.key === "i") {
    const details = viewer.querySelector("[data-details]");
    details.open = !details.open;
    if (details.open) details.scrollIntoView({ block: "nearest" });
  } else if (dialog?.open && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
    if (event.target.closest("[data-zoomed]")) return; // they move over the picture
    step(event.key === "ArrowLeft" ? -1 : 1);
  } else {
    const button = ZOOMS[event.key] && viewer.querySelector(`[data-zoom="${ZOOMS[event.key]}"]`);
    if (!button) return;
    button.click();
  }
  event.preventDefault();
});

function swipes(box) {
  let from = null;
  box.addEventListener("touchstart", (event) => {
    const scrolls = event.target.closest("[data-zoomed], .viewer-scenes, video, audio, input");
    from = event.touches.length === 1 && !scrolls ? event.touches[0] : null;
  }, { passive: true });
  box.addEventListener("touchend", (event) => {
    if (!from) return;
    const to = event.changedTouches[0];
    const [x, y] = [to.clientX - from.clientX, to.clientY - from.clientY];
    from = null;
    if (Math.abs(x) > SWIPE_PX && Math.abs(x) > 2 * Math.abs(y)) step(x < 0 ? 1 : -1);
  }, { passive: true });
}

// A viewer that is a page of its own.
if (own) enliven(own);
