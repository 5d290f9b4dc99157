/** What was spent, by whom, and how sure that is. */

import { h, track } from "../dom.js";
import { attos, places, shown, size } from "../money.js";
import { badges, csv, dimensionTabs, figure, figures, lengths, panel, part, pick, room, sharesOf, table } from "../parts.js";
import { asked, ended, newest, optional, overTime, reportBefore, unbounded } from "../questions.js";
import { spendOverTime, TOP } from "../series.js";
import { besideOf } from "../times.js";
import { change, count, DIMENSIONS, heading, many, named, percent, short } from "../words.js";
import { strip } from "./budgets.js";
import { coloursOf } from "../colours.js";
import { anything, nothing } from "./empty.js";

const TOTALS = "requests,attempts,errors,input_tokens,output_tokens,cost";
const ROWS = 50;

/** @typedef {import("../parts.js").Page} Page */

/** @param {Page} page @param {(path: string, parameters?: any) => Promise<any>} ask @param {number} now */
export function load({ state }, ask, now) {
  const by = state.by || "tenant";
  const told = asked(state, now);
  const totals = ask("report", [["measures", TOTALS], ...told]);
  const series = overTime(ask, seriesOf(state, by), told);
  const moversIn = (/** @type {string | null} */ currency) => optional(ask("movers", [...moversOf(currency, by), ...told]));
  return {
    totals,
    series,
    then: reportBefore(ask, series, told, TOTALS),
    groups: ask("report", [...groupsOf(state, by), ["limit", ROWS], ...told]),
    movers: state.currency && ended(told) ? moversIn(state.currency) : series.then((found) => found.before ? moversIn(found.currency) : { rows: [] }),
    budgets: optional(ask("budgets")),
    forecast: optional(ask("forecast", unbounded(state))),
    newest: totals.then((found) => found.rows.length ? null : newest(ask)),
  };
}

const seriesOf = (/** @type {any} */ state, /** @type {string} */ by) => [["by", by], ["bucket", "auto"], ["measures", "cost"], ["top", TOP], ["currency", state.currency]];
const groupsOf = (/** @type {any} */ state, /** @type {string} */ by) => [["by", by], ["measures", "cost,requests,input_tokens,output_tokens"], ["order", state.order || "cost:desc"]];
const moversOf = (/** @type {string | null} */ currency, /** @type {string} */ by) => [["by", by], ["measure", "cost"], ["currency", currency ?? ""], ["limit", 8]];

/** @param {Page} page @param {any} data @param {number} now */
export function draw(page, data, now) {
  if (!anything(data)) return nothing(page, data.newest);
  const { totals, then, series, groups, movers, budgets, forecast } = data;
  const by = page.state.by || "tenant";
  const currency = page.state.currency || series?.currency;
  return h("div", { class: "stack" },
    part("figures", [totals], () => head(totals, then, series), figures(), [then, series]),
    part("badges", [totals], () => badges(page, sharesOf(totals.rows)), h("p", { class: "badges" })),
    h("div", { class: "grid" },
      h("div", { class: "column" },
        part("time", [series], () => spend(page, series, by, now), room("Spend over time", "chart-room")),
        part("groups", [groups, series], () => groupsPanel(page, data, by, now), room("Who spent it", "table-room"))),
      h("div", { class: "column" },
        part("month", [forecast], () => month(forecast), room("This month")),
        part("budgets", [budgets], () => strip(page, budgets), room("Budgets")),
        part("movers", [movers, currency], () => moversPanel(page, movers, by, now, currency), room("Top movers", "table-room")))));
}

