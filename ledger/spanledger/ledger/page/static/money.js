/**
 * Amounts as decimal text, from the store to the screen. They are never numbers: a float would round them.
 * `Number` is taken of an amount only for the length of a bar, or a ratio in percent.
 */

const ATTO = 18;

/** Whole attos of an amount. @param {string} text @returns {bigint} */
export function attos(text) {
  const [, sign, whole, part = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === undefined) return 0n;
  const found = BigInt(whole) * 10n ** BigInt(ATTO) + BigInt((part + "0".repeat(ATTO)).slice(0, ATTO));
  return sign ? -found : found;
}

/** How many decimals a column needs: two, and more the smaller its largest amount is, so that two digits say something.
 * @param {(string | null)[]} amounts @returns {number} from 2 to 6 */
export function places(amounts) {
  let largest = 0n;
  for (const each of amounts) {
    const value = each ? attos(each) : 0n;
    const size = value < 0n ? -value : value;
    if (size > largest) largest = size;
  }
  if (largest === 0n || largest >= 10n ** 18n) return 2;
  // Digits behind the point before the first that is not zero, and three from there on.
  const zeros = ATTO - largest.toString().length;
  return Math.min(6, zeros + 3);
}

/** An amount for people, rounded half away from zero; `<0.01` for what would round to nothing.
 * @param {string | null | undefined} text @param {number} [decimals] */
export function shown(text, decimals = text ? places([text]) : 2) {
  if (text === null || text === undefined) return "unknown";
  const value = attos(text);
  const size = value < 0n ? -value : value;
  const unit = 10n ** BigInt(ATTO - decimals);
  const rounded = (size + unit / 2n) / unit;
  const sign = value < 0n ? "−" : "";
  if (size > 0n && rounded === 0n) return `${sign}<0.${"0".repeat(decimals - 1)}1`;
  const digits = rounded.toString().padStart(decimals + 1, "0");
  return `${sign}${grouped(digits.slice(0, -decimals))}.${digits.slice(-decimals)}`;
}

/** Digits in groups of three. @param {string} digits */
export function grouped(digits) {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** For lengths and ratios alone. @param {string | number | null | undefined} value */
export function size(value) {
  return value === null || value === undefined ? 0 : Number(value);
}
