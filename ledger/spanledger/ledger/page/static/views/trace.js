/** What one request cost over every agent below it: each call once, at the agent that made it. */

import { h, track } from "../dom.js";
import { places, shown, size } from "../money.js";
import { panel, table } from "../parts.js";
import { count, short } from "../words.js";
import { back } from "./event.js";
import { eventTable } from "./events.js";

const ROWS = 200;

/** @typedef {import("../parts.js").Page} Page */

/** @param {Page} page @param {(path: string, parameters?: any) => Promise<any>} ask */
export async function load({ state }, ask) {
  const [chain, { events, next_cursor }] = await Promise.all([ask(`chains/${encodeURIComponent(state.trace)}`), ask("events", [["where.trace_id", state.trace.toLowerCase()], ["limit", ROWS]])]);
  return { chain, events, next_cursor };
}

/** @param {Page} page @param {any} data */
export function draw(page, { chain, events, next_cursor }) {
  const whole = chain.rows.filter((/** @type {any} */ row) => row.depth === 0);
  const decimals = Math.max(4, places(chain.rows.map((/** @type {any} */ row) => row.cost)));
  const largest = (/** @type {string} */ currency) => Math.max(...chain.rows.map((/** @type {any} */ row) => row.currency === currency ? size(row.cost) : 0));
  const nameOf = (/** @type {any} */ row) => {
    const name = h("span", { class: "tree" }, row.depth === 0 ? "The whole request" : h("span", { dir: "auto" }, lastOf(row.agent_path)));
    name.style.setProperty("--depth", String(row.depth));
    return name;
  };
  const several = new Set(whole.map((/** @type {any} */ row) => row.currency)).size > 1;
  const currency = several ? "" : `, ${whole[0]?.currency ?? "no currency"}`;
  const money = (/** @type {string} */ key) => ({ full: (/** @type {any} */ row) => row[key], cell: (/** @type {any} */ row) => row[key] === null ? h("span", { class: "nobody" }, "unknown") : `${shown(row[key], decimals)}${several && row.currency ? ` ${row.currency}` : ""}` });
  const columns = [
    { key: "agent", title: "Agent", full: (/** @type {any} */ row) => row.agent_path || null, cell: nameOf },
    { key: "requests", title: "Requests", number: true, cell: (/** @type {any} */ row) => count(row.requests) },
    { key: "input", title: "Input", number: true, wide: true, cell: (/** @type {any} */ row) => short(row.input_tokens) },
    { key: "output", title: "Output", number: true, wide: true, cell: (/** @type {any} */ row) => short(row.output_tokens) },
    { key: "own", title: "Own cost", number: true, ...money("own_cost") },
    { key: "cost", title: `With all below${currency}`, number: true, ...money("cost") },
    { key: "length", title: "Length", unseen: true, wide: true, bars: true, cell: (/** @type {any} */ row) => h("span", { class: "length" }, track(size(row.cost) / largest(row.currency))) },
  ];
  return h("div", { class: "stack" }, back(page),
    h("section", { class: "panel" }, h("div", { class: "hero" },
      h("div", { class: "grow" }, h("p", { class: "quiet" }, "Trace"), h("h2", { class: "title mono" }, page.state.trace)),
      whole.map((/** @type {any} */ row) => h("div", {}, h("p", { class: "quiet" }, `${count(row.requests)} requests`), h("p", { class: "value", title: row.cost }, row.cost === null ? "unknown" : `${shown(row.cost)} ${row.currency}`))))),
    panel("What each agent cost", [], table({ key: "chain", caption: "The tree of agents of this trace", columns, rows: chain.rows })),
    panel("Its events", [], eventTable(page, events, "events", "The events of this trace, the oldest first"), next_cursor ? h("p", { class: "note" }, `The first ${ROWS} are shown.`) : null));
}

/** The last agent of a path: what is not a plain letter in a name is percent-encoded. @param {string} path */
function lastOf(path) {
  const last = path.split("/").at(-1) ?? path;
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}
