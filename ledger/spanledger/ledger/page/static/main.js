/** The page: the address says what is shown, a view asks and draws it, and it is asked again while somebody looks. */

import { ask, Failure, forget, key, takeKey } from "./api.js";
import { preload, redraw } from "./chart.js";
import { drawBar, drawNav, drawTools, remembered } from "./controls.js";
import { h, replace } from "./dom.js";
import { living } from "./live.js";
import { gathered } from "./questions.js";
import { read, VIEWS, write } from "./state.js";
import { clock } from "./times.js";
import * as budgets from "./views/budgets.js";
import * as event from "./views/event.js";
import * as events from "./views/events.js";
import * as overview from "./views/overview.js";
import * as reliability from "./views/reliability.js";
import { signIn } from "./views/sign_in.js";
import * as tokens from "./views/tokens.js";
import * as trace from "./views/trace.js";

// An answer is drawn so soon after it came, with all that came meanwhile: at once where nothing stands; where figures
// stand they are replaced once if the others follow closely.
const SOON_MS = 50;
const PATIENT_MS = 250;

const VIEWED = /** @type {Record<string, any>} */ ({ overview, tokens, reliability, budgets, events, event, trace });

takeKey();
const zone = remembered();
const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const place = /** @type {HTMLElement} */ (document.getElementById("view"));
const status = /** @type {HTMLElement} */ (document.getElementById("status"));
const moment = /** @type {HTMLElement} */ (document.getElementById("moment"));

/** @type {import("./parts.js").Page} */
const page = { state: read(location.search, zone), go, href: (next) => write({ ...page.state, ...next }), say };
let leaving = new AbortController();
let shown = "";
let drawnAt = 0;
let held = false;
let opening = true;

const live = living(refresh);

/** Show something else; the way back leads here. @param {Partial<import("./state.js").State>} next */
function go(next) {
  const address = write({ ...page.state, ...next });
  if (address === location.search) return;
  history.pushState({ within: true }, "", address);
  changed();
}

/** The address says something else now. */
function changed() {
  const view = page.state.view;
  page.state = read(location.search, zone);
  if (!key()) return;
  held = false;
  shown = "";
  frame();
  if (view !== page.state.view) {
    scrollTo(0, 0);
    replace(place, [skeleton()]);
    main.focus({ preventScroll: true });
  }
  live.now();
}

function frame() {
  drawNav(page);
  drawBar(page);
  entitle(VIEWS[page.state.view] ?? { event: "Event", trace: "Trace" }[page.state.view]);
}

/** @param {string} title */
function entitle(title) {
  document.title = `${title} · spanledger`;
  const heading = document.getElementById("title");
  if (heading) heading.textContent = title;
}

/** One sentence for people and screen readers; empty when all is well. @param {string} sentence */
function say(sentence) {
  if (status.textContent !== sentence) status.textContent = sentence;
}

/** Ask what the view asks, and show it. @returns {Promise<"done" | "away" | "stop">} */
async function refresh() {
  // The sign-in stands, with what was typed into it.
  if (!key()) return "stop";
  // Older events were asked for: nothing moves below whoever reads them.
  if (held) return "done";
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const { state } = page;
  document.getElementById("live")?.classList.add("busy");
  try {
    const now = Date.now();
    const asked = VIEWED[state.view].load(page, (/** @type {string} */ path, /** @type {any} */ parameters) => ask(path, parameters, signal), now);
    // What stands of this address is replaced once, by all of it; so is what failed a moment ago. That a time is empty is
    // said when all is known: whoever opens the page is shown another.
    const came = (/** @type {any} */ some) => { if (!shown && !away() && !some.newest && !signal.aborted) put(some, now); };
    const data = await (asked instanceof Promise ? asked : gathered(asked, came, place.querySelector("[data-part]") ? PATIENT_MS : SOON_MS));
    if (signal.aborted) return "stop";
    if (emptyAtFirst(data)) {
      history.replaceState(history.state, "", write({ ...state, last: "all" }));
      changed();
      return "stop";
    }
    show(data, now);
    well();
    return "done";
  } catch (failure) {
    if (signal.aborted) return "stop";
    leaving.abort();
    leaving = new AbortController();
    return failed(failure);
  } finally {
    document.getElementById("live")?.classList.remove("busy");
  }
}

