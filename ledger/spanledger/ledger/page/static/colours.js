/** Which colour a group has: the same one for as long as the page is open, and no two alike in one chart. */

export const COLOURS = 6;

/** @type {Map<string, Map<string, number>>} */
const remembered = new Map();

/** A class for each name, in their order. @param {string} dimension @param {string[]} names @returns {Map<string, string>} */
export function coloursOf(dimension, names) {
  const known = remembered.get(dimension) ?? new Map();
  remembered.set(dimension, known);
  const shown = names.slice(0, COLOURS);
  const taken = new Set();
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const name of shown) {
    const colour = known.get(name);
    if (colour !== undefined && !taken.has(colour)) {
      taken.add(colour);
      found.set(name, `k${colour}`);
    }
  }
  for (const name of shown.filter((each) => !found.has(each))) {
    const colour = [...Array(COLOURS).keys()].find((each) => !taken.has(each)) ?? 0;
    taken.add(colour);
    known.set(name, colour);
    found.set(name, `k${colour}`);
  }
  return found;
}
