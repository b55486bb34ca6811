// The page's side of the front door: one conversation's key, messages in, events out.

const KEY = "medassist.conversation";
const SEND_SECONDS = 15;
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

/** localStorage, or memory where the browser does not allow it. */
export const storage = (() => {
  const memory = new Map();
  return {
    get(name) {
      try {
        return localStorage.getItem(name) ?? memory.get(name) ?? null;
      } catch {
        return memory.get(name) ?? null;
      }
    },
    set(name, value) {
      memory.delete(name);
      try {
        if (value === null) localStorage.removeItem(name);
        else localStorage.setItem(name, value);
      } catch {
        if (value !== null) memory.set(name, value);
      }
    },
  };
})();

export class FrontDoor {
  #beginning = null;

  constructor(base = "") {
    this.base = base;
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

  async send({ id, text }) {
    await this.#json("/chat/messages", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ id, text }),
    });
  }

  async history() {
    return (await this.#json("/chat/history")).messages;
  }

  /** Yields {kind: "open"}, then {kind: "message" | "reply", message} until the stream ends. */
  async *events(signal) {
    const watch = new AbortController();
    let timer;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => watch.abort(), SILENT_SECONDS * 1000);
    };
    try {
      alive();
      const response = await this.#fetch("/chat/events", {
        signal: AbortSignal.any([signal, watch.signal]),
      });
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
    let response;
    try {
      response = await fetch(this.base + path, { cache: "no-store", ...options, headers });
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
