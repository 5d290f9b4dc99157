/** Budgets as gauges: what is spent and held of each limit, when it begins anew, how its last windows went. */

import { h } from "../dom.js";
import { attos, places, shown, size } from "../money.js";
import { panel, table } from "../parts.js";
import { folded, plain } from "../series.js";
import { moment, rangeName } from "../times.js";
import { named } from "../words.js";

const WINDOWS = 6;

/** @typedef {import("../parts.js").Page} Page */

/** @param {Page} _ @param {(path: string, parameters?: any) => Promise<any>} ask */
export async function load(_, ask) {
  const { budgets } = await ask("budgets");
  const shown = budgets.slice(0, 24);
  const histories = await Promise.all(shown.map((/** @type {any} */ each) => ask(`budgets/${encodeURIComponent(each.budget.name)}/history`, { windows: WINDOWS }).catch(() => ({ windows: [] }))));
  return { budgets, histories };
}

/** @param {Page} page @param {any} data */
export function draw(page, { budgets, histories }) {
  if (!budgets.length) return h("section", { class: "panel first" }, h("h2", { class: "title" }, "No budgets yet"),
    h("p", {}, "A budget is a limit on what calls may cost in a window. A soft one tells; a hard one denies calls it has no room for."),
    h("pre", { class: "shell", tabindex: "0" }, "spanledger budgets set everything --limit 2000 --window month"));
  return h("div", { class: "stack" }, h("h2", { class: "unseen" }, "Every budget"), h("div", { class: "budgets" }, budgets.map((/** @type {any} */ state, /** @type {number} */ at) => one(page, state, histories[at]?.windows ?? []))));
}

/** @param {Page} page @param {any} state @param {any[]} windows */
function one(page, state, windows) {
  const { budget } = state;
  const decimals = places([state.spent, budget.limit]);
  return h("article", { class: "panel budget", "aria-label": budget.name },
    h("div", { class: "head" }, h("h3", { dir: "auto" }, budget.name), standing(state), h("span", { class: "tag" }, budget.hard ? "hard" : "soft")),
    h("p", {}, h("span", { class: "percent" }, percentOf(state)), h("span", { class: "quiet" }, ` of ${shown(budget.limit, decimals)} ${budget.currency} ${windowName(budget.window)}`)),
    gauge(state),
    h("p", {}, `${shown(state.spent, decimals)} spent`, attos(state.held) > 0n ? `, ${shown(state.held, decimals)} held` : "", attos(state.remaining) < 0n ? `, ${shown(state.remaining.slice(1), decimals)} over` : `, ${shown(state.remaining, decimals)} left`),
    h("p", { class: "quiet" }, state.resets_at ? `Begins anew ${moment(state.resets_at, page.state.tz)}` : budget.window === "total" ? "Never begins anew" : "Moves on with every moment",
      `; ${scopeName(budget.scope)}.`, state.unpriced_requests ? ` ${state.unpriced_requests} requests without a price count ${shown(state.worst_case, decimals)}, the worst case.` : ""),
    windows.length > 1 ? folded(`history:${budget.name}`, `The last ${windows.length} windows`, history(page, windows, budget)) : null);
}

/** @param {any} state */
function percentOf(state) {
  return `${size(state.percent).toFixed(1)} %`;
}

/** @param {any} state */
function standing(state) {
  if (attos(state.remaining) < 0n) return h("span", { class: "tag bad" }, "exceeded");
  const reached = state.budget.thresholds.filter((/** @type {number} */ each) => size(state.percent) >= each).at(-1);
  return reached >= 80 ? h("span", { class: "tag warn" }, `${reached} % reached`) : null;
}

/** The gauge: what is spent, what is held, a mark at each threshold. @param {any} state */
function gauge(state) {
  const limit = size(state.budget.limit);
  const scale = Math.max(limit, size(state.spent) + size(state.held));
  const level = attos(state.remaining) < 0n ? " over" : size(state.percent) >= 80 ? " warn" : "";
  const meter = h("div", { class: `meter${level}`, role: "meter", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": Math.min(100, size(state.percent)).toFixed(1),
    "aria-valuetext": `${percentOf(state)} of ${shown(state.budget.limit)} ${state.budget.currency}`, "aria-label": `Budget ${state.budget.name}` });
  for (const [amount, name] of [[state.spent, ""], [state.held, "held"]]) {
    const part = h("i", { class: name || null });
    part.style.width = `${scale ? (Math.max(0, size(amount)) / scale) * 100 : 0}%`;
    meter.append(part);
  }
  for (const threshold of state.budget.thresholds) {
    const place = (threshold / 100) * limit / scale;
    if (place >= 1) continue;
    const mark = h("u", {});
    mark.style.left = `${place * 100}%`;
    meter.append(mark);
  }
  return meter;
}

/** @param {string} window */
function windowName(window) {
  return window.startsWith("rolling:") ? `in any ${window.slice(8)}` : window === "total" ? "in all" : `a ${window}`.replace("a hour", "an hour");
}

/** @param {Record<string, string>} scope */
function scopeName(scope) {
  const parts = Object.entries(scope).map(([word, value]) => `${named(word)} ${value || "not stated"}`);
  return parts.length ? `of ${parts.join(", ")}` : "of everything";
}

/** @param {Page} page @param {any[]} windows @param {any} budget */
function history(page, windows, budget) {
  const decimals = places(windows.map((each) => each.spent));
  const columns = [
    { key: "window", title: "Window", cell: (/** @type {any} */ row) => rangeName({ since: row.since ?? "", until: row.until ?? "" }, budget.tz) },
    { key: "spent", title: `Spent, ${budget.currency}`, number: true, full: (/** @type {any} */ row) => row.spent, cell: (/** @type {any} */ row) => shown(row.spent, decimals) },
    { key: "limit", title: "Limit", number: true, cell: (/** @type {any} */ row) => row.limit === null ? h("span", { class: "nobody" }, "none yet") : shown(row.limit, 2) },
    { key: "percent", title: "Used", number: true, cell: (/** @type {any} */ row) => row.percent === null ? "" : `${size(row.percent).toFixed(1)} %` },
  ];
  return table({ key: `history:${budget.name}`, caption: `The last windows of ${budget.name}`, columns, rows: [...windows].reverse() });
}

/** The fullest budgets, beside other figures. @param {Page} page @param {any} data */
export function strip(page, data) {
  if (data.refused) return panel("Budgets", [], h("p", { class: "quiet" }, data.refused));
  const fullest = [...data.budgets].sort((a, b) => size(b.percent) - size(a.percent)).slice(0, 4);
  if (!fullest.length) return null;
  const link = (/** @type {any} */ state) => h("a", { href: page.href({ view: "budgets" }), "data-key": `budget:${state.budget.name}`, dir: "auto",
    onclick: (/** @type {MouseEvent} */ event) => { if (plain(event)) { event.preventDefault(); page.go({ view: "budgets" }); } } }, state.budget.name);
  return panel("Budgets", [], h("div", { class: "strip" }, fullest.map((state) => h("div", {},
    h("div", { class: "row" }, link(state), h("span", { class: "n" }, `${percentOf(state)} of ${shown(state.budget.limit)} ${state.budget.currency}`)), gauge(state)))));
}
