/** The rows of the ledger, the newest first, a page at a time. */

import { Failure } from "../api.js";
import { h } from "../dom.js";
import { places, shown } from "../money.js";
import { csv, panel, table } from "../parts.js";
import { asked, newest as newestOf } from "../questions.js";
import { plain } from "../series.js";
import { moment, rangeName, bounds } from "../times.js";
import { count, duration } from "../words.js";
import { nothing } from "./empty.js";

const ROWS = 50;

/** @typedef {import("../parts.js").Page} Page */

/** @param {Page} page @param {(path: string, parameters?: any) => Promise<any>} ask @param {number} now */
export async function load({ state }, ask, now) {
  const told = questionOf(state, now);
  const { events, next_cursor } = await ask("events", [...told, ["limit", ROWS]]);
  return { events, next_cursor, told, newest: events.length ? null : await newestOf(ask) };
}

/** @param {any} state @param {number} now */
function questionOf(state, now) {
  return [["newest", "true"], ...asked(state, now).filter(([name]) => name !== "tz")];
}

/** Older events stay shown below the newest when these are asked for again. @param {Page} page @param {any} data @param {number} now @param {any} tools */
export function draw(page, data, now, { ask, again, hold }) {
  if (!data.events.length) return nothing(page, data.newest);
  const more = async () => {
    hold(true);
    try {
      const { events, next_cursor } = await ask("events", [...data.told, ["limit", ROWS], ["cursor", data.next_cursor]]);
      again({ ...data, events: [...data.events, ...events], next_cursor });
      page.say(`${events.length} older events are shown.`);
    } catch (failure) {
      // Who left it is somewhere else by now.
      if (!(failure instanceof Failure)) return;
      hold(data.events.length > ROWS);
      page.say(failure.message);
    }
  };
  const range = rangeName(bounds(page.state, now), page.state.tz);
  return panel(`Events, ${range}`, csv(page, "events", questionOf(page.state, now), "events"), eventTable(page, data.events, "events", `Events, the newest first, ${range}`),
    h("p", { class: "note" }, `${count(data.events.length)} events are shown, the newest first. `,
      data.next_cursor ? h("button", { class: "button small", type: "button", "data-key": "more", onclick: more }, `Show ${ROWS} older ones`) : "There are no older ones."));
}

/** @param {Page} page @param {any[]} events @param {string} key @param {string} caption */
export function eventTable(page, events, key, caption) {
  const decimals = Math.max(4, places(events.map((each) => each.cost)));
  const { tz } = page.state;
  const link = (/** @type {any} */ event) => {
    const next = { view: "event", event: event.event_id };
    return h("a", { class: "pick", href: page.href(next), "data-key": `event:${event.event_id}`,
      onclick: (/** @type {MouseEvent} */ click) => { if (plain(click)) { click.preventDefault(); page.go(next); } } }, moment(event.booked_time, tz));
  };
  const currencies = new Set(events.map((event) => event.currency).filter(Boolean));
  const columns = [
    { key: "time", title: "Time", cell: link },
    { key: "tenant", title: "Tenant", cell: (/** @type {any} */ event) => h("span", { class: "pick" }, h("span", { class: "name", dir: "auto", title: event.tenant }, event.tenant)) },
    { key: "model", title: "Model", cell: (/** @type {any} */ event) => event.model || event.request_model || h("span", { class: "nobody" }, event.operation || "not stated") },
    { key: "feature", title: "Feature", wide: true, cell: (/** @type {any} */ event) => event.feature ? h("span", { class: "pick" }, h("span", { class: "name", dir: "auto" }, event.feature)) : "" },
    { key: "state", title: "State", cell: tags },
    { key: "input", title: "Input", number: true, wide: true, cell: (/** @type {any} */ event) => event.input_tokens === null ? "–" : count(event.input_tokens) },
    { key: "output", title: "Output", number: true, wide: true, cell: (/** @type {any} */ event) => event.output_tokens === null ? "–" : count(event.output_tokens) },
    { key: "duration", title: "Took", number: true, wide: true, cell: (/** @type {any} */ event) => duration(event.duration_ms) },
    { key: "cost", title: currencies.size === 1 ? `Cost, ${[...currencies][0]}` : "Cost", number: true, full: (/** @type {any} */ event) => event.cost,
      cell: (/** @type {any} */ event) => [event.cost === null ? h("span", { class: "nobody" }, "unknown") : shown(event.cost, decimals), currencies.size > 1 && event.cost !== null ? ` ${event.currency}` : ""] },
  ];
  return table({ key, caption, columns, rows: events });
}

/** @param {any} event */
export function tags(event) {
  const found = [];
  if (event.kind !== "charge") found.push(["", event.kind]);
  if (event.status === "error") found.push(["bad", event.error_type || "error"]);
  if (event.cost_state !== "priced" && event.kind === "charge") found.push(["warn", event.cost_state]);
  if (event.usage_source === "estimated") found.push(["warn", "estimated"]);
  if (event.quality !== "exact") found.push(["", event.quality]);
  if (!found.length) found.push(["good", "ok"]);
  return found.map(([kind, text]) => [h("span", { class: `tag ${kind}` }, text), " "]);
}
