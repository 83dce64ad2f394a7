// The page: what is asked for, in one place, and all that changes it.

import { completion } from "./complete.js";
import { at, complain, typing } from "./dom.js";
import { count } from "./facets.js";
import { begin, kept, move, restore, show } from "./hits.js";
import { indexing } from "./indexing.js";
import { pictures } from "./picture.js";
import { fromAddress, nothing, toAddress } from "./query.js";
import { savedSearches } from "./saved.js";
import "./tab_memory.js"; // signing out here forgets what was asked in this tab

const box = at("q");
// Queries, and what they found, by what their entry of the history bears: pictures fit in no address. A page that is
// loaded again counts anew, and entries of the one before are read off their addresses.
const visited = new Map();
let query = fromAddress(location.search);
let here = null;

/** Ask for what `change` makes of what is asked for now. */
async function go(change, { push = true } = {}) {
  if (push) leave();
  query = { ...query, ...(push ? { saved: null } : {}), ...change };
  reflect("line" in change);
  if (push) {
    here = `${performance.timeOrigin} ${visited.size}`;
    history.pushState({ query: here }, "", toAddress(query));
  }
  visited.set(here, { query });
  entitle();
  const asked = query;
  if ((await show(asked)) && asked === query && !asked.saved) count(asked);
}

/** Keep what is on the page, if it is what this entry of the history asks for, to be there when one comes back. */
function leave() {
  const now = kept();
  visited.set(here, { query, kept: now.query === query ? now : null });
}

function entitle() {
  document.title = query.line ? `${query.line} – Bowerbird` : "Bowerbird";
}

/** `line`: whether it was changed; if not, what is being typed stays. */
function reflect(line) {
  if (line && box.value !== query.line) box.value = query.line;
  at("clear").hidden = !box.value;
  held.hold(query.picture, query.crop);
}

const held = pictures(
  (picture, crop) => go({ picture, crop, line: box.value }),
  (detail) => complain(at("fault"), detail),
);
const completes = completion(() => go({ line: box.value }));

at("search").addEventListener("submit", (event) => {
  event.preventDefault();
  completes.close();
  go({ line: box.value });
});
for (const event of ["input", "changed"]) {
  box.addEventListener(event, () => {
    at("clear").hidden = !box.value;
  });
}
at("clear").addEventListener("click", () => {
  box.value = "";
  box.focus();
  go({ line: "" });
});

// Chips and facets are links; here they change the line without loading the page anew.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-go], a.home");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const { line, add, example } = link.dataset;
  if (link.matches(".home")) go(nothing());
  else if (add) go({ line: `${box.value} ${add}`.trim() });
  else if (example) {
    const left = (named) => named.filter((each) => each !== example);
    go("unlike" in link.dataset ? { unlike: left(query.unlike) } : { like: left(query.like) });
  } else go({ line: typed(line) });
});

/** The line that a facet leads to, with what was typed meanwhile: where the facet adds to what was asked for. */
function typed(line) {
  const asked = query.line.trim();
  return line.startsWith(asked) ? `${box.value.trim()} ${line.slice(asked.length).trim()}`.trim() : line;
}

// More like this, less like this: from the viewer, or by a key on a hit.
function likeness({ asset_id, segment_id }, name) {
  const example = String(segment_id ?? asset_id);
  const other = name === "like" ? "unlike" : "like";
  go({ [name]: [...new Set([...query[name], example])], [other]: query[other].filter((each) => each !== example) });
}
for (const name of ["like", "unlike"]) {
  document.addEventListener(`bowerbird:${name}`, (event) => {
    event.preventDefault();
    likeness(event.detail, name);
  });
}

savedSearches(
  () => ({ ...query, line: box.value }),
  (name, said) => go({ ...nothing(), ...fromSaved(name, said) }),
);

const SAYABLE = ["text", "not", "like", "unlike", "kinds", "filters", "limit"]; // the page has a limit of its own

