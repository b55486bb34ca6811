// Makes what was said visible. Text goes in as text nodes only, never as markup.

const CARDS = new Set(["emergency", "overdose", "self_harm", "safety_question"]);
const HELP = "When to get help:";
const SVG = "http://www.w3.org/2000/svg";
const PHONE =
  "M6.6 10.8a15 15 0 0 0 6.6 6.6l2.2-2.2c.3-.3.7-.4 1-.2 1.2.4 2.4.6 3.6.6.6 0 1 .4 1 1V20c0 .6-.4 1-1 1A17 17 0 0 1 3 4c0-.6.4-1 1-1h3.4c.6 0 1 .4 1 1 0 1.3.2 2.5.6 3.6.1.4 0 .7-.3 1z";
const WARNING = "M12 2.5 22.5 21h-21zM11 9v6h2V9zm0 7.5V19h2v-2.5z";

export class Bubbles {
  #lines;
  #emergency;
  #say;
  #sendAgain;

  /**
   * `lines`: the phone numbers that become links; `emergency`: the emergency number;
   * `say(text)` and `sendAgain(id)` are called by buttons.
   */
  constructor({ lines, emergency, say, sendAgain }) {
    this.#lines = lines.map((line) => line.replace(/[^0-9+ -]/g, "")).filter(Boolean);
    this.#emergency = emergency;
    this.#say = say;
    this.#sendAgain = sendAgain;
  }

  /** The element for one message. `live` is true for what is said just now. */
  make(message, live) {
    const node = message.who === "person" ? this.#person(message) : this.#bot(message, live);
    node.dataset.id = message.id;
    return node;
  }

  #person(message) {
    const node = element("div", "said person");
    node.append(
      element("span", "for-ears", "You: "),
      element("p", "words", message.text),
      timeOf(message),
      element("p", "state"),
    );
    this.show(node, message.state);
    return node;
  }

  /** Show how far a person's message has come: "unsent", "failed", or nothing to say. */
  show(node, state) {
    const line = node.querySelector(".state");
    const lost = state === "unsent" || state === "failed";
    node.classList.toggle("unsent", lost);
    if (!lost) {
      line.replaceChildren();
      return;
    }
    const again = element("button", "", "Send again");
    again.type = "button";
    again.addEventListener("click", () => this.#sendAgain(node.dataset.id));
    line.replaceChildren(
      element("span", "", state === "unsent" ? "Not sent" : "Not answered"),
      again,
    );
  }

  #bot(message, live) {
    const { custom = {}, buttons = [] } = message;
    const isCard = CARDS.has(custom.card);
    const node = element(isCard ? "section" : "div", "said bot");
    let lines = (message.text || "").split("\n").map((line) => line.trim());
    lines = lines.filter((line) => line);
    if (isCard) {
      lines = this.#cardHead(node, custom, lines, live);
    } else {
      node.append(element("span", "for-ears", "medassist: "));
      if (custom.front_door) node.classList.add("own-words");
    }
    const sources = Array.isArray(custom.sources) ? custom.sources : [];
    let review = custom.review || "";
    if (sources.length && lines.at(-1)?.startsWith("Sources")) {
      review = /Review: (.*?)\.?$/.exec(lines.pop())?.[1] ?? review;
    }
    this.#body(node, lines);
    if (sources.length) node.append(sourcesOf(sources, review));
    if (buttons.length) node.append(this.#choices(buttons));
    return node;
  }

  /** The heading of a card and its call button; returns the lines that are left to say. */
  #cardHead(node, custom, lines, live) {
    const heading = custom.heading || lines[0] || `Call ${this.#emergency} now`;
    const rest = [...lines];
    if (rest[0]?.startsWith(heading)) {
      rest[0] = rest[0].slice(heading.length).replace(/^[.!]?\s*/, "");
      if (!rest[0]) rest.shift();
    }
    node.classList.add("card", custom.level === "emergency" ? "card-emergency" : "card-urgent");
    if (!custom.heading) node.classList.add("card-question");
    const head = element("div", "card-head");
    const alert = element("div");
    if (live) alert.setAttribute("role", "alert");
    const title = element("h2", "card-heading");
    title.append(icon(WARNING), element("span", "", heading));
    alert.append(title);
    head.append(alert);
    const number = telephone(custom.call || this.#emergency);
    if (number) {
      const call = element("a", "call");
      call.href = `tel:${number.replace(/[^0-9+]/g, "")}`;
      call.append(icon(PHONE), element("span", "", `Call ${number}`));
      head.append(call);
    }
    node.append(head);
    node.setAttribute("aria-label", heading);
    return rest;
  }

  #body(node, lines) {
    let list = null;
    for (const line of lines) {
      if (line.startsWith("• ")) {
        if (!list) node.append((list = element("ul")));
        const point = element("li");
        this.#words(point, line.slice(2));
        list.append(point);
        continue;
      }
      list = null;
      const paragraph = element("p");
      if (line.startsWith(HELP)) {
        paragraph.className = "help";
        paragraph.append(element("strong", "", HELP), " ");
        this.#words(paragraph, line.slice(HELP.length).trim());
      } else {
        if (line.endsWith(":")) paragraph.className = "lead";
        this.#words(paragraph, line);
      }
      node.append(paragraph);
    }
  }

  /** Text, with the phone numbers we know as links. */
  #words(node, text) {
    if (!this.#lines.length) {
      node.append(text);
      return;
    }
    const known = this.#lines.map((line) => line.replace(/[+]/g, "\\+")).join("|");
    const number = new RegExp(`(?<![\\d.,-])(?:${known})(?!\\d|[.,-]\\d|\\s?(?:%|m?c?g\\b|ml\\b))`, "g");
    let end = 0;
    for (const found of text.matchAll(number)) {
      const link = element("a", "tel", found[0]);
      link.href = `tel:${found[0].replace(/[^0-9+]/g, "")}`;
      node.append(text.slice(end, found.index), link);
      end = found.index + found[0].length;
    }
    node.append(text.slice(end));
  }

  #choices(buttons) {
    const group = element("div", "choices");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "Suggested replies");
    for (const { title, payload } of buttons) {
      const button = element("button", "", title);
      button.type = "button";
      button.addEventListener("click", () => this.#say(payload || title));
      group.append(button);
    }
    return group;
  }
}

