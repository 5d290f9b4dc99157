/**
 * Times in an IANA zone: what a range of the page means, which days a bucket is, how both are written.
 * Instants are milliseconds since 1970 UTC. Every day is as long as it is where clocks change.
 */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const RANGES = { "24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days", "365d": "1 year", all: "All" };

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {string} tz @param {Intl.DateTimeFormatOptions} options */
function format(tz, options) {
  const key = tz + JSON.stringify(options);
  const found = formats.get(key) ?? new Intl.DateTimeFormat("en-GB", { timeZone: tz, ...options });
  formats.set(key, found);
  return found;
}

/** @param {string} tz */
export function isZone(tz) {
  try {
    return Boolean(format(tz, {}));
  } catch {
    return false;
  }
}

/** The clock on the wall, as if it were UTC's. @param {number} at @param {string} tz */
function wall(at, tz) {
  const parts = format(tz, { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).formatToParts(at);
  /** @type {Record<string, number>} */
  const of = {};
  for (const part of parts) of[part.type] = Number(part.value);
  return Date.UTC(of.year, of.month - 1, of.day, of.hour, of.minute, of.second);
}

/** The instant at which a wall clock first shows this. @param {number} shown @param {string} tz */
function instant(shown, tz) {
  const guess = shown - (wall(shown, tz) - Math.floor(shown / 1000) * 1000);
  return guess + (shown - wall(guess, tz));
}

/** A date's midnight. @param {string} date YYYY-MM-DD @param {string} tz @param {number} [days] later */
export function midnight(date, tz, days = 0) {
  return instant(Date.parse(`${date}T00:00:00Z`) + days * DAY, tz);
}

/** The date of an instant. @param {number} at @param {string} tz */
export function dateOf(at, tz) {
  return new Date(wall(at, tz)).toISOString().slice(0, 10);
}

/** @param {number} at */
export function iso(at) {
  return new Date(at).toISOString().replace(/\.000Z$/, "Z");
}

/**
 * What time is asked for. An open end is "".
 * @param {{last: string, since: string, until: string, tz: string}} state @param {number} now
 */
export function bounds({ last, since, until, tz }, now) {
  let from = since ? Date.parse(since) : NaN;
  let to = until ? Date.parse(until) : NaN;
  if (!since && !until && last !== "all") {
    to = Math.ceil((now + 1) / MINUTE) * MINUTE;
    const days = last.endsWith("d") ? Number.parseInt(last, 10) : 0;
    from = days ? midnight(dateOf(now, tz), tz, 1 - days) : Math.floor(now / HOUR) * HOUR - 23 * HOUR;
  }
  return { since: Number.isNaN(from) ? "" : iso(from), until: Number.isNaN(to) ? "" : iso(to) };
}

/** A bucket in full, for tables and tips. @param {{bucket: string, edges: string[]}} series @param {number} place @param {string} tz */
export function bucketName({ bucket, edges }, place, tz) {
  const [from, to] = [Date.parse(edges[place]), Date.parse(edges[place + 1])];
  if (bucket === "hour") return format(tz, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZoneName: "short" }).format(from);
  if (bucket === "month") return format(tz, { month: "long", year: "numeric" }).format(from);
  if (bucket === "week") return format(tz, { day: "numeric", month: "short", year: "numeric" }).formatRange(from, to - HOUR);
  return format(tz, { weekday: "short", day: "numeric", month: "short", year: "numeric" }).format(from);
}

/** A bucket in short, for an axis. @param {{bucket: string, edges: string[]}} series @param {number} place @param {string} tz */
export function tickName({ bucket, edges }, place, tz) {
  const from = Date.parse(edges[place]);
  if (bucket === "hour") return format(tz, { hour: "2-digit", minute: "2-digit" }).format(from);
  if (bucket === "month") return format(tz, { month: "short", year: "2-digit" }).format(from);
  return format(tz, { day: "numeric", month: "short" }).format(from);
}

/** A moment to the second; the store's text has nanoseconds. @param {string} text @param {string} tz */
export function moment(text, tz) {
  const at = Date.parse(text.length > 23 && text.endsWith("Z") ? `${text.slice(0, 23)}Z` : text);
  return format(tz, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);
}

/** A clock to the second. @param {number} at @param {string} tz */
export function clock(at, tz) {
  return format(tz, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);
}

/** A range in words. @param {{since: string, until: string}} of @param {string} tz */
export function rangeName({ since, until }, tz) {
  const options = /** @type {const} */ ({ day: "numeric", month: "short", year: "numeric" });
  const from = Date.parse(since);
  const to = Date.parse(until) - 1;
  if (since && until) return format(tz, options).formatRange(from, to);
  return since ? `since ${format(tz, options).format(from)}` : until ? `until ${format(tz, options).format(to)}` : "all the time";
}

/** The time before, in words; empty where there is none. @param {{before: [string, string] | null}} series */
export function besideOf({ before }) {
  if (!before) return "";
  const days = (Date.parse(before[1]) - Date.parse(before[0])) / DAY;
  if (days < 2) return `the ${Math.round(days * 24)} hours before`;
  return `the ${Math.abs(days - Math.round(days)) < 0.06 ? Math.round(days) : days.toFixed(1)} days before`;
}
