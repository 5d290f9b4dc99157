/** What stands above the figures: the views, the time and its zone, the filters, the theme. */

import { h, icon, replace } from "./dom.js";
import { plain } from "./series.js";
import { VIEWS, widened } from "./state.js";
import { bounds, dateOf, iso, midnight, RANGES } from "./times.js";
import { named } from "./words.js";

const THEME = "spanledger.theme";
const ZONE = "spanledger.zone";

/** @typedef {import("./parts.js").Page} Page */

/** @param {Page} page */
export function drawNav(page) {
  const current = { event: "events", trace: "events" }[page.state.view] ?? page.state.view;
  const links = Object.entries(VIEWS).map(([view, name]) => {
    const next = { view, event: "", trace: "", order: "" };
    return h("li", {}, h("a", { href: page.href(next), "data-key": `view:${view}`, "aria-current": view === current ? "page" : null,
      onclick: (/** @type {MouseEvent} */ event) => { if (plain(event)) { event.preventDefault(); page.go(next); } } }, name));
  });
  replace(/** @type {HTMLElement} */ (document.getElementById("nav")), [h("ul", {}, links)]);
}

/** The theme, and whether the page asks again by itself. @param {{on: boolean, switch: (on: boolean) => void}} live @param {() => void} themed @param {(() => void) | null} leave */
export function drawTools(live, themed, leave) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const theme = h("button", { class: "button plain", type: "button", "data-key": "theme", onclick: () => { setTheme(isDark() ? "light" : "dark"); again(); themed(); } });
  const button = h("button", { class: "button plain", type: "button", id: "live", "data-key": "live", onclick: () => { live.switch(!live.on); again(); } }, h("span", { class: "pulse", "aria-hidden": "true" }), "Live");
  const again = () => {
    theme.replaceChildren(icon(isDark() ? "sun" : "moon"));
    theme.setAttribute("aria-label", isDark() ? "Light colours" : "Dark colours");
    button.setAttribute("aria-pressed", String(live.on));
  };
  again();
  dark.addEventListener("change", () => { again(); themed(); });
  const out = leave ? h("button", { class: "button plain", type: "button", "data-key": "out", onclick: leave }, "Sign out") : null;
  replace(/** @type {HTMLElement} */ (document.getElementById("tools")), [button, theme, out]);
}

/** @param {string} name */
function setTheme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem(THEME, name);
}

/** What was chosen before. */
export function remembered() {
  const theme = localStorage.getItem(THEME);
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  return localStorage.getItem(ZONE) || "UTC";
}

const TIMELESS = ["budgets", "event", "trace"];

/** @param {Page} page */
export function drawBar(page) {
  const bar = /** @type {HTMLElement} */ (document.getElementById("bar"));
  const { state } = page;
  if (state.view === "event" || state.view === "trace") return replace(bar, []);
  const timed = !TIMELESS.includes(state.view);
  replace(bar, [timed ? [ranges(page), dates(page)] : null, zones(page), timed ? [h("span", { class: "grow" }), chips(page)] : null]);
}

/** @param {Page} page */
function ranges({ state, go }) {
  const bounded = Boolean(state.since || state.until);
  return h("div", { class: "segments", role: "group", "aria-label": "Time" }, Object.entries(RANGES).map(([last, name]) => h("button", { type: "button", "data-key": `last:${last}`,
    "aria-pressed": String(!bounded && state.last === last), "aria-label": last === "all" ? "All the time" : `The last ${name}`, onclick: () => go({ last, since: "", until: "" }) }, last === "all" ? "All" : last === "365d" ? "1y" : last)));
}

/** @param {Page} page */
function dates({ state, go }) {
  const { since, until } = bounds(state, Date.now());
  const day = (/** @type {string} */ bound, /** @type {number} */ less) => bound ? dateOf(Date.parse(bound) - less, state.tz) : "";
  const first = /** @type {HTMLInputElement} */ (h("input", { type: "date", "aria-label": "From this day", "data-key": "from", value: day(since, 0) }));
  const last = /** @type {HTMLInputElement} */ (h("input", { type: "date", "aria-label": "To the end of this day", "data-key": "to", value: day(until, 1) }));
  const chosen = () => {
    const from = first.value && midnight(first.value, state.tz);
    const to = last.value && midnight(last.value, state.tz, 1);
    if ((from && to && from >= to) || (!from && !to)) return;
    go({ since: from ? iso(from) : "", until: to ? iso(to) : "" });
  };
  // A date that is typed is a date from its first digit on: it is asked for when somebody is done with it.
  for (const field of [first, last]) {
    let typing = false;
    let due = false;
    const done = () => { if (due) { due = false; chosen(); } };
    field.addEventListener("pointerdown", () => { typing = false; });
    field.addEventListener("keydown", (event) => { typing = true; if (event.key === "Enter") done(); });
    field.addEventListener("change", () => { due = true; if (!typing) done(); });
    field.addEventListener("blur", () => setTimeout(done));
  }
  return h("span", { class: "dates" }, first, h("span", { "aria-hidden": "true" }, "–"), last);
}

/** @param {Page} page */
function zones({ state, go }) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const common = [...new Set(["UTC", here, state.tz])];
  const option = (/** @type {string} */ name) => h("option", { value: name, selected: name === state.tz }, name.replaceAll("_", " "));
  const select = h("select", { "aria-label": "Time zone", "data-key": "zone", onchange: (/** @type {any} */ event) => { localStorage.setItem(ZONE, event.target.value); go({ tz: event.target.value }); } }, common.map(option));
  // The four hundred others, when somebody looks for one.
  const fill = () => {
    if (select.childElementCount === common.length) select.append(h("optgroup", { label: "All zones" }, Intl.supportedValuesOf("timeZone").filter((name) => !common.includes(name)).map(option)));
  };
  for (const event of ["pointerdown", "focus"]) select.addEventListener(event, fill, { once: true });
  return select;
}

/** @param {Page} page */
function chips({ state, go }) {
  const all = Object.entries(state.where).flatMap(([column, values]) => values.map((value) => ({ column, value })));
  if (!all.length) return null;
  return h("ul", { class: "chips", "aria-label": "Filters" }, all.map((one) => h("li", {}, h("button", { class: "chip", type: "button", "data-key": `chip:${one.column}:${one.value}`,
    "aria-label": `Remove the filter ${named(one.column)} ${one.value || "not stated"}`, onclick: () => go(widened(state, one.column, one.value)) }, h("span", {}, `${named(one.column)} `), h("b", { dir: "auto", title: one.value }, one.value || "not stated"), icon("close")))));
}
