/** What was asked for, what failed, how long it took. */

import { h } from "../dom.js";
import { badges, csv, dimensionTabs, figure, figures, panel, part, pick, room, sharesOf, table } from "../parts.js";
import { asked, newest, overTime, reportBefore } from "../questions.js";
import { countsOverTime } from "../series.js";
import { besideOf } from "../times.js";
import { change, count, duration, heading, many, named, percent, short } from "../words.js";
import { compared } from "./overview.js";
import { anything, nothing } from "./empty.js";

const TOTALS = "requests,attempts,errors";
const LATENCY = "duration_p50_ms,duration_p95_ms,time_to_first_token_p50_ms,time_to_first_token_p95_ms";
const ROWS = 50;

/** @typedef {import("../parts.js").Page} Page */

/** @param {Page} page @param {(path: string, parameters?: any) => Promise<any>} ask @param {number} now */
export function load({ state }, ask, now) {
  const told = asked(state, now);
  const totals = ask("report", [["measures", TOTALS], ...told]);
  const series = overTime(ask, seriesOf(), told);
  return {
    totals,
    series,
    then: reportBefore(ask, series, told, TOTALS),
    // Quantiles are of every event; the counts need not wait for them.
    slow: ask("report", [["measures", "duration_p50_ms,duration_p95_ms"], ...told]),
    groups: ask("report", [...groupsOf(state), ["limit", ROWS], ...told]),
    newest: totals.then((found) => found.rows.length ? null : newest(ask)),
  };
}

const seriesOf = () => [["bucket", "auto"], ["measures", TOTALS]];
const byOf = (/** @type {any} */ state) => state.by || "model";
const groupsOf = (/** @type {any} */ state) => [["by", byOf(state)], ["measures", `${TOTALS},success_rate,${LATENCY}`], ["order", state.order || "requests:desc"]];

/** @param {Page} page @param {any} data @param {number} now */
export function draw(page, data, now) {
  if (!anything(data)) return nothing(page, data.newest);
  const { totals, series, groups } = data;
  return h("div", { class: "stack" },
    part("figures", [totals], () => head(data), figures(), [data.then, series, data.slow]),
    part("badges", [totals], () => badges(page, sharesOf(totals.rows)), h("p", { class: "badges" })),
    part("time", [series], () => overDays(page, series, now), room("Tries over time", "chart-room")),
    part("groups", [groups], () => groupsPanel(page, groups, now), room("Who was served how", "table-room")));
}

/** @param {any} data */
function head({ totals, then, series, slow }) {
  const of = (/** @type {any[]} */ rows, /** @type {string} */ name) => rows.reduce((total, row) => total + (row[name] ?? 0), 0);
  const tries = (/** @type {any[]} */ rows) => of(rows, "requests") + of(rows, "attempts");
  const beside = then && series ? besideOf(series) : "";
  const value = (/** @type {number} */ number) => h("p", { class: "value", title: count(number) }, short(number));
  const moved = (/** @type {string} */ name) => compared(change(of(totals.rows, name), of(then?.rows ?? [], name)), beside);
  const took = slow?.rows[0];
  return figures(
    figure("Success rate", h("p", { class: "value" }, percent(tries(totals.rows) ? 1 - of(totals.rows, "errors") / tries(totals.rows) : null)), `${count(tries(totals.rows))} tries`),
    figure("Requests", value(of(totals.rows, "requests")), moved("requests")),
    figure("Errors", value(of(totals.rows, "errors")), moved("errors")),
    figure("Latency, p95", h("p", { class: "value" }, slow ? duration(took?.duration_p95_ms) : "\u00a0"), slow && `half took less than ${duration(took?.duration_p50_ms)}`));
}

/** @param {Page} page @param {any} series @param {number} now */
function overDays(page, series, now) {
  const failed = series.totals.errors;
  const fine = series.buckets.map((/** @type {string} */ _, /** @type {number} */ place) => (series.totals.requests[place] ?? 0) + (series.totals.attempts[place] ?? 0) - (failed[place] ?? 0));
  return panel("Tries over time", csv(page, "series", [...seriesOf(), ...asked(page.state, now)], "tries-over-time"),
    countsOverTime(page, series, [{ key: "fine", title: "Succeeded", colour: "kok", values: fine }, { key: "failed", title: "Failed", colour: "kbad", values: failed }], "Tries"));
}

/** @param {Page} page @param {any} groups @param {number} now */
function groupsPanel(page, groups, now) {
  const by = byOf(page.state);
  const counts = [["requests", "Requests"], ["attempts", "Attempts"], ["errors", "Errors"]];
  const latencies = [["duration_p50_ms", "p50"], ["duration_p95_ms", "p95"], ["time_to_first_token_p50_ms", "First token p50"], ["time_to_first_token_p95_ms", "First token p95"]];
  const columns = [
    { key: by, title: heading(by), cell: (/** @type {any} */ row) => pick(page, by, row[by]) },
    ...counts.map(([key, title]) => ({ key, title, number: true, sortable: true, wide: key === "attempts", cell: (/** @type {any} */ row) => count(row[key]) })),
    { key: "success_rate", title: "Success", number: true, sortable: true, cell: (/** @type {any} */ row) => row.success_rate < 0.95 ? h("span", { class: "tag bad" }, percent(row.success_rate)) : percent(row.success_rate) },
    ...latencies.map(([key, title], place) => ({ key, title, number: true, sortable: true, wide: place > 1, full: (/** @type {any} */ row) => row[key] === null ? "nobody measured it" : `${count(row[key])} ms`, cell: (/** @type {any} */ row) => row[key] === null ? h("span", { class: "quiet" }, "–") : duration(row[key]) })),
  ];
  return panel("Who was served how", [dimensionTabs(page, by, "by"), csv(page, "report", [...groupsOf(page.state), ...asked(page.state, now)], `reliability-by-${by}`)],
    h("div", { id: "by", role: "tabpanel", "aria-label": `By ${named(by)}` },
      table({ key: "groups", caption: `Tries and latency by ${named(by)}`, columns, rows: groups.rows, order: page.state.order || "requests:desc", sort: (order) => page.go({ order }) })),
    groups.next_cursor ? h("p", { class: "note" }, `The first ${ROWS} ${many(by)} by this order; the CSV has them all.`) : null,
    h("p", { class: "note" }, "An attempt is a try that states no usage; a request is a response of a provider. Latencies are of calls that stand, exact, of all currencies."));
}