/** @param {any} totals @param {any} then @param {any} series */
function head(totals, then, series) {
  const of = (/** @type {any[]} */ rows, /** @type {string} */ name) => rows.reduce((total, row) => total + (row[name] ?? 0), 0);
  const tokens = (/** @type {any[]} */ rows) => of(rows, "input_tokens") + of(rows, "output_tokens");
  const rate = (/** @type {any[]} */ rows) => 1 - of(rows, "errors") / (of(rows, "requests") + of(rows, "attempts"));
  const now = totals.rows;
  const earlier = then?.rows ?? [];
  const beside = then && series ? besideOf(series) : "";
  const priced = [...now].filter((row) => row.currency).sort((a, b) => b.requests - a.requests);
  const was = (/** @type {any} */ row) => earlier.find((/** @type {any} */ each) => each.currency === row.currency)?.cost;
  return figures(
    figure("Spend", priced.length ? priced.map((row) => money(row.cost, row.currency)) : h("p", { class: "value quiet" }, "unknown"),
      priced.length === 1 ? compared(change(priced[0].cost, was(priced[0])), beside) ?? (beside && `none known in ${beside}`) : null),
    figure("Requests", value(of(now, "requests")), compared(change(of(now, "requests"), of(earlier, "requests")), beside)),
    figure("Tokens", value(tokens(now)), compared(change(tokens(now), tokens(earlier)), beside)),
    figure("Success rate", h("p", { class: "value" }, percent(rate(now))), points(rate(now), earlier.length ? rate(earlier) : NaN, beside)));
}

/** @param {string | null} amount @param {string} currency */
export function money(amount, currency) {
  return h("p", { class: "value", title: amount === null ? null : `${amount} ${currency}` }, h("small", {}, currency), " ", shown(amount));
}

/** @param {number} number */
function value(number) {
  return h("p", { class: "value", title: count(number) }, short(number));
}

/** @param {string | null} change @param {string} beside */
export function compared(change, beside) {
  return change && beside ? [h("b", {}, change), ` against ${beside}`] : null;
}

/** @param {number} now @param {number} then @param {string} beside */
function points(now, then, beside) {
  if (Number.isNaN(then) || !beside) return compared(null, beside);
  const moved = (now - then) * 100;
  return compared(Math.abs(moved) < 0.05 ? "unchanged" : `${moved > 0 ? "▲" : "▼"} ${Math.abs(moved).toFixed(1)} points`, beside);
}

/** @param {Page} page @param {any} series @param {string} by @param {number} now */
function spend(page, series, by, now) {
  const offered = [...new Set([...series.currencies, series.currency])].filter(Boolean);
  const currencies = offered.length > 1 ? h("select", { "data-key": "currency", "aria-label": "Currency", class: "other",
    onchange: (/** @type {any} */ event) => page.go({ currency: event.target.value }) }, offered.map((each) => h("option", { value: each, selected: each === series.currency }, each))) : null;
  return panel(`Spend over time${series.currency ? `, ${series.currency}` : ""}`,
    [currencies, csv(page, "series", [...seriesOf(page.state, by), ...asked(page.state, now)], `spend-over-time-by-${by}`)], spendOverTime(page, series, by));
}

/** @param {Page} page @param {any} data @param {string} by @param {number} now */
function groupsPanel(page, { groups, series }, by, now) {
  const rows = groups.rows;
  const colours = coloursOf(by, series.groups.filter((/** @type {any} */ group) => !group.rest).map((/** @type {any} */ group) => String(group.name)));
  const decimals = places(rows.map((/** @type {any} */ row) => row.cost));
  const currencies = new Set(rows.map((/** @type {any} */ row) => row.currency).filter(Boolean));
  const all = attosOf(series.totals.cost);
  const share = (/** @type {any} */ row) => all && row.cost !== null && row.currency === series.currency ? size(row.cost) / all : null;
  const columns = [
    { key: by, title: heading(by), cell: (/** @type {any} */ row) => pick(page, by, row[by], colours.get(row[by]) ?? "kr") },
    { key: "cost", title: currencies.size === 1 ? `Spend, ${[...currencies][0]}` : "Spend", number: true, sortable: true,
      full: (/** @type {any} */ row) => row.cost, cell: (/** @type {any} */ row) => [row.cost === null ? h("span", { class: "nobody" }, "unknown") : shown(row.cost, decimals), currencies.size > 1 && row.currency ? h("span", { class: "quiet" }, ` ${row.currency}`) : null] },
    lengths((row) => row.currency === series.currency ? size(row.cost) : 0, rows, (row) => colours.get(row[by]) ?? "kr"),
    { key: "share", title: "Share", number: true, wide: true, cell: (/** @type {any} */ row) => share(row) === null ? "" : percent(share(row)) },
    { key: "requests", title: "Requests", number: true, sortable: true, cell: (/** @type {any} */ row) => count(row.requests) },
    { key: "input_tokens", title: "Input", number: true, sortable: true, wide: true, full: (/** @type {any} */ row) => count(row.input_tokens), cell: (/** @type {any} */ row) => short(row.input_tokens) },
    { key: "output_tokens", title: "Output", number: true, sortable: true, wide: true, full: (/** @type {any} */ row) => count(row.output_tokens), cell: (/** @type {any} */ row) => short(row.output_tokens) },
  ];
  const sorted = page.state.order || "cost:desc";
  return panel("Who spent it", [dimensionTabs(page, by, "by"), csv(page, "report", [...groupsOf(page.state, by), ...asked(page.state, now)], `spend-by-${by}`)],
    h("div", { id: "by", role: "tabpanel", "aria-labelledby": DIMENSIONS.includes(by) ? `tab-${by}` : null, "aria-label": `By ${named(by)}` },
      table({ key: "groups", caption: `Spend by ${named(by)}`, columns, rows, order: sorted, sort: (order) => page.go({ order }) })),
    groups.next_cursor ? h("p", { class: "note" }, `The first ${ROWS} ${many(by)} by this order; the CSV has them all.`) : null);
}

