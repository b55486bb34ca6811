// Keeps the chat connected: history first, then the stream; after a loss again, with back-off.

import { Refused } from "./front-door.js";

const SHORTEST = 0.5;
const LONGEST = 15;
const HISTORY_AGAIN = 5;
const HIDDEN_SECONDS = 60; // a browser allows six connections: tabs out of sight give theirs back

export class Connection {
  #door;
  #on;
  #end;
  #stop = new AbortController();
  #wake = () => {};
  #tries = 0;

  /**
   * `on`: caughtUp(messages, thumbs), notCaughtUp(words), event(event), up(), down(tries),
   * hasUnsent() -> boolean. `end`: the signal that the chat is gone from its page.
   */
  constructor(door, on, end) {
    this.#door = door;
    this.#on = on;
    this.#end = end;
    addEventListener("online", () => this.poke(), { signal: end });
    let hiding;
    const seen = () => {
      clearTimeout(hiding);
      if (document.hidden) hiding = setTimeout(() => this.restart(), HIDDEN_SECONDS * 1000);
      else this.poke();
    };
    document.addEventListener("visibilitychange", seen, { signal: end });
    end.addEventListener("abort", () => this.restart());
  }

  /** Try now, if it is waiting. */
  poke() {
    this.#wake();
  }

  /** Give up the present stream (the key has changed, or the tab is out of sight). */
  restart() {
    this.#stop.abort();
    this.poke();
  }

  async run() {
    while (!this.#end.aborted) {
      if (document.hidden || (!this.#door.key && !this.#on.hasUnsent())) {
        await this.#rest(null);
        continue;
      }
      this.#stop = new AbortController();
      const { signal } = this.#stop;
      try {
        await this.#door.begin();
        await this.#catchUp(signal);
        for await (const event of this.#door.events(signal)) {
          if (event.kind === "open") {
            this.#tries = 0;
            this.#on.up();
          } else {
            this.#on.event(event);
          }
        }
      } catch (error) {
        if (error instanceof Refused && error.status === 401) this.#door.forget();
      }
      if (signal.aborted) continue;
      this.#tries += 1;
      this.#on.down(this.#tries);
      const seconds = Math.min(LONGEST, SHORTEST * 2 ** (this.#tries - 1));
      await this.#rest(seconds * (0.75 + Math.random() / 2));
    }
  }

  /** Read the history; while Rasa is away, say so and read it later, but listen meanwhile. */
  async #catchUp(signal) {
    try {
      const { messages, thumbs } = await this.#door.history();
      if (!signal.aborted) this.#on.caughtUp(messages, thumbs ?? {});
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 503) throw error;
      if (!signal.aborted) this.#on.notCaughtUp(error.message);
      setTimeout(() => {
        if (!signal.aborted) this.#catchUp(signal).catch(() => {});
      }, HISTORY_AGAIN * 1000);
    }
  }

  /** Wait some seconds (null: for ever), or until poked. */
  #rest(seconds) {
    return new Promise((resolve) => {
      const timer = seconds === null ? null : setTimeout(resolve, seconds * 1000);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