function sourcesOf(sources, review) {
  const details = element("details", "sources");
  const summary = element("summary");
  const newest = sources.map((source) => source.checked || "").sort().at(-1);
  const count = sources.length === 1 ? "1 source" : `${sources.length} sources`;
  const label = element("span", "sources-label");
  label.append(
    element("b", "", newest ? `${count}, checked ${day(newest)}` : count),
    review ? element("small", "", `Review: ${review}`) : "",
  );
  summary.append(label);
  const list = element("ul");
  for (const source of sources) {
    const item = element("li");
    const title = source.title || source.publisher || source.url;
    if (/^https?:\/\//i.test(source.url || "")) {
      const link = element("a", "", title);
      link.href = source.url;
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      link.append(element("span", "for-ears", " (opens a new tab)"));
      item.append(link);
    } else {
      item.append(title);
    }
    const where = [source.publisher, source.checked && `checked ${day(source.checked)}`];
    item.append(element("small", "", where.filter(Boolean).join(", ")));
    list.append(item);
  }
  details.append(summary, list);
  return details;
}

function telephone(text) {
  return /\+?\d[\d ()-]*\d|\d/.exec(text)?.[0] ?? "";
}

function day(date) {
  const parsed = new Date(`${date.slice(0, 10)}T12:00:00`);
  if (Number.isNaN(parsed.valueOf())) return date;
  return parsed.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

function timeOf({ at }) {
  const moment = new Date(at);
  const node = element("time");
  if (Number.isNaN(moment.valueOf())) return node;
  node.dateTime = moment.toISOString();
  const clock = { hour: "numeric", minute: "2-digit" };
  node.textContent =
    moment.toDateString() === new Date().toDateString()
      ? moment.toLocaleTimeString([], clock)
      : moment.toLocaleString([], { day: "numeric", month: "short", ...clock });
  return node;
}

function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  shape.setAttribute("fill", "currentColor");
  shape.setAttribute("fill-rule", "evenodd");
  svg.append(shape);
  return svg;
}

function element(name, className = "", text = "") {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}