/** @param {(string | null)[]} costs */
function attosOf(costs) {
  return Number(costs.reduce((total, cost) => total + (cost ? attos(cost) : 0n), 0n)) / 1e18;
}

/** @param {any} forecast */
function month(forecast) {
  if (forecast.refused) return panel("This month", [], h("p", { class: "quiet" }, forecast.refused));
  const rows = forecast.rows.filter((/** @type {any} */ row) => row.currency);
  const name = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" }).format(Date.parse(`${forecast.rows[0]?.month ?? new Date().toISOString().slice(0, 7)}-01`));
  if (!rows.length) return panel(name, [], h("p", { class: "quiet" }, "Nothing was spent this month."));
  return panel(name, [], rows.map((/** @type {any} */ row) => h("div", { class: "strip" },
    h("div", { class: "hero" },
      h("div", {}, h("p", { class: "quiet" }, "So far"), h("p", { class: "percent", title: row.spent }, `${shown(row.spent)} ${row.currency}`)),
      row.projected_month ? h("div", {}, h("p", { class: "quiet" }, "By its end, about"), h("p", { class: "percent", title: row.projected_month }, `${shown(row.projected_month, places([row.projected_month]))} ${row.currency}`)) : null),
    row.projected_month ? track(size(row.spent) / size(row.projected_month)) : null,
    h("p", { class: "quiet" }, row.projected_month
      ? `From what ${row.history_days === 1 ? "one day" : `the last ${row.history_days} days`} cost, weekday by weekday; ${row.days_left} ${row.days_left === 1 ? "day is" : "days are"} left.`
      : "Without a whole day behind it nothing is projected."))));
}

/** @param {Page} page @param {any} movers @param {string} by @param {number} now @param {string | null} currency */
function moversPanel(page, movers, by, now, currency) {
  const rows = movers.rows ?? [];
  const title = "Top movers";
  if (movers.refused) return panel(title, [], h("p", { class: "quiet" }, movers.refused));
  const told = rows.filter((/** @type {any} */ row) => attos(row.difference ?? "0") !== 0n);
  if (!told.length) return panel(title, [], h("p", { class: "quiet" }, page.state.last === "all" && !page.state.since ? "All the time has nothing before it to compare with." : "Nothing changed against the time before."));
  const decimals = places(told.map((/** @type {any} */ row) => row.difference));
  const columns = [
    { key: by, title: heading(by), cell: (/** @type {any} */ row) => pick(page, by, row[by], "", "mover") },
    { key: "difference", title: `Change${told[0].currency ? `, ${told[0].currency}` : ""}`, number: true, full: (/** @type {any} */ row) => `${row.before ?? 0} before, ${row.after ?? 0} now`,
      cell: (/** @type {any} */ row) => `${attos(row.difference) > 0n ? "+" : ""}${shown(row.difference, decimals)}` },
    { key: "ratio", title: "In proportion", number: true, unseen: true, cell: (/** @type {any} */ row) => change(row.after, row.before) ?? h("span", { class: "tag" }, "new") },
  ];
  return panel(title, [csv(page, "movers", [...moversOf(currency, by), ...asked(page.state, now)], `top-movers-by-${by}`)], table({ key: "movers", caption: `What changed most against the time before, by ${named(by)}`, columns, rows: told }));
}
