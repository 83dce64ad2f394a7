// What this tab remembers while its page is left, for whoever is signed in: nobody else finds it, and signing out, on
// any page of the tab, forgets it.

const PREFIX = "bowerbird:";

let over = false; // signing out: what the page would still write when it is left is not wanted any more

/** What `work` returns; null where storage is switched off, or full: then the page itself is all that remembers. */
function tried(work) {
  try {
    return work();
  } catch {
    return null;
  }
}

function forget(which) {
  tried(() => {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX) && which(key)) sessionStorage.removeItem(key);
  });
}

/** The memory of `who`; what somebody else left in this tab is forgotten. */
export function memoryOf(who) {
  const own = `${PREFIX}${who}:`;
  forget((key) => !key.startsWith(own));
  return {
    get: (name) => tried(() => JSON.parse(sessionStorage.getItem(own + name))),
    set: (name, value) => tried(() => over || sessionStorage.setItem(own + name, JSON.stringify(value))),
    remove: (name) => tried(() => sessionStorage.removeItem(own + name)),
  };
}

document.addEventListener("submit", ({ target }) => {
  if (target.getAttribute("action") !== "/sign-out") return;
  over = true;
  forget(() => true);
});
