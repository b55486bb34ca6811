// Thumbs up or down under an answer, with a word why; both can be changed.

import { button, element, forEars, icon } from "./dom.js";

const LONGEST_WHY = 500;

/**
 * `given`: {up, why} from earlier, or nothing; `record(up, why)` saves it and may throw, with an
 * error whose message may be shown.
 */
export function thumbsFor(given, record, strings) {
  const row = element("div", { class: "thumbs", role: "group", "aria-label": strings.helpful });
  const told = element("p", { class: "told", role: "status" });
  const thumb = (up) =>
    element(
      "button",
      { type: "button", "aria-pressed": String(given?.up === up), onclick: () => choose(up) },
      icon(up ? "up" : "down"),
      forEars(up ? strings.yes : strings.no),
    );
  const up = thumb(true);
  const down = thumb(false);
  let why = given?.why ?? "";
  let form = null;

  async function save(isUp) {
    try {
      await record(isUp, why);
    } catch (error) {
      told.textContent = error.status ? error.message : strings.notKept;
      return false;
    }
    up.setAttribute("aria-pressed", String(isUp));
    down.setAttribute("aria-pressed", String(!isUp));
    return true;
  }

  async function choose(isUp) {
    told.textContent = "";
    if (!(await save(isUp))) return;
    form?.remove();
    form = whyForm(isUp);
    row.append(form);
    form.querySelector("input").focus();
  }

  function close(isUp, words) {
    form?.remove();
    form = null;
    told.textContent = words;
    (isUp ? up : down).focus();
  }

  function whyForm(isUp) {
    const field = element("input", { maxlength: LONGEST_WHY, autocomplete: "off" });
    field.value = why;
    const made = element(
      "form",
      { class: "why" },
      element("label", {}, strings.why, element("small", {}, strings.whyHint), field),
      element(
        "div",
        { class: "why-buttons" },
        element("button", { type: "submit", class: "filled" }, strings.sendWhy),
        button(strings.skipWhy, () => close(isUp, strings.thanks)),
      ),
    );
    made.addEventListener("submit", async (event) => {
      event.preventDefault();
      why = field.value.trim();
      if (await save(isUp)) close(isUp, strings.thanks);
    });
    made.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault(); // it closes the form, not the whole chat
      close(isUp, strings.thanks);
    });
    return made;
  }

  row.append(element("span", { "aria-hidden": "true" }, strings.helpful), up, down, told);
  return row;
}
