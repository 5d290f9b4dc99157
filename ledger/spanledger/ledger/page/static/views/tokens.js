/** What was read and written: fresh input against what the cache gave, answers against the reasoning before them. */

import { h } from "../dom.js";
import { csv, dimensionTabs, figure, figures, lengths, panel, part, pick, room, table } from "../parts.js";
import { asked, newest, overTime, reportBefore } from "../questions.js";
import { countsOverTime } from "../series.js";
import { besideOf } from "../times.js";
import { change, count, heading, many, named, percent, short } from "../words.js";
import { compared } from "./overview.js";
import { anything, nothing } from "./empty.js";

const MEASURES = "input_tokens,cache_read_tokens,cache_write_tokens,output_tokens,reasoning_tokens";
const ROWS = 50;

/** @typedef {import("../parts.js").Page} Page */

/** @param {Page} page @param {(path: string, parameters?: any) => Promise<any>} ask @param {number} now */
export function load({ state }, ask, now) {
  const told = asked(state, now);
  const totals = ask("report", [["measures", `requests,${MEASURES}`], ...told]);
  const series = overTime(ask, seriesOf(), told);
  return {
    totals,
    series,
    then: reportBefore(ask, series, told, `requests,${MEASURES}`),
    groups: ask("report", [...groupsOf(state), ["limit", ROWS], ...told]),
    newest: totals.then((found) => found.rows.length ? null : newest(ask)),
  };
}

const seriesOf = () => [["bucket", "auto"], ["measures", MEASURES]];
const byOf = (/** @type {any} */ state) => state.by || "model";
const groupsOf = (/** @type {any} */ state) => [["by", byOf(state)], ["measures", `requests,${MEASURES}`], ["order", state.order || "input_tokens:desc"]];

/** The five buckets of a row: none contains another. @param {Record<string, number | null>} row */
export function buckets(row) {
  const [input, read, written, output, reasoning] = ["input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"].map((name) => row[name] ?? 0);
  return { fresh: input - read - written, read, written, output: output - reasoning, reasoning };
}

const LAYERS = /** @type {const} */ ([
  ["fresh", "Fresh input", "k0"], ["read", "Cache read", "k4"], ["written", "Cache write", "k2"], ["output", "Output", "k1"], ["reasoning", "Reasoning", "k3"],
]);

/** @param {any[]} rows */
function together(rows) {
  const sums = Object.fromEntries(MEASURES.split(",").map((name) => [name, rows.reduce((total, row) => total + (row[name] ?? 0), 0)]));
  return { ...sums, ...buckets(sums) };
}

/** @param {Page} page @param {any} data @param {number} now */
export function draw(page, data, now) {
  if (!anything(data)) return nothing(page, data.newest);
  const { totals, then, series, groups } = data;
  return h("div", { class: "stack" },
    part("figures", [totals], () => head(totals, then, series), figures(), [then, series]),
    part("time", [series], () => overDays(page, series, now), room("Tokens over time", "chart-room")),
    part("groups", [groups], () => groupsPanel(page, groups, now), room("Who used them", "table-room")));
}

/** @param {any} totals @param {any} then @param {any} series */
function head(totals, then, series) {
  const all = together(totals.rows);
  const was = together(then?.rows ?? []);
  const beside = then && series ? besideOf(series) : "";
  const value = (/** @type {number} */ number) => h("p", { class: "value", title: count(number) }, short(number));
  return figures(
    figure("Input", value(all.input_tokens), compared(change(all.input_tokens, was.input_tokens), beside)),
    figure("From cache", h("p", { class: "value" }, all.input_tokens ? percent(all.read / all.input_tokens) : "unknown"), `${short(all.read)} of the input`),
    figure("Output", value(all.output_tokens), compared(change(all.output_tokens, was.output_tokens), beside)),
    figure("Reasoning", h("p", { class: "value" }, all.output_tokens ? percent(all.reasoning / all.output_tokens) : "unknown"), `${short(all.reasoning)} of the output`));
}

/** @param {Page} page @param {any} series @param {number} now */
function overDays(page, series, now) {
  const rows = series.buckets.map((/** @type {string} */ _, /** @type {number} */ place) => buckets(Object.fromEntries(MEASURES.split(",").map((name) => [name, series.totals[name][place]]))));
  const layers = LAYERS.map(([key, title, colour]) => ({ key, title, colour, values: rows.map((/** @type {any} */ row) => row[key]) }));
  return panel("Tokens over time", csv(page, "series", [...seriesOf(), ...asked(page.state, now)], "tokens-over-time"), countsOverTime(page, series, layers, "Tokens"));
}

/** @param {Page} page @param {any} groups @param {number} now */
function groupsPanel(page, groups, now) {
  const by = byOf(page.state);
  const rows = groups.rows;
  const cell = (/** @type {string} */ name) => ({ full: (/** @type {any} */ row) => row[name] === null ? "nobody states it" : count(row[name]), cell: (/** @type {any} */ row) => row[name] === null ? h("span", { class: "quiet" }, "–") : short(row[name]) });
  const columns = [
    { key: by, title: heading(by), cell: (/** @type {any} */ row) => pick(page, by, row[by]) },
    { key: "input_tokens", title: "Input", number: true, sortable: true, ...cell("input_tokens") },
    lengths((row) => row.input_tokens ?? 0, rows),
    { key: "fresh", title: "Fresh", number: true, wide: true, full: (/** @type {any} */ row) => count(buckets(row).fresh), cell: (/** @type {any} */ row) => row.input_tokens === null ? "" : short(buckets(row).fresh) },
    { key: "cache_read_tokens", title: "Cache read", number: true, sortable: true, wide: true, ...cell("cache_read_tokens") },
    { key: "cache_write_tokens", title: "Cache write", number: true, sortable: true, wide: true, ...cell("cache_write_tokens") },
    { key: "share", title: "From cache", number: true, cell: (/** @type {any} */ row) => row.input_tokens ? percent((row.cache_read_tokens ?? 0) / row.input_tokens) : "" },
    { key: "output_tokens", title: "Output", number: true, sortable: true, ...cell("output_tokens") },
    { key: "reasoning_tokens", title: "Reasoning", number: true, sortable: true, wide: true, ...cell("reasoning_tokens") },
  ];
  return panel("Who used them", [dimensionTabs(page, by, "by"), csv(page, "report", [...groupsOf(page.state), ...asked(page.state, now)], `tokens-by-${by}`)],
    h("div", { id: "by", role: "tabpanel", "aria-label": `By ${named(by)}` },
      table({ key: "groups", caption: `Tokens by ${named(by)}`, columns, rows, order: page.state.order || "input_tokens:desc", sort: (order) => page.go({ order }) })),
    groups.next_cursor ? h("p", { class: "note" }, `The first ${ROWS} ${many(by)} by this order; the CSV has them all.`) : null,
    h("p", { class: "note" }, "Input contains what the cache gave and took, output contains reasoning. Where a sender does not state its cache, all of its input counts as fresh."));
}
