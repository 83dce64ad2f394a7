// The dialog that indexes folders, and shows how far a run has come.

import { asked, at, complain, count, make, sent } from "./dom.js";

/** `done()` is called when a run has ended that changed what can be found. */
export function indexing(done) {
  const dialog = at("index-dialog");
  if (!dialog) return;
  let events = null;
  let job = null;

  async function roots() {
    try {
      const found = (await asked("/v1/roots")).roots;
      at("roots").replaceChildren(...found.map(item));
      at("index-all").disabled = !found.some((each) => each.online) || events != null;
      if (!found.length) at("roots").append(make("li", {}, make("span", { class: "what" }, "No folder has been added yet.")));
    } catch (error) {
      complain(at("index-fault"), error.message);
    }
  }

  function item({ path, files, online }) {
    const state = online ? count(files, "file") : `${count(files, "file")}, not there now: plug its drive in`;
    const start = make("button", { type: "button", class: "button", "aria-label": `Index ${path}` }, "Index");
    start.disabled = !online || events != null;
    start.addEventListener("click", () => begin([path]));
    return make("li", {}, make("span", { class: "what" }, path, make("small", {}, state)), start);
  }

  async function begin(paths) {
    complain(at("index-fault"), "");
    try {
      follow((await asked("/v1/index", sent("POST", { paths }))).job);
      at("job-cancel").focus(); // the button that was pressed cannot hold it now
    } catch (error) {
      complain(at("index-fault"), error.message);
    }
  }

  function follow(begun) {
    show(begun);
    events?.close();
    events = new EventSource(`/v1/jobs/${encodeURIComponent(begun.id)}/events`);
    const read = (event) => {
      if (!event.data) return;
      const told = JSON.parse(event.data);
      show(told.job ?? told);
    };
    events.addEventListener("progress", read);
    events.addEventListener("end", (event) => {
      read(event);
      end();
    });
    events.addEventListener("error", () => {
      if (events?.readyState === EventSource.CLOSED) end();
    });
    lock(true);
  }

  async function end() {
    events?.close();
    events = null;
    lock(false);
    try {
      const found = await asked(`/v1/jobs/${encodeURIComponent(job.id)}`);
      show(found.job ?? found);
    } catch (error) {
      complain(at("index-fault"), error.message);
    }
    await roots();
    if (dialog.open && [document.body, at("job-cancel")].includes(document.activeElement)) at("index-all").focus();
    done();
  }

  function lock(busy) {
    at("open-index").classList.toggle("busy", busy);
    at("busy").textContent = busy ? ", a run is going on" : "";
    for (const each of dialog.querySelectorAll("#roots button, #index-all")) each.disabled = busy || each.disabled;
  }

  function show(told) {
    job = told;
    const { state, progress, report, error } = job;
    const running = state === "running";
    const bar = at("job-bar");
    at("job").hidden = false;
    at("job").dataset.state = state;
    at("job-cancel").hidden = !running;
    const { done: n = 0, total = null, failed = 0 } = progress ?? {};
    if (running && !total) bar.removeAttribute("value");
    else {
      bar.max = total || 1;
      bar.value = state === "done" ? bar.max : n;
    }
    at("job-said").textContent = said(state, n, total, failed, report, error);
    const failures = report?.failed ?? [];
    at("job-failed").hidden = !failures.length;
    at("job-failed").querySelector("summary").textContent = `${count(failures.length, "file")} could not be read`;
    at("job-failed").querySelector("ul").replaceChildren(
      ...failures.map((each) => make("li", {}, make("code", {}, each.path), ` ${each.reason}`)),
    );
  }

  function said(state, n, total, failed, report, error) {
    const bad = failed ? `, ${count(failed, "failure")}` : "";
    if (state === "running") return total ? `${n.toLocaleString("en")} of ${count(total, "file")}${bad}` : "Looking for files …";
    if (state === "failed") return error ?? "The run failed.";
    if (state === "cancelled") return "Cancelled. What was read is kept.";
    if (!report) return "Done.";
    const parts = [`${count(report.indexed, "file")} read`, `${report.reused.toLocaleString("en")} known already`];
    if (report.removed) parts.push(`${report.removed.toLocaleString("en")} removed`);
    return `Done: ${parts.join(", ")}.`;
  }

  function open() {
    complain(at("index-fault"), "");
    roots();
    dialog.showModal();
  }

  at("open-index").addEventListener("click", open);
  at("begin")?.addEventListener("click", open);
  at("index-all").addEventListener("click", () => begin([]));
  at("job-cancel").addEventListener("click", async () => {
    at("job-cancel").disabled = true;
    try {
      await asked(`/v1/jobs/${encodeURIComponent(job.id)}`, { method: "DELETE" });
    } catch (error) {
      complain(at("index-fault"), error.message);
    } finally {
      at("job-cancel").disabled = false;
    }
  });

  // A run that goes on already, begun here or elsewhere.
  asked("/v1/jobs")
    .then(({ jobs }) => {
      const going = jobs.find((each) => each.kind === "index" && each.state === "running");
      if (going) follow(going);
    })
    .catch(() => {}); // no more than a hint; opening the dialog says what is wrong
}
