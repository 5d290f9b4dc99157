/** What every view asks alike: its time, its zone, its filter; and how its answers are gathered. */

import { filters } from "./state.js";
import { bounds } from "./times.js";
import { Failure } from "./api.js";

/** @typedef {[string, string | number][]} Parameters */

/** The time before the one that was asked for last, as the server told it: of the same time it is not waited for again.
 * @type {{of: string, before: [string, string] | null}} */
let known = { of: "", before: null };

/**
 * All answers, by name. Of those that have come it is told some time after one did, once for all that came meanwhile;
 * what is awaited is undefined. The first failure is everybody's.
 * @param {Record<string, any>} questions @param {(some: Record<string, any>) => void} came @param {number} patience milliseconds
 */
export async function gathered(questions, came, patience) {
  const data = Object.fromEntries(Object.keys(questions).map((name) => [name, undefined]));
  let timer = 0;
  let over = false;
  const tell = () => { timer = 0; came(data); };
  try {
    await Promise.all(Object.entries(questions).map(async ([name, answer]) => {
      data[name] = await answer;
      if (!over) timer ||= setTimeout(tell, patience);
    }));
    return data;
  } finally {
    over = true;
    clearTimeout(timer);
  }
}

/** The time and filter of the page, as the API takes them: two ends, the zone, then the rest. @param {import("./state.js").State} state @param {number} now @returns {Parameters} */
export function asked(state, now) {
  const { since, until } = bounds(state, now);
  return [["since", since], ["until", until], ["tz", state.tz], ...filters(state)];
}

/** Has the time both ends? What has not, has nothing before it to be compared with. @param {Parameters} told */
export function ended(told) {
  return told.slice(0, 2).every(([, end]) => end !== "");
}

/** @param {Parameters} told */
function timeOf(told) {
  return JSON.stringify(told.slice(0, 3));
}

/** Measures over time, and which time was before it; null where there is none.
 * @param {(path: string, parameters?: any) => Promise<any>} ask @param {Parameters} parameters @param {Parameters} told */
export async function overTime(ask, parameters, told) {
  const found = await ask("series", [...parameters, ...told]);
  const before = ended(told) ? found.before : null;
  known = { of: timeOf(told), before };
  return { ...found, before };
}

/** Sums of the time before, which the answer to the series names.
 * @param {(path: string, parameters?: any) => Promise<any>} ask @param {Promise<any>} series @param {Parameters} told @param {string} measures */
export async function reportBefore(ask, series, told, measures) {
  const { before } = known.of === timeOf(told) ? known : await series;
  return before ? ask("report", [["measures", measures], ["since", before[0]], ["until", before[1]], ...told.slice(2)]) : { rows: [] };
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
