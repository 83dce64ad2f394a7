// Searches kept under a name.

import { ask, asked, at, complain, icon, make, sent } from "./dom.js";
import { toJson } from "./query.js";

/** `current()` is the query to be kept; `run(name, said)` shows one that was. */
export function savedSearches(current, run) {
  const dialog = at("saved-dialog");

  async function list() {
    try {
      const { saved } = await asked("/v1/saved");
      at("saved").replaceChildren(...saved.map(item));
      if (!saved.length) at("saved").append(make("li", {}, make("span", { class: "what" }, "None yet.")));
    } catch (error) {
      complain(at("saved-fault"), error.message);
    }
  }

  function item({ name, query }) {
    const link = make("a", { class: "what", href: `/?saved=${encodeURIComponent(name)}` }, name, make("small", {}, query.text ?? ""));
    link.addEventListener("click", (event) => {
      event.preventDefault();
      dialog.close();
      run(name, query);
    });
    const made = make("li", {}, link);
    if (at("save")) {
      const remove = make("button", { type: "button", class: "in", "aria-label": `Forget ${name}` }, icon("close"));
      remove.addEventListener("click", async () => {
        const place = [...at("saved").children].indexOf(made);
        if (!(await change("DELETE", name))) return;
        (at("saved").children[place]?.querySelector("button") ?? dialog.querySelector("[data-close]")).focus();
      });
      made.append(remove);
    }
    return made;
  }

  async function change(method, name, body) {
    complain(at("saved-fault"), "");
    try {
      await ask(`/v1/saved/${encodeURIComponent(name)}`, body ? sent(method, body) : { method });
      await list();
      return true;
    } catch (error) {
      complain(at("saved-fault"), error.message);
      return false;
    }
  }

  at("open-saved").addEventListener("click", () => {
    complain(at("saved-fault"), "");
    list();
    dialog.showModal();
  });
  at("save")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const query = current();
    const name = at("save-name").value.trim();
    const body = toJson(query);
    if (query.picture) {
      const bytes = new Uint8Array(await query.picture.arrayBuffer());
      body.image_base64 = btoa(Array.from(bytes, (each) => String.fromCharCode(each)).join(""));
    }
    if (name && (await change("PUT", name, body))) at("save-name").value = "";
  });
}
