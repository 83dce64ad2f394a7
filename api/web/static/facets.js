// How what was found is spread over types, years, places and cameras: a click narrows the line down.

import { asked, at, make } from "./dom.js";
import { toRequest } from "./query.js";

const MOST = 6;
const quoted = (value) => (/[\s,]/.test(value) ? `"${value.replaceAll('"', "")}"` : value);
const MONTH = new Intl.DateTimeFormat("en", { month: "long", year: "numeric", timeZone: "UTC" });
const SAID = [
  ["years", (value) => `when:${value}`, (value) => value],
  ["months", (value) => `when:${value}`, (value) => MONTH.format(new Date(`${value}-01T00:00Z`))],
  ["countries", (value) => `near:${quoted(value)}`, (value) => value],
  ["places", (value) => `near:${quoted(value)}`, (value) => value],
  ["cameras", (value) => `camera:${quoted(value)}`, (value) => value],
];
let running = null;

/** Count for this query. What cannot be counted leaves the row as it is: the hits say why. */
export async function count(query) {
  running?.abort();
  const mine = (running = new AbortController());
  try {
    const { facets } = await asked("/v1/facets", { ...toRequest(query), signal: mine.signal });
    if (mine === running) told(facets, query.line);
  } catch {
    return;
  }
}

/** The types stand there already, so that nothing below moves when the counts come. */
function told(facets, line) {
  const row = at("facets")?.querySelector("ul");
  if (!row) return;
  for (const { value, count: n } of facets.types?.values ?? []) row.querySelector(`[data-type="${value}"]`)?.append(" ", counted(n));
  const made = [];
  for (const [name, filter, said] of SAID) {
    const { values = [], none = 0, others = 0 } = facets[name] ?? {};
    if (values.length < 2 && !none && !others) continue; // one value says nothing that could be narrowed down to
    if (name === "places" && values.length < 2) continue;
    made.push(...values.slice(0, MOST).map(({ value, count: n }) => item(filter(value), said(value), n)));
  }
  row.append(...made.filter(({ dataset }) => !line.includes(dataset.filter)));
}

const counted = (n) => make("i", {}, n.toLocaleString("en"));

function item(filter, said, n) {
  const link = make("a", { class: "facet", href: `/?q=${encodeURIComponent(filter)}`, "data-add": filter, "data-go": true });
  link.append(said, " ", counted(n));
  const made = make("li", {}, link);
  made.dataset.filter = filter;
  return made;
}
