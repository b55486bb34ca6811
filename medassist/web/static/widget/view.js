// The chat's face: header, conversation, message box, and what they say about the connection.

import { button, callLink, element, forEars, icon } from "./dom.js";

const NEAR_END = 120; // pixels from the end that still count as being there
const NEAR_LIMIT = 500; // characters left when the count begins to show

export class View {
  #strings;
  #lines;
  #limit;
  #danger;

  /**
   * `on`: say(text), submit(text), typed(text), save(), close() (absent where it cannot be closed).
   * `lines`: the phone lines; `limit`: characters of the longest message.
   */
  constructor({ strings, heading, lines, limit, on }) {
    this.#strings = strings;
    this.#lines = lines;
    this.#limit = limit;
    const emergency = lines[0];
    this.#danger = emergency ? strings.danger(emergency.say) : "";
    this.log = element("div", {
      id: "log",
      role: "log",
      "aria-label": strings.conversation,
      "aria-live": "polite",
      "aria-relevant": "additions",
    });
    this.heading = element("h2", { id: "heading" }, heading);
    this.typing = this.#typing();
    this.cutOff = this.#cutOff();
    this.about = element("p", { class: "about-staff", hidden: true });
    this.who = element("p", { id: "who", class: "who" });
    this.connection = element("p", { id: "connection", class: "connection", role: "status" });
    this.problem = element("p", { id: "problem", class: "problem", role: "alert", hidden: true });
    this.count = element("p", { id: "count", class: "count", "aria-live": "polite" });
    this.newest = button(strings.newest, () => this.scrollToNewest(), {
      id: "newest",
      class: "newest",
      hidden: true,
    });
    this.box = this.#box(on);
    this.form = this.#form(on);
    this.middle = element(
      "div",
      { class: "middle" },
      this.#intro(on),
      this.log,
      this.typing,
      this.cutOff,
    );
    this.root = element(
      "div",
      { class: "chat", lang: strings.lang },
      this.#top(emergency, on),
      this.middle,
      this.#composer(on),
    );
    const scrolled = () => this.isAtEnd() && (this.newest.hidden = true);
    for (const node of [this.root, this.middle]) {
      node.addEventListener("scroll", scrolled, { passive: true });
    }
  }

