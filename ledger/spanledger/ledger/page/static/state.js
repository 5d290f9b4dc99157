/** What is shown stands in the address, all of it: a link opens the same view, and back goes back. Pure. */

import { isZone, RANGES } from "./times.js";

export const VIEWS = { overview: "Overview", tokens: "Tokens", reliability: "Reliability", budgets: "Budgets", events: "Events" };
const DETAILS = ["event", "trace"];
const WORD = /^[a-z_]{1,40}$/;

/**
 * @typedef {{view: string, last: string, since: string, until: string, tz: string, by: string, order: string,
 *   currency: string, where: Record<string, string[]>, event: string, trace: string}} State
 */

export const DEFAULTS = Object.freeze({ view: "overview", last: "30d", since: "", until: "", tz: "UTC", by: "", order: "", currency: "", event: "", trace: "" });

/** The state that an address states; what it cannot mean is as if it were not there. @param {string} search @param {string} tz */
export function read(search, tz = DEFAULTS.tz) {
  const query = new URLSearchParams(search);
  /** @type {State} */
  const state = { ...DEFAULTS, tz, where: {} };
  for (const [name, value] of query) {
    const column = name.startsWith("where.") ? name.slice(6) : "";
    if (WORD.test(column) && !(column in {})) {
      const values = (state.where[column] ??= []);
      if (!values.includes(value)) values.push(value);
    } else if (Object.hasOwn(DEFAULTS, name)) state[name] = value;
  }
  if (!Object.hasOwn(VIEWS, state.view) && !DETAILS.includes(state.view)) state.view = DEFAULTS.view;
  if (!Object.hasOwn(RANGES, state.last)) state.last = DEFAULTS.last;
  if (!isZone(state.tz)) state.tz = tz;
  if (!WORD.test(state.by)) state.by = "";
  for (const bound of ["since", "until"]) if (state[bound] && Number.isNaN(Date.parse(state[bound]))) state[bound] = "";
  return state;
}

/** The address of a state: what is as always is left out, except the zone. @param {State} state */
export function write(state) {
  const query = new URLSearchParams();
  const bounded = Boolean(state.since || state.until);
  for (const name of Object.keys(DEFAULTS)) {
    if (name === "last" && bounded) continue;
    if (state[name] && (state[name] !== DEFAULTS[name] || name === "tz")) query.set(name, state[name]);
  }
  for (const [column, values] of Object.entries(state.where)) for (const value of values) query.append(`where.${column}`, value);
  return `?${query}`;
}

/** The filter without one of its values. @param {State} state @param {string} column @param {string} value */
export function widened({ where }, column, value) {
  const { [column]: values = [], ...others } = where;
  const left = values.filter((each) => each !== value);
  return { where: left.length ? { ...others, [column]: left } : others };
}

/** The filter as the API takes it. @param {State} state */
export function filters(state) {
  return Object.entries(state.where).flatMap(([column, values]) => values.map((value) => [`where.${column}`, value]));
}
