// The conversation: what is typed goes out, what is said comes in, nothing twice and nothing lost.

import { Bubbles } from "./bubbles.js";
import { Connection } from "./connection.js";
import { FrontDoor, Refused, tabStorage } from "./front-door.js";
import { Outbox } from "./outbox.js";
import { chatAsText, receiptAsText, save } from "./saving.js";
import { Transcript, answeredBy, presence, withOwnId } from "./transcript.js";
import { View } from "./view.js";

const TYPING_AFTER = 1000;
const TYPING_UNTIL = 45_000;
const YOUNG = 120_000; // an unsent message younger than this goes out by itself when we are back
const CONFIG_AGAIN = 15_000;
const DRAFT = "medassist.draft";

export class Chat {
  #config;
  #strings;
  #door;
  #on;
  #end = new AbortController();
  #outbox = new Outbox();
  #transcript = new Transcript();
  #bubbles;
  #connection;
  #waiting = new Map(); // message id -> since when no reply has come
  #thumbs = {};
  #sending = Promise.resolve();
  #familiar = false; // whether the page has shown this conversation's history before

  /**
   * `config` as the front door gives it; `server` its address. `on`: reply(message) for what is
   * said just now, close() for where the chat can be closed.
   */
  constructor({ config, server, strings, heading, on }) {
    this.#config = config;
    this.#strings = strings;
    this.#door = new FrontDoor(server, config.id);
    this.#on = on;
    this.#bubbles = new Bubbles({
      strings,
      lines: config.lines,
      on: {
        say: (text) => this.say(text),
        sendAgain: (id) => this.#sendAgain(id),
        thumb: (message, up, why) => this.#thumb(message, up, why),
        saveReceipt: (message) => this.#save(strings.receiptFile, receiptAsText, message),
      },
    });
    this.view = new View({
      strings,
      heading,
      lines: config.lines,
      limit: config.longest_text,
      on: {
        say: (text) => this.say(text),
        submit: (text) => this.#submit(text),
        typed: (text) => tabStorage.set(DRAFT, text || null),
        save: () => this.#save(strings.chatFile, chatAsText, this.#transcript.items),
        close: on.close,
      },
    });
    this.#connection = new Connection(this.#door, this.#heard(), this.#end.signal);
    addEventListener("storage", (event) => this.#storageChanged(event), { signal: this.#end.signal });
  }

  /** Whether this browser has a conversation, or something to say. */
  static isUnderWay() {
    return Boolean(new FrontDoor("").key) || new Outbox().messages.length > 0;
  }

  start() {
    this.view.text = tabStorage.get(DRAFT) ?? "";
    for (const message of this.#outbox.messages) {
      this.#add({ ...message, who: "person", state: "unsent" }, false);
    }
    this.#connection.run();
    this.#learn();
  }

  stop() {
    this.#end.abort();
  }

  // ── what is said ──

  #add(said, live) {
    const message = withOwnId(said);
    if (!this.#transcript.append(message)) return;
    const { view } = this;
    const stay = message.who === "bot" && !view.isAtEnd();
    view.log.append(this.#bubbles.make(message, live, this.#thumbs[message.id]));
    this.#note(message);
    this.#showWho();
    if (stay && message.custom?.level !== "emergency") view.newest.hidden = false;
    else view.scrollToNewest();
    if (live && message.who === "bot") this.#on.reply(message);
  }

  /** What a message tells about others: a reply about the message it answers. */
  #note(message) {
    if (message.who !== "bot") return;
    const about = answeredBy(message);
    const lost = { unreachable: "unsent", failed: "failed" }[message.custom?.front_door];
    const asked = this.#transcript.get(about);
    if (message.custom?.front_door !== "slow") this.#waiting.delete(about);
    if (asked) this.#setState(asked, lost ?? "sent");
    if (lost !== "unsent") this.#outbox.drop(about);
    else if (asked) this.#outbox.keep(asked);
    this.#showTyping();
  }

  #setState(message, state) {
    message.state = state;
    const node = this.view.nodeOf(message.id);
    if (node) this.#bubbles.show(node, state);
  }

  #erased(receipt) {
    this.#door.forget();
    this.#outbox.clear();
    this.#clear();
    this.#connection.restart();
    this.#add({ ...receipt, buttons: [] }, true);
  }

  #clear() {
    this.#transcript.clear();
    this.#waiting.clear();
    this.#thumbs = {};
    this.#familiar = false;
    this.view.log.replaceChildren();
    this.#showTyping();
    this.#showWho();
  }

  // ── sending ──

  #submit(text) {
    this.view.text = "";
    tabStorage.set(DRAFT, null);
    this.say(text);
  }

  say(text) {
    const at = new Date().toISOString();
    const message = { id: newId(), who: "person", text, at, state: "sending" };
    this.#outbox.keep(message);
    this.#add(message, true);
    this.#send(message);
  }

  #sendAgain(id) {
    const message = this.#transcript.get(id);
    if (!message) return;
    // An id is used again only for a message that never arrived: a failed turn is a new one.
    if (message.state === "failed") {
      this.#setState(message, "sent");
      this.say(message.text);
    } else if (message.state === "unsent") {
      this.#send(message);
    }
  }

  #send(message) {
    this.#setState(message, "sending");
    this.#sending = this.#sending.then(() => this.#hand(message));
  }

  async #hand(message) {
    this.#waiting.set(message.id, Date.now());
    setTimeout(() => this.#showTyping(), TYPING_AFTER + 20);
    try {
      await this.#door.begin();
      await this.#door.send(message);
      if (message.state === "sending") this.#setState(message, "sent");
      this.view.showProblem("");
      this.view.showCutOff(false);
    } catch (error) {
      this.#waiting.delete(message.id);
      if (error instanceof Refused) {
        this.#giveBack(message, error.message);
      } else {
        this.#setState(message, "unsent");
        this.view.showCutOff(true);
      }
    }
    this.#showTyping();
    this.#connection.poke();
  }

  /** A refused message goes back into the box, unless something else is being typed there. */
  #giveBack(message, words) {
    this.view.showProblem(words);
    this.#outbox.drop(message.id);
    if (this.view.box.value.trim()) {
      this.#setState(message, "unsent");
      return;
    }
    this.view.nodeOf(message.id)?.remove();
    this.#transcript.remove(message.id);
    this.view.text = message.text;
  }

  async #thumb(message, up, why) {
    await this.#door.thumb(message.id, up, why);
    this.#thumbs[message.id] = { up, why };
  }

  #save(name, asText, what) {
    save(name, asText(what, { clinic: this.#config.clinic, strings: this.#strings }));
  }

  // ── the connection ──

  #heard() {
    return {
      caughtUp: (messages, thumbs) => this.#caughtUp(messages.map(withOwnId), thumbs),
      notCaughtUp: (words) => this.#transcript.items.length || this.view.showProblem(words),
      event: ({ message }) => {
        if (message.custom?.erased && !this.#transcript.get(message.id)) this.#erased(message);
        else this.#add(message, true);
      },
      up: () => {
        this.view.showConnection("");
        this.view.showCutOff(false);
      },
      down: (tries) => {
        this.view.showConnection(this.#strings.lost);
        if (tries >= 2) this.view.showCutOff(true);
      },
      hasUnsent: () => this.#outbox.messages.length > 0,
    };
  }

  #caughtUp(messages, thumbs) {
    const { view } = this;
    const { log } = view;
    const atEnd = view.isAtEnd();
    this.#thumbs = thumbs;
    const { added, renamed } = this.#transcript.merge(messages);
    const isNews = ({ item }) => this.#familiar || this.#waiting.has(answeredBy(item));
    const news = new Set(added.filter(isNews).map(({ item }) => item));
    if (!news.size) log.setAttribute("aria-live", "off"); // old words are not read aloud again
    for (const { from, to } of renamed) view.nodeOf(from).dataset.id = to;
    for (const { item, before } of added) {
      const node = this.#bubbles.make(item, news.has(item), thumbs[item.id]);
      log.insertBefore(node, before && view.nodeOf(before.id));
    }
    this.#familiar = true;
    for (const { who, id } of messages) {
      const known = this.#transcript.get(id);
      if (who !== "person" || known.state === "sending") continue;
      this.#outbox.drop(id);
      this.#setState(known, "sent");
    }
    messages.forEach((message) => this.#note(message));
    setTimeout(() => log.setAttribute("aria-live", "polite"), 500);
    view.showProblem("");
    this.#showMissing(messages);
    this.#showWho();
    const emergency = [...news].some(({ custom }) => custom?.level === "emergency");
    if (atEnd || emergency) view.scrollToNewest();
    for (const item of news) if (item.who === "bot") this.#on.reply(item);
  }

  /** What we have said and the history does not know has not arrived: send it, or offer to. */
  #showMissing(history) {
    const arrived = new Set(history.map((message) => message.id));
    for (const message of this.#transcript.items) {
      if (message.who !== "person" || arrived.has(message.id)) continue;
      const young = Date.now() - Date.parse(message.at) < YOUNG;
      const unsent = this.#outbox.has(message.id) && message.state !== "sending";
      // One that was answered just now and is not in the record: its turn was cut off, and staff
      // may not have been told. The server knows it by its id, so nothing is shown twice.
      const cutOff = message.state === "sent" && young;
      if ((unsent && young) || cutOff) this.#send(message);
      else if (unsent) this.#setState(message, "unsent");
    }
  }

  #storageChanged({ key }) {
    if (!FrontDoor.isKey(key)) return; // another tab began or deleted the conversation
    this.#clear();
    this.#connection.restart();
  }

  /** Ask the front door how things stand now; until it answers, the phone numbers are shown. */
  async #learn() {
    try {
      const { staff } = await this.#door.config();
      this.view.showAboutStaff(staff?.words ?? "");
      if (!this.#door.key) this.view.showCutOff(false);
    } catch {
      if (this.#end.signal.aborted) return;
      if (!this.#door.key) this.view.showCutOff(true);
      setTimeout(() => this.#end.signal.aborted || this.#learn(), CONFIG_AGAIN);
    }
  }

  #showTyping() {
    const now = Date.now();
    const held = presence(this.#transcript.items).who === "staff"; // a person takes their time
    const slow = [...this.#waiting.values()].some(
      (since) => now - since >= TYPING_AFTER && now - since < TYPING_UNTIL,
    );
    if (slow && this.view.typing.hidden) setTimeout(() => this.#showTyping(), TYPING_UNTIL);
    this.view.showTyping(slow && !held);
  }

  #showWho() {
    this.view.showPresence(presence(this.#transcript.items));
  }
}

function newId() {
  if (crypto.randomUUID) return crypto.randomUUID(); // absent on plain http beyond localhost
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
