// Small things that all parts of the page use.

export const at = (id) => document.getElementById(id);

/** An element with its attributes and children; texts stay texts. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** What the server refused, in its own words. */
export class Refusal extends Error {
  constructor(detail, status) {
    super(detail);
    this.status = status;
  }
}

/** Fetch; throws `Refusal` with the server's one line, and leads to the sign-in page where the session has ended. */
export async function ask(url, options = {}) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("The server does not answer. Is it still running?", 0);
  }
  if (answer.ok) return answer;
  if (answer.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  let detail = `The server answered ${answer.status}.`;
  try {
    detail = (await answer.json()).detail ?? detail;
  } catch {
    // Something between here and there answered in its place.
  }
  throw new Refusal(detail, answer.status);
}

export const asked = async (url, options) => (await ask(url, options)).json();

export const sent = (method, body) => ({
  method,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

/** Say a refusal in its place; "" takes it away. A column that it names is marked in the line. */
export function complain(place, detail, line = "") {
  place.replaceChildren(detail);
  place.hidden = !detail;
  const column = /^column (\d+):/.exec(detail);
  if (!column || !line) return;
  const characters = [...line];
  const from = Number(column[1]) - 1;
  const end = characters.findIndex((each, index) => index >= from && /\s/.test(each));
  const to = end < 0 ? characters.length : Math.max(end, from + 1);
  const marked = make("b", {}, characters.slice(from, to).join("") || " ");
  const before = characters.slice(Math.max(0, from - 30), from).join("");
  place.append(make("span", { class: "at" }, before, marked, characters.slice(to, to + 40).join("")));
}

export const count = (n, one, several = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : several}`;

/** The picture that is pasted. Cells and words of an office program bring one of themselves along: they are words. */
export function pasted({ clipboardData }) {
  const picture = [...(clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
  const words = picture ? clipboardData.getData("text/plain").trim() : "";
  return words && !words.includes(picture.name) ? undefined : picture; // a file that was copied brings its name
}

export function typing(target) {
  return target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]") != null;
}
