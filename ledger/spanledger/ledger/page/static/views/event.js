/** One event, explained: what it says, who told of it, by which price, and the arithmetic done again. */

import { h, icon } from "../dom.js";
import { grouped, shown } from "../money.js";
import { panel, table } from "../parts.js";
import { folded, plain } from "../series.js";
import { moment } from "../times.js";
import { count, duration, heading } from "../words.js";
import { tags } from "./events.js";

/** @typedef {import("../parts.js").Page} Page */

/** @param {Page} page @param {(path: string, parameters?: any) => Promise<any>} ask */
export async function load({ state }, ask) {
  return ask(`events/${encodeURIComponent(state.event)}`);
}

/** @param {Page} page @param {any} data */
export function draw(page, { event, adds_up, lines, claims, evidence, sentences }) {
  return h("div", { class: "stack" },
    back(page),
    h("section", { class: "panel" },
      h("div", { class: "hero" },
        h("div", { class: "grow" }, h("p", { class: "quiet" }, `${heading(event.kind)} for `, h("span", { dir: "auto" }, event.tenant)), h("h2", { class: "title" }, event.model || event.request_model || event.operation || "An unnamed call"), h("p", {}, tags(event))),
        h("div", {}, h("p", { class: "quiet" }, "Cost"), h("p", { class: "value", title: event.cost }, event.cost === null ? "unknown" : `${shown(event.cost, decimalsOf(event.cost))} ${event.currency}`)))),
    h("div", { class: "grid" },
      h("div", { class: "column" }, arithmetic(event, lines, adds_up), claimed("Claims", claims), evidence.length ? claimed("Kept, not charged", evidence) : null, panel("In words", [], h("p", { class: "words", tabindex: "0" }, sentences.map(unfolded).join("\n")))),
      h("div", { class: "column" }, panel("Facts", [], facts(page, event)))));
}

/** @param {string} cost */
function decimalsOf(cost) {
  return Math.max(2, Math.min(18, (cost.split(".")[1] ?? "").length));
}

/** @param {string} sentence */
function unfolded(sentence) {
  return sentence.replace(/^ {2}/, "");
}

/** A way back to where one came from, or to the events. @param {Page} page */
export function back(page) {
  const next = { view: "events", event: "", trace: "" };
  return h("p", {}, h("a", { class: "button plain small", href: page.href(next), "data-key": "back",
    onclick: (/** @type {MouseEvent} */ event) => { if (!plain(event)) return; event.preventDefault(); if (history.state?.within) history.back(); else page.go(next); } }, icon("back"), "Back"));
}

/** @param {any} event @param {any[]} lines @param {boolean | null} addsUp */
function arithmetic(event, lines, addsUp) {
  const check = (/** @type {boolean | null} */ fine) => fine === null ? "" : h("span", { class: `tag ${fine ? "good" : "bad"}` }, fine ? "adds up" : "does not add up");
  const columns = [
    { key: "unit", title: "Unit", cell: (/** @type {any} */ line) => line.unit.replaceAll("_", " ") },
    { key: "quantity", title: "Quantity", number: true, cell: (/** @type {any} */ line) => line.last ? "" : count(line.quantity) },
    { key: "unit_price", title: "Unit price", number: true, cell: (/** @type {any} */ line) => line.last ? "" : line.unit_price === null ? h("span", { class: "nobody" }, "no price") : `× ${exact(line.unit_price)}` },
    { key: "amount", title: `Amount${event.currency ? `, ${event.currency}` : ""}`, number: true, cell: (/** @type {any} */ line) => line.amount === null ? h("span", { class: "nobody" }, "unknown") : [line.last ? "" : "= ", line.last ? h("b", {}, exact(line.amount)) : exact(line.amount)] },
    { key: "check", title: "Recomputed", cell: (/** @type {any} */ line) => check(line.adds_up) },
  ];
  const rows = [...lines, { unit: "Cost", amount: event.cost, adds_up: addsUp, last: true }];
  return panel("Arithmetic", [], table({ key: "lines", caption: "The priced lines of this event, multiplied again", columns, rows }),
    h("p", { class: "note" }, event.price_id ? `Priced as ${event.price_id}, by the price book ${event.price_book}.` : `No price was found${event.price_book ? ` in the price book ${event.price_book}` : ""}.`));
}

/** Every digit of an amount. @param {string} text */
function exact(text) {
  const [, sign, whole, part] = /^(-?)(\d+)(\.\d+)?$/.exec(text) ?? [];
  return whole === undefined ? text : `${sign ? "−" : ""}${grouped(whole)}${part ?? ""}`;
}

/** @param {string} title @param {any[]} claims */
function claimed(title, claims) {
  return panel(`${title}: ${claims.length}`, [], claims.length ? claims.map((claim, at) => [
    h("p", {}, h("b", { dir: "auto" }, claim.emitter || "An unnamed emitter"), ` `, h("span", { class: "tag" }, `rule ${String(claim.rule).replaceAll("_", " ")}`), " ", h("span", { class: "tag" }, `dialect ${claim.dialect}`)),
    folded(`claim:${title}:${at}`, `All that ${claim.signal === "logs" ? "log record" : "span"} ${claim.span_id || claim.claim_id} says`, h("dl", { class: "facts" }, Object.entries(claim).filter(([, value]) => value !== null && value !== "" && JSON.stringify(value) !== "{}" && JSON.stringify(value) !== "[]").map(([name, value]) =>
      h("div", {}, h("dt", {}, heading(name)), h("dd", { dir: "auto" }, typeof value === "object" ? JSON.stringify(value) : String(value))))))]) : h("p", { class: "quiet" }, "None is kept."));
}

const FACTS = ["tenant", "environment", "service_name", "feature", "team", "project", "cost_center", "user_id", "organization_id", "session_id", "agent", "provider", "model", "request_model", "response_model", "operation", "region", "service_tier", "quality", "usage_source", "dialect", "cost_state", "error_type"];

/** @param {Page} page @param {any} event */
function facts(page, event) {
  const fact = (/** @type {string} */ name, /** @type {import("../dom.js").Child} */ value) => value === null || value === "" ? null : h("div", {}, h("dt", {}, name), h("dd", { dir: "auto" }, value));
  const trace = { view: "trace", trace: event.trace_id, event: "" };
  const link = event.trace_id ? h("a", { class: "mono", href: page.href(trace), "data-key": "trace",
    onclick: (/** @type {MouseEvent} */ click) => { if (plain(click)) { click.preventDefault(); page.go(trace); } } }, event.trace_id) : "";
  return h("dl", { class: "facts" },
    fact("Trace", link), fact("Booked", moment(event.booked_time, page.state.tz)), fact("Took", duration(event.duration_ms)),
    event.time_to_first_token_ms === null ? null : fact("First token after", duration(event.time_to_first_token_ms)),
    FACTS.map((name) => fact(heading(name), event[name])),
    event.flags.length ? fact("Notes", event.flags.map((/** @type {string} */ flag) => flag.replaceAll("_", " ")).join(", ")) : null,
    event.revenue === null ? null : fact("Sold for", `${event.revenue} ${event.revenue_currency}`),
    event.reported_cost === null ? null : fact("Cost by its sender", `${event.reported_cost} USD`),
    fact("Response", event.response_id), fact("Span", event.span_id), fact("Event", h("span", { class: "mono" }, event.event_id)), fact("Charge", h("span", { class: "mono" }, event.charge_id)));
}
