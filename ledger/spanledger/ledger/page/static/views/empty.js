/** Nothing to show: because nobody has sent anything yet, or because of what is asked for. */

import { h } from "../dom.js";
import { notice } from "../parts.js";
import { moment } from "../times.js";

/** Is there anything of this time? The sums tell it once they have come, and before that whatever has. @param {any} data */
export function anything({ totals, groups, series }) {
  return Boolean(totals ? totals.rows.length : groups?.rows.length || series?.currencies.length);
}

/** Null while it is not known yet. @param {import("../parts.js").Page} page @param {any} newest */
export function nothing(page, newest) {
  if (newest === undefined) return null;
  if (!newest) return first();
  const filtered = Object.keys(page.state.where).length > 0;
  return notice("Nothing in this time", `The newest event of the ledger is of ${moment(newest.booked_time, page.state.tz)}.`,
    h("button", { class: "button main", type: "button", "data-key": "all", onclick: () => page.go({ last: "all", since: "", until: "" }) }, "Show all the time"),
    filtered ? h("button", { class: "button", type: "button", "data-key": "unfiltered", onclick: () => page.go({ where: {} }) }, "Remove the filters") : null);
}

function first() {
  const address = document.querySelector('meta[name="otlp"]')?.getAttribute("content") || "http://127.0.0.1:4318";
  return h("section", { class: "panel first" }, h("h2", { class: "title" }, "Nothing has arrived yet"),
    h("p", {}, "Any OpenTelemetry SDK can send here. From a Python application, three lines:"),
    h("pre", { class: "shell", tabindex: "0" }, h("code", {}, `export OTEL_EXPORTER_OTLP_ENDPOINT=${address}\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nopentelemetry-instrument python app.py`)),
    h("p", { class: "quiet" }, "Where the server asks who sends, add OTEL_EXPORTER_OTLP_HEADERS=\"authorization=Bearer KEY\" with a key of the role ingest."),
    h("p", { class: "quiet" }, "What arrives is shown here by itself, a few seconds later. To look around first: ", h("code", {}, "spanledger demo"), "."));
}
