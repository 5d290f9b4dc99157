/** What the views are made of: panels, figures, tables that sort, names that filter, badges, tabs. */

import { h, icon, track } from "./dom.js";
import { save } from "./api.js";
import { percent, heading, DIMENSIONS, OTHER_DIMENSIONS, named } from "./words.js";

/**
 * @typedef {import("./state.js").State} State
 * @typedef {{state: State, go: (next: Partial<State>) => void, href: (next: Partial<State>) => string,
 *   say: (sentence: string) => void}} Page
 * @typedef {{key: string, title: string, number?: boolean, sortable?: boolean, wide?: boolean, unseen?: boolean, bars?: boolean, cell: (row: any, place: number) => import("./dom.js").Child, full?: (row: any) => string | null, head?: boolean}} Column
 */

/** A box with a heading and what can be done with it. @param {string} title @param {import("./dom.js").Child[]} tools @param {...import("./dom.js").Child} content */
export function panel(title, tools, ...content) {
  const id = `title-${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`;
  return h("section", { class: "panel", "aria-labelledby": id }, h("header", {}, h("h2", { id }, title), tools), content);
}

/**
 * A part of a view: drawn once all it needs has come, and busy until what it would have beside that has come too. Until
 * then there is what stood in its place (`replace`), or else a box of its size. What is awaited is undefined.
 * @param {string} key @param {any[]} needs @param {() => HTMLElement | null} draw @param {HTMLElement} box @param {any[]} [wants]
 */
export function part(key, needs, draw, box, wants = []) {
  const awaited = needs.includes(undefined);
  const element = awaited ? box : draw();
  if (awaited) box.classList.add("awaited");
  if (awaited || wants.includes(undefined)) element?.setAttribute("aria-busy", "true");
  element?.setAttribute("data-part", key);
  return element;
}

/** The box of a panel. @param {string} title @param {"" | "chart-room" | "table-room"} [size] */
export function room(title, size = "") {
  return panel(title, [], h("div", { class: `room ${size}` }));
}

/** @param {...import("./dom.js").Child} entries */
export function figures(...entries) {
  return h("dl", { class: "figures" }, entries);
}

/** @param {string} name @param {import("./dom.js").Child} value @param {import("./dom.js").Child} [below] */
export function figure(name, value, below = null) {
  return h("div", { class: "figure" }, h("dt", {}, name), h("dd", {}, value, below ? h("p", { class: "change" }, below) : null));
}

/** A name of a dimension; nothing named is said so. @param {string} value @param {string} [colour] */
export function label(value, colour = "") {
  return [colour ? h("span", { class: `swatch ${colour}`, "aria-hidden": "true" }) : null,
    value === "" ? h("span", { class: "name nobody" }, "not stated") : h("span", { class: "name", dir: "auto", title: value }, value)];
}

/** A name to filter by. @param {Page} page @param {string} dimension @param {string} value @param {string} [colour] @param {string} [where] */
export function pick(page, dimension, value, colour = "", where = "row") {
  return h("button", { class: "pick", type: "button", "data-key": `${where}:${dimension}:${value}`, title: `Show only ${named(dimension)} ${value || "not stated"}`,
    onclick: () => page.go({ where: { ...page.state.where, [dimension]: [value] } }) }, label(value, colour));
}

/**
 * A table. A column that sorts is a button; `aria-sort` says which one does.
 * @param {{key: string, caption: string, columns: Column[], rows: any[], order?: string, sort?: (order: string) => void, rowHead?: number}} of
 */
export function table({ key, caption, columns, rows, order = "", sort }) {
  const [by, way = "desc"] = order.split(":");
  const header = columns.map((column) => {
    const sorted = column.key === by && sort ? (way === "asc" ? "ascending" : "descending") : null;
    const name = column.unseen ? h("span", { class: "unseen" }, column.title) : column.title;
    const content = column.sortable && sort
      ? h("button", { type: "button", "data-key": `${key}:sort:${column.key}`, onclick: () => sort(`${column.key}:${sorted === "descending" ? "asc" : "desc"}`) }, name)
      : name;
    return h("th", { scope: "col", class: classes(column), "aria-sort": sorted }, content);
  });
  const body = rows.map((row, place) => h("tr", {}, columns.map((column, at) => h(at === 0 || column.head ? "th" : "td",
    { class: classes(column), scope: at === 0 || column.head ? "row" : null, title: column.full?.(row) ?? null }, column.cell(row, place)))));
  return h("div", { class: "scroll", "data-key": key, tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "unseen" }, caption), h("thead", {}, h("tr", {}, header)), h("tbody", {}, body)));
}

/** @param {Column} column */
function classes(column) {
  return [column.number ? "n" : "", column.wide ? "wide" : "", column.bars ? "bars" : ""].filter(Boolean).join(" ") || null;
}

