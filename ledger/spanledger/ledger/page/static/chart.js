/**
 * Time series, drawn by the chart library that the server has installed. It is loaded after the first paint, and told
 * numbers and places only: no name of the ledger ever reaches it, for it reads some markup in texts.
 */

import { h } from "./dom.js";

/** @typedef {{name: string, colour: string, sizes: number[], texts: string[]}} Layer */
/** @typedef {{key: string, label: string, ticks: string[], names: string[], layers: Layer[], sums?: string[], money?: boolean, pick?: (place: number) => void}} Chart */

/** @type {Promise<any> | null} */
let library = null;
/** @type {Map<string, {element: HTMLElement, drawn: string, chart: Chart | null}>} */
const charts = new Map();

/** @returns {Promise<any>} */
function plotly() {
  library ??= new Promise((found, failed) => {
    const source = document.querySelector('meta[name="chart"]')?.getAttribute("content") ?? "";
    const script = h("script", { src: source, async: true, onload: () => found(/** @type {any} */ (window).Plotly), onerror: () => failed(new Error("no chart library")) });
    document.head.append(script);
  });
  return library;
}

/** Begin to load once the page has been painted. */
export function preload() {
  requestAnimationFrame(() => setTimeout(() => plotly().catch(() => undefined), 0));
}

/** The same element for the same key, so that a chart is changed and not made again. @param {Chart} chart */
export function drawn(chart) {
  let held = charts.get(chart.key);
  if (!held) {
    held = { element: h("div", { class: "chart", role: "img" }, h("div", { class: "waiting" }, "Drawing…")), drawn: "", chart: null };
    charts.set(chart.key, held);
  }
  held.chart = chart;
  held.element.setAttribute("aria-label", chart.label);
  const mine = held;
  plotly().then((library) => requestAnimationFrame(() => draw(library, mine)), () => {
    mine.element.replaceChildren(h("div", { class: "waiting" }, "The chart library could not be loaded: the table below has the same figures."));
  });
  return held.element;
}

/** Draw every chart again, in other colours or another width. */
export function redraw() {
  for (const held of charts.values()) {
    held.drawn = "";
    if (held.element.isConnected) plotly().then((library) => draw(library, held), () => undefined);
  }
}

/** @param {any} library @param {{element: HTMLElement, drawn: string, chart: Chart | null}} held */
function draw(library, held) {
  const { element, chart } = held;
  if (!chart || !element.isConnected) return;
  const fresh = JSON.stringify([chart.ticks, chart.layers.map((layer) => [layer.colour, layer.sizes]), element.clientWidth]);
  if (fresh === held.drawn) return;
  const first = held.drawn === "" && !element.classList.contains("js-plotly-plot");
  held.drawn = fresh;
  if (first) element.replaceChildren();
  const colour = colours();
  const places = chart.names.map((_, place) => place);
  const traces = chart.layers.map((layer) => ({
    type: "bar", x: places, y: layer.sizes, hoverinfo: "none", showlegend: false,
    marker: { color: colour(layer.colour), line: { color: colour("surface"), width: chart.names.length > 60 ? 0 : 1 } },
  }));
  library.react(element, traces, layout(chart, colour, element.clientWidth), { displayModeBar: false, responsive: true, doubleClick: false, showTips: false });
  if (first) listen(element, held);
}

/** @param {Chart} chart @param {(name: string) => string} colour @param {number} width */
function layout(chart, colour, width) {
  const shown = Math.max(1, Math.ceil(chart.ticks.length / Math.max(2, Math.min(10, Math.floor(width / 72)))));
  const places = chart.ticks.map((_, place) => place).filter((place) => place % shown === 0);
  const largest = Math.max(0, ...chart.names.map((_, place) => chart.layers.reduce((total, layer) => total + Math.max(0, layer.sizes[place]), 0)));
  const font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("quiet") };
  return {
    barmode: "relative", bargap: chart.names.length > 60 ? 0.1 : 0.28, dragmode: false, hovermode: "x", font,
    margin: { l: 56, r: 4, t: 8, b: 28 }, paper_bgcolor: colour("surface"), plot_bgcolor: colour("surface"),
    xaxis: { tickangle: 0, tickvals: places, ticktext: places.map((place) => chart.ticks[place]), fixedrange: true, showgrid: false, zeroline: false, range: [-0.6, Math.max(chart.names.length, 4) - 0.4] },
    yaxis: { fixedrange: true, gridcolor: colour("line"), zerolinecolor: colour("line"), nticks: 5, rangemode: "tozero", tickformat: chart.money ? (largest >= 10_000 ? "~s" : ",~g") : largest >= 10_000 ? "~s" : ",d" },
  };
}

/** The page's colours, as the theme in force has them. */
function colours() {
  const probe = h("i", { hidden: true });
  document.body.append(probe);
  const found = new Map(["surface", "line", "quiet", "rest", "bad", "fine", "c0", "c1", "c2", "c3", "c4", "c5"].map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  }));
  probe.remove();
  const names = { kr: "rest", kbad: "bad", kok: "fine" };
  return (/** @type {string} */ name) => found.get(names[name] ?? name.replace(/^k/, "c")) ?? found.get(name) ?? "";
}

/** @param {any} element @param {{chart: Chart | null}} held */
function listen(element, held) {
  const tip = h("div", { class: "tip", hidden: true });
  element.append(tip);
  element.on("plotly_hover", (/** @type {any} */ event) => {
    const place = event.points[0].x;
    if (!held.chart?.names[place]) return;
    tip.replaceChildren(...tipOf(held.chart, place));
    tip.hidden = false;
    const box = element.getBoundingClientRect();
    const beside = event.event.clientX - box.left;
    const left = beside + 16 + tip.offsetWidth > box.width ? beside - 16 - tip.offsetWidth : beside + 16;
    tip.style.left = `${Math.max(0, left)}px`;
    tip.style.top = `${Math.max(0, Math.min(event.event.clientY - box.top - 24, box.height - tip.offsetHeight))}px`;
  });
  element.on("plotly_unhover", () => { tip.hidden = true; });
  element.on("plotly_click", (/** @type {any} */ event) => {
    tip.hidden = true;
    held.chart?.pick?.(event.points[0].x);
  });
}

/** @param {Chart} chart @param {number} place */
function tipOf(chart, place) {
  const said = chart.layers.filter((layer) => layer.sizes[place]).map((layer) => h("li", {},
    h("span", { class: `swatch ${layer.colour}` }), h("span", {}, layer.name), h("span", { class: "n" }, layer.texts[place])));
  const sum = chart.sums ? h("li", { class: "sum" }, h("span"), h("span", {}, "Together"), h("span", { class: "n" }, chart.sums[place])) : null;
  return [h("p", {}, chart.names[place]), h("ul", {}, said.reverse(), sum)];
}
