// The widget's side of the front door: one conversation's key, messages in, events out.

const KEY = "medassist.conversation";
const SEND_SECONDS = 9; // by then the person hears that nobody answers
const SILENT_SECONDS = 40; // the front door gives a sign of life every 15 s

/** The front door said no; the message is in plain words. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Nobody answered at the front door. */
export class Unreachable extends Error {}

/** The browser's storage, or memory where the browser does not allow it. */
function storageIn(kind) {
  const memory = new Map();
  return {
    get(name) {
      try {
        return window[kind].getItem(name) ?? memory.get(name) ?? null;
      } catch {
        return memory.get(name) ?? null;
      }
    },
    set(name, value) {
      memory.delete(name);
      try {
        if (value === null) window[kind].removeItem(name);
        else window[kind].setItem(name, value);
      } catch {
        if (value !== null) memory.set(name, value);
      }
    },
  };
}

export const storage = storageIn("localStorage");
export const tabStorage = storageIn("sessionStorage");

export class FrontDoor {
  #beginning = null;

  /** `base` is the front door's address, without a slash at its end; `clinic` the page's, if any. */
  constructor(base, clinic) {
    this.base = base;
    this.clinic = clinic;
  }

  get key() {
    return storage.get(KEY);
  }

  /** Get a new key, unless this browser has one already. */
  async begin() {
    if (this.key) return;
    this.#beginning ??= this.#json("/chat/conversations", { method: "POST" })
      .then(({ key }) => storage.set(KEY, key))
      .finally(() => (this.#beginning = null));
    await this.#beginning;
  }

  forget() {
    storage.set(KEY, null);
  }

  /** Whether a change in storage (by another tab) concerns the key. */
  static isKey(name) {
    return name === KEY || name === null;
  }

  send({ id, text }) {
    return this.#post("/chat/messages", { id, text });
  }

  /** What somebody thinks of a reply: `up` is true or false, `why` a few words or nothing. */
  thumb(message, up, why) {
    return this.#post("/chat/thumbs", { message, up, why });
  }

  history() {
    return this.#json("/chat/history");
  }

  config() {
    return this.#json("/chat/config");
  }

  /** Yields {kind: "open"}, then {kind: "message" | "reply", message} until the stream ends. */
  async *events(signal) {
    const watch = new AbortController();
    signal.addEventListener("abort", () => watch.abort(), { signal: watch.signal });
    let timer;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => watch.abort(), SILENT_SECONDS * 1000);
    };
    try {
      alive();
      const response = await this.#fetch("/chat/events", { signal: watch.signal });
      yield { kind: "open" };
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ; ) {
        const { value, done } = await reader.read();
        if (done) return;
        alive();
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) {
          const event = asEvent(block);
          if (event) yield event;
        }
      }
    } catch (error) {
      if (error instanceof Refused) throw error;
      throw new Unreachable(String(error));
    } finally {
      clearTimeout(timer);
      watch.abort();
    }
  }

  #post(path, body) {
    const headers = { "Content-Type": "application/json" };
    return this.#json(path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  async #json(path, options) {
    const response = await this.#fetch(path, {
      ...options,
      signal: AbortSignal.timeout(SEND_SECONDS * 1000),
    });
    try {
      return await response.json();
    } catch {
      throw new Unreachable("not JSON");
    }
  }

  async #fetch(path, options) {
    const headers = { ...options.headers };
    if (this.key) headers["X-Conversation-Key"] = this.key;
    if (this.clinic) headers["X-Clinic"] = this.clinic;
    let response;
    try {
      response = await fetch(this.base + path, {
        cache: "no-store",
        credentials: "omit",
        referrerPolicy: "no-referrer",
        ...options,
        headers,
      });
    } catch (error) {
      throw new Unreachable(String(error));
    }
    if (response.ok) return response;
    // A refusal of ours is JSON with an error; anything else is something in between failing.
    const body = await response.json().catch(() => ({}));
    if (!body.error) throw new Unreachable(`status ${response.status}`);
    throw new Refused(body.error, response.status);
  }
}

function asEvent(block) {
  let kind = "";
  let data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) kind = line.slice(7);
    else if (line.startsWith("data: ")) data += line.slice(6);
  }
  return data ? { kind, message: JSON.parse(data) } : null;
}
