// Pictures and pages: drawn nearer by a click, buttons and keys, and moved about by dragging.

const MOST = 8;
const NEARER = 2.5;
const MOVED_PX = 4;

/** Bring the picture of a viewer to life, if it has one. */
export function picture(viewer) {
  const stage = viewer.querySelector("[data-stage]");
  const sheet = stage?.querySelector("[data-sheet]");
  if (!sheet) return;
  const image = sheet.querySelector("[data-zoomable]");
  let zoom = 1;

  /** The shape of a page is only known when it is there. */
  function shape() {
    if (sheet.style.getPropertyValue("--ratio") || !image.naturalWidth) return;
    sheet.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
    sheet.style.setProperty("--natural", `${image.naturalWidth}px`);
  }
  if (image.complete) shape();
  else image.addEventListener("load", shape, { once: true });

  /** Draw nearer by a factor, keeping what is at this point of the window where it is; 0: all of it. */
  function draw(factor, x, y) {
    const before = image.getBoundingClientRect();
    const wanted = factor ? Math.min(MOST, Math.max(1, zoom * factor)) : 1;
    x ??= innerWidth / 2;
    y ??= innerHeight / 2;
    const [across, down] = [(x - before.left) / before.width, (y - before.top) / before.height];
    zoom = wanted < 1.05 ? 1 : wanted;
    sheet.style.setProperty("--zoom", zoom);
    stage.toggleAttribute("data-zoomed", zoom > 1);
    if (zoom > 1 && image.dataset.large) {
      image.src = image.dataset.large; // drawn for the larger view; until it comes the smaller one stands in its place
      delete image.dataset.large;
    }
    const after = image.getBoundingClientRect();
    stage.scrollBy(after.left + across * after.width - x, after.top + down * after.height - y);
  }

  viewer.querySelector("[data-zooms]").hidden = false;
  viewer.querySelectorAll("[data-zoom]").forEach((button) => {
    button.addEventListener("click", () => draw(Number(button.dataset.zoom)));
  });
  image.addEventListener("error", () => {
    image.alt = "This cannot be drawn now: open the original.";
    sheet.querySelector("[data-marks]")?.remove();
  });
  sheet.querySelector("[data-marks]")?.addEventListener("error", (event) => event.target.remove());

  let held = null;
  sheet.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch") return; // a finger scrolls by itself
    held = { x: event.clientX, y: event.clientY, moved: false };
    sheet.setPointerCapture(event.pointerId);
  });
  sheet.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [x, y] = [event.clientX - held.x, event.clientY - held.y];
    if (!held.moved && Math.hypot(x, y) < MOVED_PX) return;
    stage.scrollBy(-x, -y);
    held = { x: event.clientX, y: event.clientY, moved: true };
  });
  sheet.addEventListener("pointercancel", () => (held = null));
  sheet.addEventListener("click", (event) => {
    const dragged = held?.moved;
    held = null;
    if (event.detail > 1) return; // of a double click, which may have opened the viewer, or drawn nearer already
    if (!dragged && !event.target.closest("a, button")) draw(zoom > 1 ? 0 : NEARER, event.clientX, event.clientY);
  });
}
