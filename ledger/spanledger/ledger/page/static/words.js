/** Counts, shares and names as people read them. */

import { grouped, size } from "./money.js";

/** A whole number with groups. @param {number | null | undefined} value */
export function count(value) {
  if (value === null || value === undefined) return "unknown";
  return `${value < 0 ? "−" : ""}${grouped(String(Math.abs(value)))}`;
}

const STEPS = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e4, "K"]];

/** A count in short, three digits of it; in full below ten thousand. @param {number | null | undefined} value */
export function short(value) {
  if (value === null || value === undefined) return "unknown";
  for (const [step, letter] of STEPS) {
    if (Math.abs(value) >= Number(step)) {
      const scaled = value / (letter === "K" ? 1e3 : Number(step));
      return `${scaled.toFixed(Math.abs(scaled) < 10 ? 2 : Math.abs(scaled) < 100 ? 1 : 0)} ${letter}`;
    }
  }
  return count(value);
}

/** A part as percent. What is not quite all or nothing does not say so. @param {number | null | undefined} part */
export function percent(part) {
  if (part === null || part === undefined || Number.isNaN(part)) return "unknown";
  if (part > 0 && part < 0.0005) return "<0.1 %";
  if (part < 1 && part > 0.9995) return ">99.9 %";
  return `${(part * 100).toFixed(part === 0 || part === 1 ? 0 : 1)} %`;
}

/** How much more or less than before; null where there is nothing to compare with.
 * @param {string | number | null | undefined} now @param {string | number | null | undefined} before */
export function change(now, before) {
  const then = size(before);
  if (now === null || now === undefined || !then) return null;
  const part = (size(now) - then) / Math.abs(then);
  if (Math.abs(part) < 0.0005) return "unchanged";
  if (part >= 9) return `▲ ${grouped(String(Math.round(part + 1)))}×`;
  return `${part > 0 ? "▲" : "▼"} ${(Math.abs(part) * 100).toFixed(Math.abs(part) < 0.1 ? 1 : 0)} %`;
}

/** Milliseconds in short. @param {number | null | undefined} ms */
export function duration(ms) {
  if (ms === null || ms === undefined) return "unknown";
  if (ms < 1000) return `${ms} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s` : `${(ms / 60_000).toFixed(1)} min`;
}

export const DIMENSIONS = ["tenant", "model", "feature", "team", "agent"];
export const OTHER_DIMENSIONS = [
  "provider", "environment", "service_name", "user_id", "project", "cost_center", "organization_id", "operation",
  "account", "region", "service_tier", "error_type", "workflow_id", "kind",
];

/** @param {string} dimension */
export function named(dimension) {
  return { user_id: "user", service_name: "service", cost_center: "cost centre", organization_id: "organization",
    error_type: "error", workflow_id: "workflow", trace_id: "trace", cost_state: "cost", usage_source: "usage",
    service_tier: "service tier", session_id: "session", conversation_id: "conversation", response_id: "response" }[dimension] ?? dimension.replaceAll("_", " ");
}

/** @param {string} dimension */
export function heading(dimension) {
  const name = named(dimension);
  return name[0].toUpperCase() + name.slice(1);
}

/** @param {string} dimension */
export function many(dimension) {
  const name = named(dimension);
  return name === "cost centre" ? "cost centres" : name.endsWith("y") ? `${name.slice(0, -1)}ies` : `${name}s`;
}