/** A column of bars beside the figures: of the largest of them. @param {(row: any) => number} size @param {any[]} rows @param {(row: any) => string} [colour] */
export function lengths(size, rows, colour = () => "") {
  const largest = Math.max(...rows.map((row) => Math.abs(size(row))), 0);
  return { key: "length", title: "Length", unseen: true, wide: true, bars: true, cell: (/** @type {any} */ row) => h("span", { class: "length" }, track(largest ? Math.abs(size(row)) / largest : 0, colour(row))) };
}

/** Save what a panel shows. @param {Page} page @param {string} path @param {[string, string | number][]} parameters @param {string} name */
export function csv(page, path, parameters, name) {
  const button = h("button", { class: "button plain small", type: "button", "data-key": `csv:${name}`, "aria-label": `Save ${name.replaceAll("-", " ")} as CSV`,
    onclick: () => save(path, parameters, `${name}.csv`).then(() => page.say(`Saved ${name}.csv.`), (failure) => page.say(failure.message)) }, icon("csv"), "CSV");
  return button;
}

/** The dimension to split by, as tabs that the arrows move between. @param {Page} page @param {string} by @param {string} panelId */
export function dimensionTabs(page, by, panelId) {
  const choose = (/** @type {string} */ name) => page.go({ by: name, order: "" });
  const tabs = DIMENSIONS.map((name) => h("button", { type: "button", role: "tab", id: `tab-${name}`, "data-key": `tab:${name}`, "aria-selected": String(name === by), "aria-controls": panelId,
    tabindex: name === by || (!DIMENSIONS.includes(by) && name === DIMENSIONS[0]) ? "0" : "-1", onclick: () => choose(name) }, heading(name)));
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": "Split by", onkeydown: (/** @type {KeyboardEvent} */ event) => rove(event, tabs) }, tabs);
  const others = h("select", { class: `other${DIMENSIONS.includes(by) ? "" : " chosen"}`, "aria-label": "Split by something else", "data-key": "tab:other",
    onchange: (/** @type {any} */ event) => event.target.value && choose(event.target.value) },
  h("option", { value: "" }, "More…"), OTHER_DIMENSIONS.map((name) => h("option", { value: name, selected: name === by }, heading(name))));
  return [list, others];
}

/** @param {KeyboardEvent} event @param {HTMLElement[]} tabs */
function rove(event, tabs) {
  const at = tabs.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const next = step ? tabs[(at + step + tabs.length) % tabs.length] : event.key === "Home" ? tabs[0] : event.key === "End" ? tabs.at(-1) : null;
  if (!next) return;
  event.preventDefault();
  next.focus();
  next.click();
}

const SHARES = /** @type {const} */ ([
  ["unpriced_share", "unpriced", "of the requests have no known price: the spend leaves them out", { cost_state: ["unpriced", "unknown"] }],
  ["estimated_share", "estimated", "of the requests have counts that the sender estimated", { usage_source: ["estimated"] }],
  ["probable_share", "probable", "of the requests were merged because their spans resemble each other", { quality: ["probable"] }],
  ["unattributed_share", "unattributed", "of the requests name nobody to charge", { tenant: ["unattributed"] }],
]);

/** What is uncertain about the figures, in plain words; what is certain too. @param {Page} page @param {Record<string, number | null>} shares */
export function badges(page, shares) {
  const doubts = SHARES.filter(([name]) => shares[name]);
  // Of no requests there is no share.
  if (SHARES.some(([name]) => shares[name] === null)) return null;
  if (!doubts.length) return h("p", { class: "badges" }, h("span", { class: "badge good" }, h("b", {}, "All certain"), " every request is priced, counted by its provider and charged to a tenant"));
  return h("ul", { class: "badges", "aria-label": "What is uncertain" }, doubts.map(([name, word, words, where]) => h("li", {},
    h("button", { class: "badge", type: "button", "data-key": `badge:${name}`, onclick: () => page.go({ where: { ...page.state.where, ...where } }) },
      h("b", {}, `${percent(shares[name])} ${word}`), " ", h("span", {}, words)))));
}

/** The shares of several rows, by their requests. @param {any[]} rows */
export function sharesOf(rows) {
  const requests = rows.reduce((total, row) => total + row.requests, 0);
  return Object.fromEntries(SHARES.map(([name]) => [name, requests ? rows.reduce((total, row) => total + (row[name] ?? 0) * row.requests, 0) / requests : null]));
}

/** The legend of a chart: who is clicked is filtered by. @param {Page} page @param {string} dimension @param {{name: string | null, colour: string, text: string}[]} entries */
export function legend(page, dimension, entries) {
  return h("div", { class: "legend", role: "group", "aria-label": "Legend" }, entries.map(({ name, colour, text }) => name === null
    ? h("span", { class: "entry" }, h("span", { class: `swatch ${colour}` }), h("span", { class: "name quiet" }, text))
    : pick(page, dimension, name, colour, "legend")));
}

/** A sentence instead of figures. @param {string} title @param {string} text @param {...import("./dom.js").Child} more */
export function notice(title, text, ...more) {
  return h("section", { class: "notice" }, h("h2", {}, title), h("p", {}, text), more);
}
