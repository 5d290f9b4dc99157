/** A `/v1/series` answer as a chart, its legend and its table: stacked by group, or by measure. */

import { coloursOf, COLOURS } from "./colours.js";
import { drawn } from "./chart.js";
import { h } from "./dom.js";
import { shown, places, size } from "./money.js";
import { table, legend } from "./parts.js";
import { bucketName, tickName } from "./times.js";
import { count, many, named } from "./words.js";

/**
 * @typedef {import("./parts.js").Page} Page
 * @typedef {{buckets: string[], edges: string[], bucket: string, groups: {name: string | null, rest: boolean, groups?: number, measures: Record<string, any[]>}[], totals: Record<string, any[]>, currency: string | null, currencies: string[]}} Series
 */

export const TOP = COLOURS;

/** Money over time, stacked by a dimension. @param {Page} page @param {Series} series @param {string} by */
export function spendOverTime(page, series, by) {
  const { tz } = page.state;
  const named = series.groups.filter((group) => !group.rest).map((group) => String(group.name));
  const colours = coloursOf(by, named);
  const decimals = places(series.totals.cost);
  const layers = series.groups.map((group) => ({
    name: group.rest ? restName(group, by) : group.name || "not stated",
    colour: group.rest ? "kr" : colours.get(String(group.name)) ?? "kr",
    sizes: group.measures.cost.map(size),
    texts: group.measures.cost.map((cost) => shown(cost, decimals)),
    group,
  }));
  const names = series.buckets.map((_, place) => bucketName(series, place, tz));
  const chart = drawn({
    key: "spend", money: true, label: `Spend in ${series.currency ?? "no currency"} by ${series.bucket}, stacked by ${by}; the table below has the figures`,
    ticks: series.buckets.map((_, place) => tickName(series, place, tz)), names, layers,
    sums: series.totals.cost.map((cost) => shown(cost, decimals)), pick: (place) => drill(page, series, place),
  });
  const entries = layers.map(({ group, name, colour }) => ({ name: group.rest ? null : group.name, colour, text: name }));
  return [chart, legend(page, by, entries), figuresOf(page, series, layers, names, decimals)];
}

/** @param {{groups?: number}} group @param {string} by */
function restName(group, by) {
  return group.groups === 1 ? `1 other ${named(by)}` : group.groups ? `${count(group.groups)} other ${many(by)}` : "all others";
}

/** The chart's figures as a table, from which a row leads to its events. @param {Page} page @param {Series} series @param {{name: string, texts: string[]}[]} layers @param {string[]} names @param {number} decimals */
function figuresOf(page, series, layers, names, decimals) {
  const rows = names.map((name, place) => ({ name, place }));
  const columns = [
    bucketColumn(page, series),
    ...(series.totals.cost ? [{ key: "sum", title: "Together", number: true, cell: (/** @type {any} */ row) => shown(series.totals.cost[row.place], decimals) }] : []),
    ...layers.map((layer, at) => ({ key: `g${at}`, title: layer.name, number: true, cell: (/** @type {any} */ row) => layer.texts[row.place] })),
  ];
  return folded(`figures-${series.bucket}`, `Figures by ${series.bucket}`, table({ key: "figures", caption: `Figures by ${series.bucket}`, columns, rows }));
}

/** Counts over time, stacked by what they are. @param {Page} page @param {Series} series @param {{key: string, title: string, colour: string, values: (number | null)[]}[]} layers @param {string} what */
export function countsOverTime(page, series, layers, what) {
  const { tz } = page.state;
  const names = series.buckets.map((_, place) => bucketName(series, place, tz));
  const told = layers.map((layer) => ({ name: layer.title, colour: layer.colour, sizes: layer.values.map(size), texts: layer.values.map(count) }));
  const chart = drawn({ key: what, label: `${what} by ${series.bucket}; the table below has the figures`, names,
    ticks: series.buckets.map((_, place) => tickName(series, place, tz)), layers: told, pick: (place) => drill(page, series, place) });
  const marks = h("div", { class: "legend" }, layers.map((layer) => h("span", { class: "entry" }, h("span", { class: `swatch ${layer.colour}` }), h("span", { class: "name" }, layer.title))));
  const rows = names.map((name, place) => ({ name, place }));
  const columns = [bucketColumn(page, series), ...told.map((layer, at) => ({ key: `l${at}`, title: layer.name, number: true, cell: (/** @type {any} */ row) => layer.texts[row.place] }))];
  return [chart, marks, folded(`figures-${what}`, `Figures by ${series.bucket}`, table({ key: `figures-${what}`, caption: `${what} by ${series.bucket}`, columns, rows }))];
}

/** @param {Page} page @param {Series} series */
function bucketColumn(page, series) {
  return { key: "bucket", title: series.bucket[0].toUpperCase() + series.bucket.slice(1), cell: (/** @type {any} */ row) => h("a", {
    class: "pick", "data-key": `bucket:${row.place}`, href: page.href(drilled(page, series, row.place)), title: "The events of this time",
    onclick: (/** @type {MouseEvent} */ event) => { if (plain(event)) { event.preventDefault(); drill(page, series, row.place); } } }, row.name) };
}

/** A click that is to stay in this tab. @param {MouseEvent} event */
export function plain(event) {
  return event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
}

/** @param {Page} page @param {Series} series @param {number} place */
function drilled(page, series, place) {
  return { view: "events", since: series.edges[place], until: series.edges[place + 1], order: "" };
}

/** @param {Page} page @param {Series} series @param {number} place */
function drill(page, series, place) {
  page.go(drilled(page, series, place));
}

/** @param {string} key @param {string} title @param {...import("./dom.js").Child} content */
export function folded(key, title, ...content) {
  return h("details", { "data-key": key }, h("summary", { "data-key": `open:${key}` }, title), content);
}