/** As a line where it can be one, to be gone on with; what a line cannot say is asked by its name. */
function fromSaved(name, said) {
  const quotes = /["“”„]/.test([said.not ?? [], Object.values(said.filters ?? {})].flat(2).join(" "));
  if (quotes || Object.keys(said).some((each) => !SAYABLE.includes(each))) return { saved: name };
  const listed = (value) => (value == null ? [] : [value].flat().map(String));
  const negatives = listed(said.not).map((each) => `-"${each}"`);
  return {
    line: [said.text ?? "", ...negatives, ...filters(said.filters ?? {})].join(" ").trim(),
    like: listed(said.like),
    unlike: listed(said.unlike),
    kinds: listed(said.kinds),
  };
}

/** Filters that were saved apart from the line, as the line says them. */
function filters(said) {
  const names = { types: "type", after: "after", before: "before", place: "near", camera: "camera", path: "path", language: "lang" };
  const told = Object.entries(names).filter(([field]) => said[field] != null);
  const quoted = (value) => (/\s/.test(value) ? `"${value}"` : value);
  return [
    ...told.map(([field, name]) => `${name}:${quoted([said[field]].flat().join(","))}`),
    ...(said.phrases ?? []).map((each) => `"${each}"`),
  ];
}

indexing(() => {
  visited.forEach((each) => delete each.kept);
  // Whoever is reading goes on; the next search shows what is new.
  if (scrollY || document.querySelector("#viewer[open]") || at("results").contains(document.activeElement)) return;
  go({}, { push: false });
});

// Dialogs, the theme, keys.
for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
at("open-keys").addEventListener("click", () => at("keys-dialog").showModal());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // an entry in the history for it would lead back to a search without its picture
  at("results").tabIndex = -1;
  at("results").focus();
});

const THEMES = ["system", "light", "dark"];
const root = document.documentElement;
const themed = () => {
  const said = `Theme: ${root.dataset.theme ?? "as the system is"}`;
  at("theme-said").textContent = said;
};
at("theme").addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "system") + 1) % THEMES.length];
  if (next === "system") delete root.dataset.theme;
  else root.dataset.theme = next;
  try {
    localStorage.setItem("theme", next);
  } catch {
    // Storage is switched off: the choice holds until the page is left.
  }
  themed();
});
themed();

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.target === box && event.key === "ArrowDown" && move("ArrowDown")) return event.preventDefault();
  if (typing(event.target)) return;
  const hit = event.target.closest?.("a[data-view]");
  if (event.key === "/") box.select();
  else if (event.key === "?") at("keys-dialog").showModal();
  else if (event.key.startsWith("Arrow") && (hit || event.key === "ArrowDown")) {
    if (!hit && ![document.body, at("results")].includes(document.activeElement)) return;
    if (!move(event.key)) return;
  } else if (hit && (event.key === "m" || event.key === "n")) {
    likeness({ asset_id: hit.dataset.asset, segment_id: hit.dataset.segment }, event.key === "m" ? "like" : "unlike");
  } else return;
  event.preventDefault();
});

// Back and forward. The viewer keeps entries of its own, which lead to other paths.
addEventListener("popstate", (event) => {
  if (event.state?.viewer) return;
  if (location.pathname !== "/") return location.reload(); // the address of something that could not be shown
  const to = event.state?.query;
  const before = visited.get(to);
  const asked = before?.query ?? fromAddress(location.search);
  if (asked === query || (to == null && toAddress(asked) === toAddress(query) && !query.picture)) return;
  leave();
  here = to ?? here;
  if (!before?.kept) return go(asked, { push: false });
  query = asked;
  reflect(true);
  entitle();
  restore(before.kept);
});

here = `${performance.timeOrigin} 0`;
visited.set(here, { query });
history.replaceState({ query: here }, "", location.href);
reflect(true);
begin(query);
if (at("fault").textContent) complain(at("fault"), at("fault").textContent, query.line);
else if (!query.saved) count(query);
if (!query.line && matchMedia("(hover: hover)").matches) box.focus({ preventScroll: true });