/** Whoever opens the page and names no time is shown figures, if the ledger has any, of whatever time. @param {any} data */
function emptyAtFirst(data) {
  const opened = opening;
  opening = false;
  return opened && Boolean(data.newest) && !/[?&](last|since|until|where\.\w+)=/.test(location.search);
}

/** Draw what came, unless it is what stands there already. @param {any} data @param {number} now */
function show(data, now) {
  const fresh = JSON.stringify(data);
  if (fresh === shown) return;
  shown = fresh;
  put(data, now);
}

/** Draw what has come, if that says anything yet. @param {any} data @param {number} now */
function put(data, now) {
  const tools = { ask: (/** @type {string} */ path, /** @type {any} */ parameters) => ask(path, parameters, leaving.signal), hold: (/** @type {boolean} */ still) => { held = still; }, again: (/** @type {any} */ more) => show(more, now) };
  const drawn = VIEWED[page.state.view].draw(page, data, now, tools);
  if (drawn) replace(place, [drawn]);
}

function away() {
  return Boolean(document.getElementById("live")?.classList.contains("away"));
}

function well() {
  drawnAt = Date.now();
  if (away()) say("The server answers again.");
  else if (status.classList.contains("away")) say("");
  status.classList.remove("away");
  document.getElementById("live")?.classList.remove("away");
  moment.textContent = `As of ${clock(drawnAt, page.state.tz)} ${page.state.tz}`;
}

/** @param {unknown} failure @returns {"away" | "stop"} */
function failed(failure) {
  if (!(failure instanceof Failure)) {
    replace(place, [problem("This page failed to show the answer.", false)]);
    shown = "";
    console.error(failure);
    return "stop";
  }
  if (failure.status === 401) return enter(failure.message);
  if (failure.passing) {
    const old = drawnAt ? ` What you see is of ${clock(drawnAt, page.state.tz)}.` : "";
    say(`${failure.message} It is asked again by and by.${old}`);
    status.classList.add("away");
    document.getElementById("live")?.classList.add("away");
    if (!shown) replace(place, [problem(failure.message, false)]);
    return "away";
  }
  shown = "";
  replace(place, [problem(failure.message, failure.status === 403)]);
  return "stop";
}

/** @param {string} sentence @param {boolean} denied */
function problem(sentence, denied) {
  return h("section", { class: "notice bad", role: "alert" }, h("h2", {}, denied ? "This key may not" : "No figures"), h("p", {}, sentence),
    h("button", { class: "button", type: "button", onclick: () => (denied ? leave() : go(read(""))) }, denied ? "Use another key" : "Back to the overview"));
}

/** Ask for a key. @param {string} wrong @returns {"stop"} */
function enter(wrong) {
  forget();
  replace(/** @type {HTMLElement} */ (document.getElementById("bar")), []);
  replace(/** @type {HTMLElement} */ (document.getElementById("tools")), []);
  replace(/** @type {HTMLElement} */ (document.getElementById("nav")), []);
  entitle("Sign in");
  moment.textContent = "";
  say("");
  replace(place, [signIn(wrong, begin)]);
  document.getElementById("key")?.focus();
  return "stop";
}

function leave() {
  leaving.abort();
  enter("");
}

function begin() {
  shown = "";
  held = false;
  frame();
  drawTools(live, redraw, leave);
  replace(place, [skeleton()]);
  live.now();
}

function skeleton() {
  return h("div", { class: "skeleton", "aria-hidden": "true" }, h("div"), h("div"));
}

addEventListener("popstate", changed);
// A key in the address of a page that is open already.
addEventListener("hashchange", () => { if (takeKey()) begin(); });
document.querySelector(".brand")?.addEventListener("click", (event) => {
  event.preventDefault();
  go({ view: "overview", event: "", trace: "", order: "" });
});
if (key()) begin();
else enter("");
if (["overview", "tokens", "reliability"].includes(page.state.view)) preload();
