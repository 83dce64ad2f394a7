// The chat: questions in turn, answers as they come, and what bears them out. All that comes from files, models and
// people is text and stays text.

import { Refusal, ask, at, complain, count, icon, make } from "./dom.js";
import { events } from "./events.js";
import { broughtPicture } from "./brought_picture.js";
import { memoryOf } from "./tab_memory.js";

const KEPT = "conversation";
const WRITTEN = "question";
const MARK = /\[(\d{1,4})\]|\[unsupported\]/g;
const SEEN = new Set(["image", "video"]);

let turns = []; // { question, answer, preview, about }: the answer as the server gave it
let running = null;

const form = at("ask");
const memory = memoryOf(form.dataset.who);
const box = at("question");
const brought = broughtPicture((said) => complain(at("fault"), said));
let about = at("subject").dataset.about ?? null; // the id of a segment, or of an asset
const handy = matchMedia("(hover: hover)").matches; // elsewhere the focus brings up a keyboard over half of the page

// --- what an answer looks like -----------------------------------------------------------------------------------------

const clock = (seconds) => {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const two = (n) => String(n).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
};

const named = (path) => path.split(/[/\\]/).pop();
const place = ({ start_s, page }) => (start_s != null ? clock(start_s) : page != null ? `page ${page}` : "");
/** Where it is; and that it is a caption, which a model may have made. */
const spot = (cited) => [place(cited), cited.segment_kind === "caption" && "caption"].filter(Boolean).join(", ");

function href(cited) {
  const said = new URLSearchParams({ segment: cited.segment_id });
  if (cited.quote) said.set("quote", cited.quote);
  if (cited.box) said.set("box", cited.box.join(","));
  return `/view/${cited.asset_id}?${said}`;
}

/** Its words, the marks in them as buttons that open what is cited. */
function words(text, citations, open) {
  const parts = [];
  let end = 0;
  for (const mark of text.matchAll(MARK)) {
    parts.push(text.slice(end, mark.index));
    end = mark.index + mark[0].length;
    const cited = citations.find((each) => each.number === Number(mark[1]));
    if (cited) {
      const button = make("button", { type: "button", class: "cite", "aria-label": `Source ${cited.number}: ${named(cited.path)} ${spot(cited)}` }, String(cited.number));
      button.addEventListener("click", () => open(cited.number));
      parts.push(button);
    } else if (!mark[1]) {
      parts.push(make("b", { class: "unsupported", title: "Nothing that was found bears this out" }, "unsupported"));
    }
  }
  return [...parts, text.slice(end)];
}

function card(cited) {
  const seen = SEEN.has(cited.kind) || cited.page != null;
  const none = () => make("i", {}, icon(cited.kind));
  const picture = seen ? make("img", { src: `/v1/assets/${cited.asset_id}/thumbnail?segment=${cited.segment_id}`, alt: "" }) : none();
  if (seen) picture.addEventListener("error", () => picture.replaceWith(none()), { once: true });
  const told = make("span", {}, make("strong", { dir: "auto", title: cited.path }, named(cited.path)));
  if (spot(cited)) told.append(make("small", {}, spot(cited)));
  if (cited.quote) told.append(make("q", { dir: "auto" }, cited.quote));
  const link = make("a", { class: "source", "data-view": true, href: href(cited), "data-asset": cited.asset_id, "data-name": named(cited.path) }, make("b", {}, String(cited.number)), picture, told);
  return make("li", { "data-number": cited.number }, link);
}

const CUT = "The answer was cut off.";
const nothing = (about) => `Nothing ${about ? "in it" : "here"} answers that.`;

/** A turn on the page; `paint(answer)` shows as much of the answer as there is. */
function turnOf({ question, preview, about }) {
  const asked = make("h2", { class: "asked", dir: "auto" });
  if (about) asked.append(make("small", {}, `About ${about}`));
  if (preview) asked.append(make("img", { src: preview, alt: "The picture that was asked about" }));
  asked.append(question);
  const said = make("div", { class: "said", dir: "auto" });
  const sources = make("ol", { class: "sources", "aria-label": "Sources" });
  const article = make("article", { class: "turn" }, asked, said, sources);
  const open = (number) => sources.querySelector(`[data-number="${number}"] a`)?.click();
  let cards = 0;
  let painted = "";
  const paint = ({ answer, citations }) => {
    if (!answer.startsWith(painted)) {
      said.replaceChildren();
      painted = "";
    }
    // What is there stays: somebody may have the focus on it, or have chosen words of it.
    said.append(...words(answer.slice(painted.length), citations, open));
    painted = answer;
    for (; cards < citations.length; cards += 1) sources.append(card(citations[cards]));
  };
  const end = ({ answer, complete, trouble }) => {
    article.removeAttribute("aria-busy");
    if (!answer.trim()) {
      const search = make("a", { href: `/?${new URLSearchParams({ q: question })}` }, "Search for it instead");
      said.replaceWith(make("p", { class: "declined" }, `${nothing(about)} `, search));
    }
    if (!cards) sources.remove();
    if (!complete) article.append(make("p", { class: "cut" }, trouble ?? CUT));
  };
  return { article, paint, end };
}

// --- asking ------------------------------------------------------------------------------------------------------------

async function request(question, picture) {
  const thread = turns.map((turn) => ({ question: turn.question, answer: turn.answer.answer })).slice(-10);
  const said = { question, thread, stream: true };
  if (about) said.about = /^[0-9a-f]{64}$/.test(about) ? { asset_id: about } : { segment_id: Number(about) };
  if (picture) said.image_base64 = await picture.base64();
  return { method: "POST", headers: { "Content-Type": "application/json", Accept: "text/event-stream" }, body: JSON.stringify(said) };
}

