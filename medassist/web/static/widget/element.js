// <medassist-chat>: a button in the corner that opens the chat, or with `inline` the chat itself.

import cards from "./cards.css" with { type: "css" };
import { Chat } from "./chat.js";
import composer from "./composer.css" with { type: "css" };
import { element, icon } from "./dom.js";
import frame from "./frame.css" with { type: "css" };
import { tabStorage } from "./front-door.js";
import said from "./said.css" with { type: "css" };
import english from "./strings.en.js";

const NAME = "medassist-chat";
const OPEN = "medassist.open";
const PASSED_ON = ["server", "heading", "lang", "position", "theme", "open", "inline", "clinic"];

/** The words in a language, or in English when there is no file for it. */
async function stringsIn(lang, home) {
  const code = /^[a-z]{2,3}/i.exec(lang ?? "")?.[0].toLowerCase() ?? "en";
  if (code === "en") return english;
  try {
    const file = new URL(`static/widget/strings.${code}.js`, home);
    return { ...english, ...(await import(file.href)).default };
  } catch {
    return english;
  }
}

/** What is baked in for the clinic that a page names, or whose website it is on. */
function configOf(name, config) {
  const clinics = config.clinics ?? {};
  const id = [name, config.websites?.[location.origin]].find((id) => Object.hasOwn(clinics, id));
  return id ? { ...config, ...clinics[id], id } : config;
}

/**
 * Make the element known, and put one into the page if the page has none.
 *
 * `script` is the address of the script that was embedded; `config` what its server baked into it:
 * the phone lines, the longest text, the clinic's name; of several clinics, each one's.
 */
export function define(script, config) {
  if (customElements.get(NAME)) return;
  customElements.define(NAME, elementClass(new URL(".", script).href, config));
  const place = () => {
    if (document.querySelector(NAME)) return;
    const scripts = [...document.scripts];
    const tag =
      scripts.find(({ src }) => src === script) ??
      scripts.find(({ src }) => /\/widget\.js(\?|$)/.test(src)); // it was redirected
    const made = document.createElement(NAME);
    for (const name of PASSED_ON) {
      const value = tag?.dataset[name];
      if (value !== undefined) made.setAttribute(name, value);
    }
    document.body.append(made);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", place);
  else place();
}

function elementClass(home, baked) {
  return class MedassistChat extends HTMLElement {
    #root = this.attachShadow({ mode: "open" });
    #frame = null;
    #launcher = null;
    #words = null;
    #chat = null;
    #strings = english;
    #news = 0;

    async connectedCallback() {
      this.#root.adoptedStyleSheets = [frame, said, cards, composer];
      this.#strings = await stringsIn(this.getAttribute("lang"), home);
      if (!this.isConnected || this.#root.childElementCount) return;
      this.#frame = element("section", { class: "frame" });
      if (this.hasAttribute("inline")) this.#showInline();
      else this.#showLauncher();
    }

    disconnectedCallback() {
      this.#chat?.stop();
      this.#chat = this.#launcher = null;
      this.#root.replaceChildren();
    }

    get #config() {
      return configOf(this.getAttribute("clinic"), baked);
    }

    get #heading() {
      const { heading, headingOf } = this.#strings;
      const { clinic } = this.#config;
      return this.getAttribute("heading") || (clinic ? headingOf(clinic) : heading);
    }

    #showInline() {
      this.#frame.setAttribute("aria-label", this.#heading);
      this.#root.append(this.#frame);
      const { view } = this.#begin();
      if (this.hasAttribute("autofocus")) this.#focusOn(view);
    }

    #showLauncher() {
      const dialog = this.#frame;
      dialog.setAttribute("role", "dialog");
      dialog.setAttribute("aria-labelledby", "heading");
      dialog.tabIndex = -1;
      dialog.hidden = true;
      dialog.addEventListener("keydown", (event) => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        event.stopPropagation();
        this.hide();
      });
      this.#words = element("span", { "aria-live": "polite" }, this.#strings.launcher);
      this.#launcher = element(
        "button",
        { type: "button", class: "launcher", "aria-expanded": "false", onclick: () => this.show() },
        icon("chat"),
        this.#words,
      );
      const corner = { class: "corner", "aria-label": this.#heading, lang: this.#strings.lang };
      this.#root.append(element("section", corner, this.#launcher), dialog);
      if (this.hasAttribute("open") || tabStorage.get(OPEN)) this.#open(false);
      else if (Chat.isUnderWay()) this.#begin();
    }

    #begin() {
      if (this.#chat) return this.#chat;
      const server = (this.getAttribute("server") || home).replace(/\/+$/, "");
      this.#chat = new Chat({
        config: this.#config,
        server,
        strings: this.#strings,
        heading: this.#heading,
        on: {
          reply: (message) => this.#replied(message),
          close: this.#launcher && (() => this.hide()),
        },
      });
      this.#frame.append(this.#chat.view.root);
      this.#chat.start();
      return this.#chat;
    }

    /** Open the chat and put the cursor into it. */
    show() {
      this.#open(true);
    }

    /** Close the chat; the conversation stays. */
    hide() {
      if (!this.#launcher || this.#frame.hidden) return;
      this.#frame.hidden = true;
      this.#launcher.hidden = false;
      this.#launcher.setAttribute("aria-expanded", "false");
      tabStorage.set(OPEN, null);
      this.#launcher.focus();
    }

    #open(focus) {
      const { view } = this.#begin();
      if (this.#launcher) {
        this.#frame.hidden = false;
        this.#launcher.hidden = true;
        this.#launcher.setAttribute("aria-expanded", "true");
        this.#tell(0);
        tabStorage.set(OPEN, "yes");
        view.boxChanged();
        view.scrollToNewest();
      }
      if (focus) this.#focusOn(view);
    }

    /** Into the box; with a finger to the panel only, as the keyboard would cover it. */
    #focusOn(view) {
      const fine = matchMedia("(pointer: fine)").matches;
      if (fine) view.box.focus({ preventScroll: true });
      else if (this.#launcher) this.#frame.focus({ preventScroll: true });
    }

    /** A closed chat tells that there is news; an emergency opens it. */
    #replied({ custom }) {
      if (!this.#launcher || !this.#frame.hidden) return;
      if (custom?.level === "emergency") this.#open(false);
      else this.#tell(this.#news + 1);
    }

    #tell(count) {
      this.#news = count;
      this.#words.textContent = count ? this.#strings.news(count) : this.#strings.launcher;
      this.#launcher.classList.toggle("news", count > 0);
    }
  };
}
