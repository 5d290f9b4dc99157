/** Who has no key is asked for one. It stays in this tab. */

import { keep } from "../api.js";
import { h } from "../dom.js";

/** @param {string} wrong @param {() => void} done */
export function signIn(wrong, done) {
  const field = h("input", { id: "key", name: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": wrong ? "wrong" : null, "aria-invalid": wrong ? "true" : null });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const key = /** @type {HTMLInputElement} */ (field).value.trim();
    if (!key) return;
    keep(key);
    done();
  };
  return h("section", { class: "panel sign" }, h("h2", { class: "title" }, "Sign in"),
    h("p", {}, "Paste a key with the role read. ", h("code", {}, "spanledger keys create --role read --tenant …"), " makes one. Where no keys are asked for, ", h("code", {}, "spanledger open"), " brings its own."),
    h("form", { onsubmit: submit }, h("label", { for: "key" }, "Key"), field, wrong ? h("p", { class: "wrong", id: "wrong", role: "alert" }, wrong) : null,
      h("button", { class: "button main", type: "submit" }, "Sign in")));
}
