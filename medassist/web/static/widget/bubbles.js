// Makes what was said visible.

import { button, callLink, element, forEars, icon } from "./dom.js";
import { clock } from "./moments.js";
import { sourcesOf } from "./sources.js";
import { thumbsFor } from "./thumbs.js";

const CARDS = new Set(["emergency", "overdose", "self_harm", "safety_question"]);
const HELP = "When to get help:"; // as the bot's answers say it

export class Bubbles {
  #strings;
  #emergency;
  #number;
  #on;

  /**
   * `lines`: the phone lines, the emergency line first; their numbers become links.
   * `on`: say(text), sendAgain(id), thumb(message, up, why), saveReceipt(message).
   */
  constructor({ strings, lines, on }) {
    this.#strings = strings;
    this.#emergency = lines[0]?.number ?? "";
    this.#number = numbersIn(lines.map(({ number }) => number));
    this.#on = on;
  }

  /** The element for one message. `live` is true for what is said just now. */
  make(message, live, thumb) {
    const node = this.#node(message, live, thumb);
    node.dataset.id = message.id;
    return node;
  }

  #node(message, live, thumb) {
    const { who, custom } = message;
    if (who === "person") return this.#person(message);
    if (custom?.handover) return this.#handover(message);
    return this.#bot(message, live, thumb);
  }

  #person(message) {
    const node = element(
      "div",
      { class: "said person" },
      forEars(`${this.#strings.you}: `),
      element("p", { class: "words" }, message.text),
      this.#timeOf(message),
      element("p", { class: "state" }),
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
    const { unsent, unanswered, sendAgain } = this.#strings;
    line.replaceChildren(
      element("span", {}, state === "unsent" ? unsent : unanswered),
      button(sendAgain, () => this.#on.sendAgain(node.dataset.id)),
    );
  }

  /** Staff came or went: a line across the chat. */
  #handover(message) {
    const { here, back, someone } = this.#strings;
    const began = message.custom.handover === "began";
    const line = began ? here(message.custom.staff?.name || someone) : back;
    const node = element(
      "div",
      { class: "said bot handover" },
      element("p", { class: "line" }, icon(began ? "person" : "chat"), element("strong", {}, line)),
    );
    const more = linesOf(message.text).filter((words) => words !== line);
    this.#body(node, more);
    return node;
  }

  #bot(message, live, thumb) {
    const { custom = {}, buttons = [] } = message;
    const strings = this.#strings;
    const isCard = CARDS.has(custom.card);
    const node = element(isCard ? "section" : "div", { class: "said bot" });
    let lines = linesOf(message.text);
    if (isCard) {
      lines = this.#cardHead(node, custom, lines, live);
    } else if (custom.staff?.id) {
      node.classList.add("staff");
      node.append(this.#staffName(message));
    } else if (custom.erased) {
      node.classList.add("receipt");
      node.append(element("h3", {}, strings.receipt));
    } else {
      node.append(forEars(`${strings.bot}: `));
      if (custom.front_door) node.classList.add("own-words");
    }
    const sources = Array.isArray(custom.sources) ? custom.sources : [];
    let review = custom.review || "";
    if (sources.length && lines.at(-1)?.startsWith("Sources")) {
      review = /Review: (.*?)\.?$/.exec(lines.pop())?.[1] ?? review;
    }
    this.#body(node, lines);
    if (sources.length) node.append(sourcesOf(sources, review, strings));
    if (buttons.length) node.append(this.#choices(buttons));
    if (custom.answer_id) {
      node.append(thumbsFor(thumb, (up, why) => this.#on.thumb(message, up, why), strings));
    }
    if (custom.erased) {
      const receipt = button(strings.saveReceipt, () => this.#on.saveReceipt(message));
      node.append(this.#timeOf(message), element("div", { class: "choices" }, receipt));
    }
    return node;
  }

  #staffName(message) {
    return element(
      "p",
      { class: "from" },
      icon("person"),
      element("b", {}, message.custom.staff.name || this.#strings.someone),
      element("span", {}, this.#strings.fromClinic),
      this.#timeOf(message),
    );
  }

  /** The heading of a card and its call button; returns the lines that are left to say. */
  #cardHead(node, custom, lines, live) {
    const { call, callNow } = this.#strings;
    const heading = custom.heading || lines[0] || callNow(this.#emergency);
    const rest = [...lines];
    if (rest[0]?.startsWith(heading)) {
      rest[0] = rest[0].slice(heading.length).replace(/^[.!]?\s*/, "");
      if (!rest[0]) rest.shift();
    }
    node.classList.add("card", custom.level === "emergency" ? "card-emergency" : "card-urgent");
    if (!custom.heading) node.classList.add("card-question");
    const title = element("h3", { class: "card-heading" }, icon("warning"), element("span", {}, heading));
    const head = element("div", { class: "card-head" }, element("div", { role: live && "alert" }, title));
    const number = telephone(custom.call || this.#emergency);
    if (number) {
      head.append(callLink(number, { class: "call" }, icon("phone"), element("span", {}, call(number))));
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
        list.append(element("li", {}, ...this.#words(line.slice(2))));
        continue;
      }
      list = null;
      if (line.startsWith(HELP)) {
        const words = this.#words(line.slice(HELP.length).trim());
        node.append(element("p", { class: "help" }, element("strong", {}, HELP), " ", ...words));
      } else {
        const attributes = line.endsWith(":") ? { class: "lead" } : {};
        node.append(element("p", attributes, ...this.#words(line)));
      }
    }
  }

  /** Text, with the phone numbers we know as links. */
  #words(text) {
    if (!this.#number) return [text];
    const parts = [];
    let end = 0;
    for (const found of text.matchAll(this.#number)) {
      parts.push(text.slice(end, found.index), callLink(found[0], { class: "tel" }, found[0]));
      end = found.index + found[0].length;
    }
    return [...parts, text.slice(end)];
  }

  #choices(buttons) {
    return element(
      "div",
      { class: "choices", role: "group", "aria-label": this.#strings.suggested },
      ...buttons.map(({ title, payload }) => button(title, () => this.#on.say(payload || title))),
    );
  }

  #timeOf({ at }) {
    const words = clock(at, this.#strings.locale);
    return element("time", words ? { datetime: at } : {}, words);
  }
}

function linesOf(text) {
  return (text || "")
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

/** Finds these phone numbers in a text, but not in an amount or a longer number. */
function numbersIn(numbers) {
  const known = numbers.map((number) => number.replace(/[^0-9+ -]/g, "").replace(/[+]/g, "\\+"));
  const any = known.filter(Boolean).join("|");
  return any && new RegExp(`(?<![\\d.,-])(?:${any})(?!\\d|[.,-]\\d|\\s?(?:%|m?c?g\\b|ml\\b))`, "g");
}

function telephone(text) {
  return /\+?\d[\d ()-]*\d|\d/.exec(text)?.[0] ?? "";
}