async function put(question) {
  const picture = brought.taken();
  const turn = { question, preview: picture?.preview, about: about && at("subject-name").innerText.trim().replace(/\s+/g, " "), answer: { answer: "", citations: [], complete: false } };
  const shown = turnOf(turn);
  shown.article.setAttribute("aria-busy", "true");
  at("hello").hidden = true;
  at("thread").append(shown.article);
  complain(at("fault"), "");
  running = Object.assign(new AbortController(), { question });
  busy(true);
  at("status").textContent = "Looking for an answer.";
  shown.article.scrollIntoView({ block: "end" });
  let ended = false;
  try {
    const answer = await ask("/v1/answer", { ...(await request(question, picture)), signal: running.signal });
    for await (const { event, data } of events(answer)) {
      if (event === "text") turn.answer.answer += data.text;
      else if (event === "citation") turn.answer.citations.push(data);
      else if (event === "answer") [turn.answer, ended] = [data, true];
      else if (event === "problem") throw new Refusal(data.detail, data.status);
      if (event === "text" || event === "answer") follow(shown.article, () => shown.paint(turn.answer));
    }
    if (!ended) throw new Refusal("The server ended in the middle of its answer.", 0);
    kept(turn);
  } catch (error) {
    const stopped = error.name === "AbortError";
    const said = stopped ? "Stopped." : error instanceof Refusal ? error.message : "The connection to the server broke off.";
    if (!shown.article.isConnected) return; // the conversation was left behind
    if (turn.answer.answer) {
      turn.answer.trouble = said;
      kept(turn);
    } else {
      picture?.giveBack(); // first: what takes a picture takes complaints away
      failed(stopped ? "" : said, turn, shown);
    }
  } finally {
    running = null;
    busy(false);
    if (shown.article.isConnected) {
      follow(shown.article, () => shown.end(turn.answer));
      at("status").textContent = told(turn);
    } else at("status").textContent = "";
  }
}

/** Nothing came: the question goes back into the box. */
function failed(said, turn, shown) {
  complain(at("fault"), said);
  shown.article.remove();
  at("hello").hidden = at("thread").childElementCount > 0;
  if (!box.value) box.value = turn.question;
}

function kept(turn) {
  turns.push(turn);
  at("anew").hidden = false;
  memory.set(KEPT, turns.slice(-20));
}

/** What is read out when an answer is over: once, and not while it grows. */
function told({ about, answer: { answer, citations, complete, trouble } }) {
  if (!answer.trim()) return nothing(about);
  const plain = answer.replaceAll(MARK, (mark, number) => (number ? "" : "(unsupported)"));
  return `${plain} ${complete ? `Answered from ${count(citations.length, "source")}.` : (trouble ?? CUT)}`;
}

/** The focus stays where it is, but for the button that goes. */
function busy(on) {
  const [goes, comes] = on ? [at("send"), at("stop")] : [at("stop"), at("send")];
  const held = document.activeElement === goes;
  goes.hidden = true;
  comes.hidden = false;
  if (held) (on || !handy ? comes : box).focus({ preventScroll: true });
}

/** Whether the end of a turn can be seen, above the box. */
const below = (article) => article.getBoundingClientRect().bottom - (innerHeight - form.offsetHeight);

/** `grow` a turn and keep its end in sight: unless somebody has scrolled up to read, and as long as its head stays. */
function follow(article, grow) {
  const seen = below(article) < 40;
  grow();
  if (!seen) return;
  const room = article.getBoundingClientRect().top - document.querySelector(".top").offsetHeight;
  const by = Math.min(below(article) + 8, room);
  if (by > 0) scrollBy({ top: by });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const question = box.value.trim() || brought.question();
  if (!question || running) return;
  box.value = "";
  put(question);
});
box.addEventListener("keydown", (event) => {
  // 229: Safari ends a composition before the key that ended it comes.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  if (!running) form.requestSubmit();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && !event.isComposing && !document.querySelector("dialog[open]")) running?.abort();
});
at("stop").addEventListener("click", () => running?.abort());
at("unbind")?.addEventListener("click", () => {
  about = null;
  at("subject").hidden = true;
  box.placeholder = "Ask about your files";
  history.replaceState(history.state, "", "/ask");
  box.focus();
});
at("anew").addEventListener("click", () => {
  turns = [];
  at("thread").replaceChildren();
  running?.abort();
  complain(at("fault"), "");
  at("hello").hidden = false;
  at("anew").hidden = true;
  memory.remove(KEPT);
  box.focus();
});

// The conversation of this tab, as it was before the page was loaded anew.
turns = memory.get(KEPT) ?? [];
for (const turn of turns) {
  const shown = turnOf(turn);
  shown.paint(turn.answer);
  shown.end(turn.answer);
  at("thread").append(shown.article);
}
at("hello").hidden = at("thread").childElementCount > 0;
at("anew").hidden = !turns.length;
at("thread").lastElementChild?.scrollIntoView({ block: "end" });

// What was written and not answered yet outlives a reload, and signing in anew.
if (!form.dataset.q) box.value ||= memory.get(WRITTEN) ?? "";
addEventListener("pagehide", () => memory.set(WRITTEN, box.value || (running?.question ?? "")));

if (form.dataset.q && performance.getEntriesByType("navigation")[0]?.type !== "reload") {
  history.replaceState(null, "", about ? `/ask?about=${about}` : "/ask");
  put(form.dataset.q);
}
if (handy) box.focus({ preventScroll: true });
