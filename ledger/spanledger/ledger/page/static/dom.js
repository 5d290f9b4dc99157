/**
 * Elements out of plain values. Text is only ever set as text: nothing that a tenant is called can become markup.
 */

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */

/**
 * An element. `on…` are listeners, `class` and the rest are attributes; null and false leave an attribute out.
 * @param {string} name
 * @param {Record<string, unknown>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), /** @type {EventListener} */ (value));
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  add(element, children);
  return element;
}

/** @param {Node} parent @param {Child} child */
function add(parent, child) {
  if (Array.isArray(child)) for (const each of child) add(parent, each);
  else if (child instanceof Node) parent.appendChild(child);
  else if (child !== null && child !== undefined && child !== false) parent.appendChild(document.createTextNode(String(child)));
}

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  close: "M6 6l12 12M18 6L6 18",
  csv: "M12 4v11M7 11l5 5 5-5M5 20h14",
  sun: "M12 8a4 4 0 100 8 4 4 0 000-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5L19 19M5 19l1.5-1.5M17.5 6.5L19 5",
  moon: "M20 14.5A8 8 0 119.5 4a6.5 6.5 0 0010.5 10.5z",
  back: "M15 5l-7 7 7 7",
};

/** A line drawing beside words that say the same. @param {keyof typeof PATHS} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.appendChild(path);
  return svg;
}

/** A bar of a length from 0 to 1, set through the object model: the policy lets no style stand in markup.
 * @param {number} part @param {string} [colour] */
export function track(part, colour = "") {
  const inner = h("i", { class: colour || null });
  inner.style.width = `${Math.max(0, Math.min(1, part || 0)) * 100}%`;
  return h("span", { class: "track", "aria-hidden": "true" }, inner);
}

/**
 * Put new content in the place of old, and leave people where they were: focus, open details, scrolled boxes. Parts that
 * are awaited stay as they stood, there or not; where no part stood their boxes stand.
 * @param {HTMLElement} place @param {Child[]} content
 */
export function replace(place, content) {
  const held = place.contains(document.activeElement) ? document.activeElement?.getAttribute("data-key") : null;
  const open = new Set([...place.querySelectorAll("details[open][data-key]")].map((each) => each.getAttribute("data-key")));
  const scrolled = new Map([...place.querySelectorAll(".scroll[data-key]")].map((each) => [each.getAttribute("data-key"), [each.scrollTop, each.scrollLeft]]));
  const fresh = document.createDocumentFragment();
  add(fresh, content);
  const stood = new Map([...place.querySelectorAll("[data-part]")].map((each) => [each.getAttribute("data-part"), each]));
  if (stood.size) for (const each of fresh.querySelectorAll(".awaited")) {
    const old = stood.get(each.getAttribute("data-part"));
    if (!old) { each.remove(); continue; }
    old.classList.add("awaited");
    old.setAttribute("aria-busy", "true");
    each.replaceWith(old);
  }
  place.replaceChildren(fresh);
  for (const each of place.querySelectorAll("details[data-key]")) if (open.has(each.getAttribute("data-key"))) each.setAttribute("open", "");
  for (const each of place.querySelectorAll(".scroll[data-key]")) {
    const [top, left] = scrolled.get(each.getAttribute("data-key")) ?? [0, 0];
    each.scrollTop = top;
    each.scrollLeft = left;
  }
  if (held) [...place.querySelectorAll("[data-key]")].find((each) => each.getAttribute("data-key") === held)?.focus({ preventScroll: true });
}
