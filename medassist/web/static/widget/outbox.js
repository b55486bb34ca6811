// Messages that nothing shows to have arrived. They outlive a reload.

import { storage } from "./front-door.js";

const NAME = "medassist.unsent";

export class Outbox {
  get messages() {
    try {
      const kept = JSON.parse(storage.get(NAME) ?? "[]");
      return Array.isArray(kept) ? kept : [];
    } catch {
      return [];
    }
  }

  has(id) {
    return this.messages.some((message) => message.id === id);
  }

  keep({ id, text, at }) {
    if (!this.has(id)) this.#write([...this.messages, { id, text, at }]);
  }

  drop(id) {
    if (this.has(id)) this.#write(this.messages.filter((message) => message.id !== id));
  }

  clear() {
    this.#write([]);
  }

  #write(messages) {
    storage.set(NAME, messages.length ? JSON.stringify(messages) : null);
  }
}
