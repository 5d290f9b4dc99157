/** Questions to the server: with the key, as text, until whoever asked has left. A failure is one sentence. */

const KEY = "spanledger.key";

/** Why an answer did not come. `passing` is what may be over in a moment. */
export class Failure extends Error {
  /** @param {string} sentence @param {number} status */
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
    this.passing = status === 0 || status === 429 || status >= 500;
  }
}

/** The key lies in this tab alone, and comes out of the address before anything else happens. Was there one? */
export function takeKey() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (key === null) return false;
  history.replaceState(history.state, "", location.pathname + location.search);
  if (key) keep(key);
  return key !== "";
}

export const key = () => sessionStorage.getItem(KEY) ?? "";
/** @param {string} key */
export const keep = (key) => sessionStorage.setItem(KEY, key);
export const forget = () => sessionStorage.removeItem(KEY);

/**
 * One question. Values of lists repeat their name; empty ones are left out.
 * @param {string} path @param {Iterable<[string, string | number]> | Record<string, string | number>} [parameters] @param {AbortSignal} [signal]
 */
export async function ask(path, parameters = {}, signal) {
  const answer = await asked(path, parameters, signal);
  try {
    return await answer.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failure("The server's answer broke off.", 0);
  }
}

/** The same question as CSV, saved as a file. @param {string} path @param {[string, string | number][]} parameters @param {string} name */
export async function save(path, parameters, name) {
  const answer = await asked(path, [...parameters, ["format", "csv"]]);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** @param {string} path @param {Iterable<[string, string | number]> | Record<string, string | number>} parameters @param {AbortSignal} [signal] */
async function asked(path, parameters, signal) {
  const query = new URLSearchParams();
  const pairs = Symbol.iterator in parameters ? parameters : Object.entries(parameters);
  for (const [name, value] of /** @type {Iterable<[string, string]>} */ (pairs)) if (value !== "" || name.startsWith("where.")) query.append(name, String(value));
  let answer;
  try {
    answer = await fetch(`v1/${path}${query.size ? `?${query}` : ""}`, {
      headers: { authorization: `Bearer ${key()}` }, signal, cache: "no-store", credentials: "omit", redirect: "error",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failure("The server does not answer.", 0);
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  throw new Failure(sentence(String(told?.message || `The server answered with status ${answer.status}.`)), answer.status);
}

/** @param {string} text */
function sentence(text) {
  return text[0].toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");
}
