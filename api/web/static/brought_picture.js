// A picture that is brought to a question: dropped, pasted or chosen.

import { at, pasted } from "./dom.js";

const PREVIEW_PX = 240;

const WHAT = "What is this, and where do I have more of it?";

/** `complain(line)` is told what is wrong with a file; `taken()` gives the picture and lets go of it. */
export function broughtPicture(complain) {
  const most = Number(at("ask").dataset.maxMb) * 2 ** 20;
  const box = at("question");
  const { placeholder } = box;
  let held = null; // { file, preview }

  async function take(file) {
    if (!file) return;
    if (!file.type.startsWith("image/")) {
      return complain(`${file.name || "This"} is no picture: take one in JPEG, PNG, WebP or another format for pictures.`);
    }
    if (file.size * 1.4 > most) {
      const mb = (file.size / 2 ** 20).toFixed(0);
      return complain(`This picture has ${mb} MB, and ${Math.floor(most / 1.4 / 2 ** 20)} MB is the most that is taken here: shrink it first.`);
    }
    complain("");
    held = { file, preview: await previewed(file) };
    show();
    box.focus();
  }

  function show() {
    at("brought").hidden = !held;
    at("brought-name").textContent = held?.file.name ?? "";
    at("preview").hidden = !held?.preview;
    if (held?.preview) at("preview").src = held.preview;
    else at("preview").removeAttribute("src");
    box.required = !held; // a picture by itself asks what it is
    box.placeholder = held ? WHAT : placeholder;
  }

  at("choose").addEventListener("click", () => at("file").click());
  at("file").addEventListener("change", () => {
    take(at("file").files[0]);
    at("file").value = "";
  });
  at("unbring").addEventListener("click", () => {
    held = null;
    show();
    box.focus();
  });
  document.addEventListener("paste", (event) => {
    const file = pasted(event);
    if (!file) return;
    event.preventDefault();
    take(file);
  });
  const brings = (event) => event.dataTransfer?.types.includes("Files");
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      if (!brings(event)) return;
      event.preventDefault();
      at("drop").hidden = false;
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) at("drop").hidden = true;
  });
  document.addEventListener("drop", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    at("drop").hidden = true;
    take(event.dataTransfer.files[0]);
  });

  return {
    /** What is asked where nothing is written. */
    question: () => (held ? WHAT : ""),
    taken() {
      const now = held;
      held = null;
      show();
      return now && { preview: now.preview, base64: () => base64(now.file), giveBack: () => take(now.file) };
    },
  };
}

/** Small enough to be kept with the conversation; empty where the browser cannot draw it, though the server may. */
async function previewed(file) {
  try {
    const drawn = await createImageBitmap(file);
    const scale = Math.min(1, PREVIEW_PX / Math.max(drawn.width, drawn.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(drawn.width * scale));
    canvas.height = Math.max(1, Math.round(drawn.height * scale));
    canvas.getContext("2d").drawImage(drawn, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/jpeg", 0.8);
  } catch {
    return "";
  }
}

const base64 = (file) =>
  new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => failed(new Error(`${file.name} cannot be read: choose it again.`));
    reader.readAsDataURL(file);
  });
