// Makes elements. Text goes in as text nodes only, never as markup, and style never as an attribute:
// all of it holds under the strictest Content-Security-Policy of a host page.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `attributes` by name, `on…` for listeners; children are nodes, texts or nothing. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value || value === 0 || value === "") node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child || child === 0));
  return node;
}

/** A button that says its words. */
export function button(words, onclick, attributes = {}) {
  return element("button", { type: "button", onclick, ...attributes }, words);
}

/** A link that calls. */
export function callLink(number, attributes, ...children) {
  return element("a", { href: `tel:${number.replace(/[^0-9+]/g, "")}`, ...attributes }, ...children);
}

const ICONS = {
  phone:
    "M6.6 10.8a15 15 0 0 0 6.6 6.6l2.2-2.2c.3-.3.7-.4 1-.2 1.2.4 2.4.6 3.6.6.6 0 1 .4 1 1V20c0 .6-.4 1-1 1A17 17 0 0 1 3 4c0-.6.4-1 1-1h3.4c.6 0 1 .4 1 1 0 1.3.2 2.5.6 3.6.1.4 0 .7-.3 1z",
  warning: "M12 2.5 22.5 21h-21zM11 9v6h2V9zm0 7.5V19h2v-2.5z",
  send: "M3.5 20.5 21 12 3.5 3.5l2.2 6.9 8.3 1.6-8.3 1.6z",
  close: "m6.4 5 5.6 5.6L17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6l5.6-5.6L5 6.4z",
  up: "M2 10h4v11H2zM8 10l4.5-8c1.4 0 2.5 1.1 2.5 2.5V9h5.2c1.2 0 2.1 1.1 1.8 2.3l-1.9 8A2.2 2.2 0 0 1 18 21H8z",
  down: "M2 3h4v11H2zM8 14l4.5 8c1.4 0 2.5-1.1 2.5-2.5V15h5.2c1.2 0 2.1-1.1 1.8-2.3l-1.9-8A2.2 2.2 0 0 0 18 3H8z",
  person: "M12 3a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM3.5 21c0-4.4 3.8-7 8.5-7s8.5 2.6 8.5 7z",
  chat: "M4 3h16a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2h-8l-5 4v-4H4a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zM11 6v3H8v3h3v3h2v-3h3V9h-3V6z",
};

/** A sign beside words that say the same; nothing for ears. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", ICONS[name]);
  shape.setAttribute("fill", "currentColor");
  shape.setAttribute("fill-rule", "evenodd");
  svg.append(shape);
  return svg;
}

/** Words that are read out and not shown. */
export function forEars(words) {
  return element("span", { class: "for-ears" }, words);
}
