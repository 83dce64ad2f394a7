// A picture to search by: dropped, pasted or chosen; and the part of it that is meant, drawn or set by keys.

import { at, pasted } from "./dom.js";

const STEP = 0.02;
const LEAST = 0.04;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** `changed(picture, crop)` is told what is to be searched by; `complain(line)` what is wrong with a file. */
export function pictures(changed, complain) {
  const most = Number(at("search").dataset.maxMb) * 2 ** 20;
  const [sample, picture, frame, crop, held, drop] = ["sample", "picture", "frame", "crop", "held", "drop"].map(at);
  let file = null;
  let part = null; // [x, y, width, height], fractions
  let address = null;

  async function take(given) {
    if (!given) return;
    if (!given.type.startsWith("image/")) {
      return complain(`${given.name || "This"} is no picture: take one in JPEG, PNG, WebP or another format for pictures.`);
    }
    if (given.size > most - 2 ** 16) {
      const mb = (given.size / 2 ** 20).toFixed(0);
      return complain(`This picture has ${mb} MB, and ${most / 2 ** 20} MB is the most that is taken here: shrink it first.`);
    }
    hold(given, null);
    changed(file, part);
  }

  function hold(given, box) {
    if (given !== file) {
      if (address) URL.revokeObjectURL(address);
      address = given && URL.createObjectURL(given);
      if (address) picture.src = address;
      else picture.removeAttribute("src");
      held.style.backgroundImage = address ? `url("${address}")` : "";
    }
    file = given;
    sample.hidden = held.hidden = !file;
    draw(file ? box : null);
  }

  function draw(box) {
    part = box;
    crop.hidden = !box;
    at("add-crop").textContent = box ? "The whole picture" : "Choose a part";
    at("crop-said").textContent = box ? "Only this part is searched by." : "Draw on the picture to search by a part of it.";
    if (!box) return;
    const [x, y, width, height] = box.map((each) => `${100 * each}%`);
    Object.assign(crop.style, { left: x, top: y, width, height });
  }

  const settled = (box) => {
    if (!box) return null;
    const width = clamp(box[2], LEAST, 1);
    const height = clamp(box[3], LEAST, 1);
    const place = [clamp(box[0], 0, 1 - width), clamp(box[1], 0, 1 - height), width, height];
    return place.map((each) => Math.round(each * 10000) / 10000);
  };

  // Drawing by pointer: on the crop it is moved, elsewhere a new one begins.
  let drawing = null;
  const where = (event) => {
    const box = picture.getBoundingClientRect();
    return [clamp((event.clientX - box.left) / box.width, 0, 1), clamp((event.clientY - box.top) / box.height, 0, 1)];
  };
  frame.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    frame.setPointerCapture(event.pointerId);
    drawing = { from: where(event), before: part, moves: event.target === crop ? part : null };
  });
  frame.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    const [x, y] = where(event);
    const [fromX, fromY] = drawing.from;
    if (drawing.moves) {
      const [left, top, width, height] = drawing.moves;
      draw(settled([left + x - fromX, top + y - fromY, width, height]));
    } else if (Math.abs(x - fromX) > LEAST / 2 && Math.abs(y - fromY) > LEAST / 2) {
      draw(settled([Math.min(x, fromX), Math.min(y, fromY), Math.abs(x - fromX), Math.abs(y - fromY)]));
    }
  });
  const drawn = () => {
    if (drawing && String(drawing.before) !== String(part)) changed(file, part);
    drawing = null;
  };
  frame.addEventListener("pointerup", drawn);
  frame.addEventListener("pointercancel", drawn);

  let waiting = 0;
  crop.addEventListener("keydown", (event) => {
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      draw(null);
      at("add-crop").focus();
      return changed(file, part);
    }
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way || !part) return;
    event.preventDefault();
    event.stopPropagation();
    const [x, y, width, height] = part;
    const [across, down] = way.map((each) => each * STEP);
    draw(settled(event.shiftKey ? [x, y, Math.min(width + across, 1 - x), Math.min(height + down, 1 - y)] : [x + across, y + down, width, height]));
    clearTimeout(waiting);
    waiting = setTimeout(() => changed(file, part), 350);
  });
  at("add-crop").addEventListener("click", () => {
    draw(part ? null : [0.25, 0.25, 0.5, 0.5]);
    if (part) crop.focus();
    changed(file, part);
  });
  at("remove-picture").addEventListener("click", () => {
    hold(null, null);
    at("q").focus();
    changed(file, part);
  });

  // Dropping, pasting, choosing.
  const brings = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    drop.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.hidden = true;
  });
  addEventListener("drop", (event) => {
    drop.hidden = true;
    if (!brings(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => {
    const given = pasted(event);
    if (!given) return;
    event.preventDefault();
    take(given);
  });
  at("choose").addEventListener("click", () => at("file").click());
  at("file").addEventListener("change", (event) => {
    take(event.target.files[0]);
    event.target.value = "";
  });
  return { hold };
}