  /** What scrolls: the conversation, or all of it where there is little height. */
  get #scroller() {
    return getComputedStyle(this.middle).overflowY === "auto" ? this.middle : this.root;
  }

  // ── parts ──

  #top(emergency, on) {
    const { robot, inDanger, call, close } = this.#strings;
    const line =
      emergency &&
      callLink(
        emergency.number,
        { class: "danger-line" },
        element("span", {}, inDanger),
        " ",
        element("strong", {}, call(emergency.say)),
      );
    const closing =
      on.close &&
      element(
        "button",
        { type: "button", class: "close", "aria-label": close, onclick: on.close },
        icon("close"),
      );
    return element(
      "div",
      { class: "top" },
      element(
        "div",
        { class: "brand" },
        element("span", { class: "sign" }, icon("chat")),
        element("div", {}, this.heading, element("p", {}, robot)),
      ),
      line,
      closing,
    );
  }

  #intro(on) {
    const { introHeading, intro, introPoints, starters, startersLabel } = this.#strings;
    return element(
      "section",
      { class: "said bot intro", "aria-labelledby": "intro-heading" },
      element("h3", { id: "intro-heading" }, introHeading),
      element("p", {}, intro),
      element("ul", {}, ...introPoints.map((point) => element("li", {}, point))),
      this.about,
      element(
        "div",
        { class: "choices", role: "group", "aria-label": startersLabel },
        ...starters.map((words) => button(words, () => on.say(words))),
      ),
    );
  }

  #typing() {
    const dots = ["i", "i", "i"].map((name) => element(name));
    return element(
      "p",
      { id: "typing", class: "typing", hidden: true },
      element("span", { "aria-hidden": "true" }, ...dots),
      forEars(this.#strings.typing),
    );
  }

  #cutOff() {
    const { cutOffHeading, cutOff } = this.#strings;
    return element(
      "section",
      { id: "cut-off", class: "cut-off", role: "alert", hidden: true },
      element("h3", {}, cutOffHeading),
      element("p", {}, cutOff),
      element(
        "ul",
        { class: "lines" },
        ...this.#lines.map(({ name, number }) =>
          element("li", {}, element("span", {}, name), " ", callLink(number, {}, number)),
        ),
      ),
    );
  }

  #box(on) {
    const box = element("textarea", {
      id: "text",
      rows: 1,
      placeholder: this.#strings.placeholder,
      enterkeyhint: "send",
      autocomplete: "off",
      "aria-describedby": "count",
    });
    box.addEventListener("input", () => {
      this.boxChanged();
      on.typed(box.value);
    });
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.form.requestSubmit();
    });
    return box;
  }

  #form(on) {
    const { question, send } = this.#strings;
    const form = element(
      "form",
      {},
      this.problem,
      element(
        "div",
        { class: "box" },
        element("label", { class: "for-ears", for: "text" }, question),
        this.box,
        element("button", { class: "send", type: "submit", "aria-label": send }, icon("send")),
      ),
      this.count,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.box.focus();
      const text = this.box.value.trim();
      const problem = this.#problemOf(text);
      this.showProblem(problem);
      if (!problem) on.submit(text);
    });
    return form;
  }

  #composer(on) {
    const { person, save, erase } = this.#strings;
    return element(
      "div",
      { class: "composer" },
      this.newest,
      this.who,
      this.connection,
      this.form,
      element(
        "div",
        { class: "always" },
        button(person, () => on.say(person), { class: "to-person" }),
        button(save, on.save),
        button(erase, () => on.say(erase)),
      ),
    );
  }

  /** What keeps this text from being sent, in words; nothing if it may go. */
  #problemOf(text) {
    const { empty, tooLong, locale } = this.#strings;
    if (!text) return `${empty} ${this.#danger}`;
    if ([...text].length <= this.#limit) return "";
    return `${tooLong(this.#limit.toLocaleString(locale))} ${this.#danger}`;
  }

  // ── what changes ──

  /** The text in the box, as it stands. */
  set text(text) {
    this.box.value = text;
    this.boxChanged();
  }

  boxChanged() {
    const { box, count } = this;
    box.style.height = "auto";
    if (box.scrollHeight) box.style.height = `${box.scrollHeight}px`;
    const length = [...box.value.trim()].length;
    const { locale } = this.#strings;
    const most = this.#limit.toLocaleString(locale);
    const near = length > this.#limit - NEAR_LIMIT;
    count.textContent = near ? this.#strings.count(length.toLocaleString(locale), most) : "";
    count.classList.toggle("over", length > this.#limit);
  }

  nodeOf(id) {
    return this.log.querySelector(`[data-id="${CSS.escape(id)}"]`);
  }

  isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  /** To the end, but never past the beginning of what answers the last message. */
  scrollToNewest() {
    this.newest.hidden = true;
    const page = this.#scroller;
    const nodes = [...this.log.children];
    const asked = nodes.map((node) => node.classList.contains("person")).lastIndexOf(true);
    const question = nodes[asked];
    const short = question && question.offsetHeight < page.clientHeight / 3;
    const first = short ? question : (nodes[asked + 1] ?? question);
    if (!first) return;
    const top = first.getBoundingClientRect().top - page.getBoundingClientRect().top;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    page.scrollTo({
      top: Math.min(page.scrollTop + top - 12, page.scrollHeight - page.clientHeight),
      behavior: calm ? "instant" : "smooth",
    });
  }

  showTyping(yes) {
    this.#show(this.typing, yes);
  }

  showCutOff(yes) {
    this.#show(this.cutOff, yes);
  }

  showProblem(words) {
    this.problem.hidden = !words;
    this.problem.textContent = words;
  }

  showConnection(words) {
    this.connection.textContent = words;
  }

  /** What is known of the clinic's staff: "They are here until 17:00." */
  showAboutStaff(words) {
    this.about.hidden = !words;
    this.about.textContent = words;
  }

  /** Who has the conversation, if it is not the robot; the log has told it aloud. */
  showPresence({ who, name }) {
    const { here, asked, someone } = this.#strings;
    const words = { staff: here(name || someone), asked }[who] ?? "";
    if (this.who.textContent !== words) this.who.replaceChildren(...(words ? [icon("person"), words] : []));
  }

  #show(node, yes) {
    if (node.hidden === !yes) return;
    const atEnd = this.isAtEnd();
    node.hidden = !yes;
    if (yes && atEnd) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }
}
