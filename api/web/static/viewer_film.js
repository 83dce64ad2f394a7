// Films and recordings: they start at their moment, and what is said runs along.

const NEAR_S = 0.05; // a player rounds the time that it is sent to
const POINTED_S = 0.5; // for which what an answer points at stays where it is

/** Bring the player of a viewer to life, if it has one. */
export function film(viewer) {
  const player = viewer.querySelector("[data-media]");
  if (!player) return;
  const transcript = follow(viewer, player);
  const start = Number(viewer.dataset.start);
  if (player.readyState >= HTMLMediaElement.HAVE_METADATA) begin(viewer, player, start);
  else player.addEventListener("loadedmetadata", () => begin(viewer, player, start), { once: true });
  player.addEventListener("error", () => giveUp(viewer, player, start));
  if (player.error) giveUp(viewer, player, start);

  viewer.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-at]");
    if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    const at = Number(link.dataset.at);
    transcript.resume();
    if (viewer.hasAttribute("data-stills")) still(viewer, at);
    else {
      player.currentTime = at;
      player.muted = false;
      player.play().catch(() => {});
    }
  });
}

function begin(viewer, player, start) {
  if (start && Math.abs(player.currentTime - start) > NEAR_S) player.currentTime = start;
  if (!(player instanceof HTMLVideoElement)) return;
  const pointed = viewer.querySelector(".viewer-pointed");
  if (!player.videoWidth) {
    // The sound can be played, and the picture cannot.
    giveUp(viewer, player, start, "This browser plays the sound of this film, and cannot show its picture.");
  } else if (pointed) {
    // It lies on this picture of the film and on no other.
    player.addEventListener("timeupdate", () => pointed.toggleAttribute("hidden", Math.abs(player.currentTime - start) > POINTED_S));
  } else if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
    player.muted = true; // or no browser lets it begin by itself
    player.play().catch(() => (player.muted = false));
  }
}

/** Say that this cannot be played, and show pictures of it. */
function giveUp(viewer, player, start, why) {
  const notice = viewer.querySelector("[data-unplayable]");
  if (why) viewer.querySelector("[data-unplayable-why]").textContent = why;
  else player.hidden = true;
  notice.hidden = false;
  if (!viewer.querySelector("[data-still]")) return;
  player.hidden = true;
  viewer.setAttribute("data-stills", "");
  still(viewer, start);
}

/** What a film that cannot be played shows at a time. */
function still(viewer, at) {
  const picture = viewer.querySelector("[data-still]");
  picture.hidden = false;
  picture.alt = `At ${at} seconds`;
  picture.src = picture.dataset.still + at;
  mark(viewer, at);
}

/** Mark the sentence and the scene of a time; gives the sentence. */
function mark(viewer, at) {
  let said = null;
  for (const list of viewer.querySelectorAll("[data-lines], .viewer-scenes")) {
    let here = null;
    for (const link of list.querySelectorAll("a[data-at]")) {
      if (Number(link.dataset.at) > at + NEAR_S) break;
      here = link;
    }
    // Between sentences the last one stays.
    const before = list.querySelector("[aria-current]");
    if (before !== here) {
      before?.removeAttribute("aria-current");
      here?.setAttribute("aria-current", "true");
      const strip = here && !list.matches("[data-lines], :hover");
      if (strip) list.scrollTo({ left: here.offsetLeft - list.clientWidth / 2 });
    }
    if (list.matches("[data-lines]")) said = here;
  }
  return said;
}

/** The transcript scrolls along with the player, until somebody scrolls it. */
function follow(viewer, player) {
  const list = viewer.querySelector("[data-lines]");
  const button = viewer.querySelector("[data-follow]");
  let following = true;
  let shown = null;

  function scroll(link) {
    if (!link) return;
    const top = link.getBoundingClientRect().top - list.getBoundingClientRect().top + list.scrollTop;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    list.scrollTo({ top: top - list.clientHeight / 3, behavior: calm ? "auto" : "smooth" });
  }
  function resume() {
    following = true;
    shown = null;
    if (button) button.hidden = true;
  }
  function pause() {
    following = false;
    button.hidden = false;
  }

  if (list) {
    // Not "scroll", which is also what following causes.
    for (const act of ["wheel", "touchmove"]) list.addEventListener(act, pause, { passive: true });
    list.addEventListener("keydown", (event) => {
      if (/^(Page|Arrow(Up|Down)|Home|End)/.test(event.key)) pause();
    });
    list.addEventListener("pointerdown", (event) => {
      if (event.target === list) pause(); // its scroll bar
    });
    button.addEventListener("click", () => {
      list.focus({ preventScroll: true }); // which the button goes on with
      resume();
      follow();
    });
    scroll(list.querySelector(".found"));
  }
  function follow() {
    const link = mark(viewer, player.currentTime);
    if (following && link && link !== shown) scroll((shown = link));
  }
  player.addEventListener("timeupdate", follow);
  player.addEventListener("seeked", follow);
  return { resume };
}
