/** What every view asks alike: its time, its zone, its filter. */

import { filters } from "./state.js";
import { bounds } from "./times.js";
import { Failure } from "./api.js";

/** @typedef {[string, string | number][]} Parameters */

/** The time and filter of the page, as the API takes them. @param {import("./state.js").State} state @param {number} now @returns {Parameters} */
export function asked(state, now) {
  const { since, until } = bounds(state, now);
  return [["since", since], ["until", until], ["tz", state.tz], ...filters(state)];
}

/** The same of the time before, which the answer to a series names; null where there is none.
 * @param {import("./state.js").State} state @param {{before: [string, string] | null}} series @returns {Parameters | null} */
function askedBefore(state, { before }) {
  return before && [["since", before[0]], ["until", before[1]], ["tz", state.tz], ...filters(state)];
}

/** Measures over time. What has no ends has nothing before it to be compared with.
 * @param {(path: string, parameters?: any) => Promise<any>} ask @param {Parameters} parameters @param {Parameters} told */
export async function overTime(ask, parameters, told) {
  const found = await ask("series", [...parameters, ...told]);
  const ends = told.filter(([name, value]) => (name === "since" || name === "until") && value !== "");
  return { ...found, before: ends.length === 2 ? found.before : null };
}

/** Sums of the time before. @param {(path: string, parameters?: any) => Promise<any>} ask @param {Promise<any>} series @param {import("./state.js").State} state @param {string} measures */
export async function reportBefore(ask, series, state, measures) {
  const told = askedBefore(state, await series);
  return told ? ask("report", [["measures", measures], ...told]) : { rows: [] };
}

/** Without time: for what has a time of its own. @param {import("./state.js").State} state @returns {Parameters} */
export function unbounded(state) {
  return [["tz", state.tz], ...filters(state)];
}

/** What a view can do without: a refusal, and what takes too long, becomes its sentence, and the rest is shown. @param {Promise<any>} answer */
export function optional(answer) {
  return answer.catch((failure) => {
    if (failure instanceof Failure && failure.status !== 0 && failure.status !== 401) return { refused: failure.message };
    throw failure;
  });
}

/** The newest event there is, whatever the filter: is the ledger empty, or only this time? @param {(path: string, parameters?: any) => Promise<any>} ask */
export async function newest(ask) {
  const { events } = await ask("events", { newest: "true", limit: 1 });
  return events[0] ?? null;
}
