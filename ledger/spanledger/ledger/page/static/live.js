/**
 * Asks again while somebody looks: every few seconds when all is well, ever later while the server is away, at once
 * when the page is looked at again. A hidden page asks nothing.
 */

export const EVERY_MS = 10_000;
const FIRST_MS = 2_000;
const LONGEST_MS = 60_000;

/** @param {() => Promise<"done" | "away" | "stop">} work */
export function living(work) {
  let timer = 0;
  let failures = 0;
  let on = true;
  let running = 0;
  const wait = (/** @type {number} */ ms) => {
    clearTimeout(timer);
    if (on && !document.hidden) timer = setTimeout(now, ms);
  };
  const now = async () => {
    clearTimeout(timer);
    const mine = ++running;
    const how = await work();
    if (mine !== running) return;
    failures = how === "away" ? failures + 1 : 0;
    if (how !== "stop") wait(how === "away" ? Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1)) : EVERY_MS);
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : on && now()));
  addEventListener("online", () => { if (on) now(); });
  return {
    now,
    /** @param {boolean} wanted */
    switch(wanted) {
      on = wanted;
      if (on) now();
      else clearTimeout(timer);
    },
    get on() {
      return on;
    },
  };
}
