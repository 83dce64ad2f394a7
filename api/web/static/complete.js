// The search box goes on: filters, their values and saved searches, by the pattern of an ARIA combobox.

import { asked, at, make } from "./dom.js";

const WAIT_MS = 90;
const MINIMUM_PX = 100;
const GAP_PX = 8;

/** Places in the line are counted in characters by the server, in UTF-16 by browsers. */
const characters = (text) => [...text].length;
const units = (line, n) => [...line].slice(0, n).join("").length;

/** `chosen(line)` is called when an option was taken that is a whole query. */
export function completion(chosen) {
  const box = at("q");
  const list = at("options");
  let found = null;
  let picked = -1;
  let timer = 0;
  let number = 0;

  async function offer() {
    const mine = ++number;
    const line = box.value;
    const place = characters(line.slice(0, box.selectionStart));
    let answer;
    try {
      answer = await asked(`/v1/complete?${new URLSearchParams({ q: line, at: place })}`);
    } catch {
      return close(); // a box that does not complete is still a box
    }
    if (mine !== number || document.activeElement !== box || box.value !== line) return;
    found = { line, from: units(line, answer.from), to: units(line, answer.to), options: answer.options };
    const typed = line.slice(found.from, found.to);
    if (!found.options.length || (found.options.length === 1 && found.options[0].text === typed)) return close();
    list.replaceChildren(
      ...found.options.map((each, index) =>
        make("li", { role: "option", id: `option-${index}`, "aria-selected": "false" }, make("b", {}, each.text), make("span", {}, each.shows)),
      ),
    );
    list.hidden = false;
    list.scrollTop = 0;
    fit();
    box.setAttribute("aria-expanded", "true");
    pick(-1);
  }

  /** It ends where the window does, or above the keyboard that a phone lays over it. */
  function fit() {
    const { offsetTop, height } = visualViewport;
    list.style.maxHeight = `${Math.max(MINIMUM_PX, offsetTop + height - list.getBoundingClientRect().top - GAP_PX)}px`;
  }

  function close() {
    clearTimeout(timer);
    number++;
    list.hidden = true;
    found = null;
    box.setAttribute("aria-expanded", "false");
    pick(-1);
  }

  function pick(index) {
    picked = index;
    [...list.children].forEach((each, place) => each.setAttribute("aria-selected", String(place === index)));
    if (index < 0) box.removeAttribute("aria-activedescendant");
    else {
      box.setAttribute("aria-activedescendant", `option-${index}`);
      list.children[index].scrollIntoView({ block: "nearest" });
    }
  }

  function take(index) {
    const { line, from, to, options } = found;
    const { text, shows } = options[index];
    const goesOn = text.endsWith(":");
    const rest = line.slice(to);
    const gap = goesOn || rest.startsWith(" ") ? "" : " ";
    box.value = line.slice(0, from) + text + gap + rest;
    const place = from + text.length + (goesOn ? 0 : 1);
    box.setSelectionRange(place, place);
    close();
    if (shows.startsWith("saved: ")) chosen();
    else if (goesOn) offer();
    box.dispatchEvent(new Event("changed"));
  }

  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(offer, WAIT_MS);
  });
  box.addEventListener("blur", close);
  visualViewport.addEventListener("resize", fit);
  box.addEventListener("keydown", (event) => {
    const open = !list.hidden;
    const n = list.children.length;
    if (event.key === "ArrowDown" && (open || !box.value.trim())) {
      event.preventDefault();
      event.stopPropagation();
      if (open) pick((picked + 1) % n);
      else offer();
    } else if (event.key === "ArrowUp" && open) {
      event.preventDefault();
      pick(picked <= 0 ? n - 1 : picked - 1);
    } else if (event.key === "Enter" && open && picked >= 0) {
      event.preventDefault();
      take(picked);
    } else if (event.key === "Tab" && open && !event.shiftKey) {
      event.preventDefault();
      take(Math.max(picked, 0));
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  });
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays in the box
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) take([...list.children].indexOf(option));
  });
  return { close };
}
