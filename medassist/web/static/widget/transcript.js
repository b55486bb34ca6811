// What was said, each thing once, in order. Knows nothing of the page.

const PUSHED = "pushed."; // a reply that answers no message
const UNNAMED = "pushed.unnamed-"; // one that the history numbers later; others keep their id

/** The id of the message that a reply answers. */
export function answeredBy(reply) {
  return reply.custom?.message ?? reply.id.slice(0, reply.id.lastIndexOf("."));
}

/** What staff said has an id of its own, the same live and in the history. */
export function withOwnId(message) {
  const id = message.custom?.staff?.id;
  return id ? { ...message, id: PUSHED + id } : message;
}

/** Who has the conversation: {who: "bot" | "asked" | "staff", name}. */
export function presence(items) {
  let now = { who: "bot" };
  for (const { custom } of items) {
    if (custom?.handover === "ended") now = { who: "bot" };
    else if (custom?.handover === "began" || custom?.staff?.id) {
      now = { who: "staff", name: custom.staff?.name };
    } else if (custom?.staff === "requested" && now.who === "bot") now = { who: "asked" };
  }
  return now;
}

export class Transcript {
  items = [];

  get(id) {
    return this.items.find((item) => item.id === id);
  }

  /** Add what was just said. False if it is there already. */
  append(item) {
    if (this.get(item.id)) return false;
    this.items.push(item);
    return true;
  }

  /**
   * Bring in the history. What is there stays where it is; what is missing goes behind the
   * message that comes before it. Returns the new ones with the item each has to stand before,
   * and the ids that pushed replies have got since.
   */
  merge(history) {
    const added = [];
    const renamed = [];
    const stored = new Set(history.map((said) => said.id));
    let place = 0; // where the next missing one belongs
    for (const said of history) {
      const known = this.get(said.id) ?? this.#pushedTwin(said, stored);
      if (known) {
        if (known.id !== said.id) renamed.push({ from: known.id, to: said.id });
        known.id = said.id;
        place = this.items.indexOf(known) + 1;
      } else {
        added.push({ item: said, before: this.items[place] ?? null });
        this.items.splice(place, 0, said);
        place += 1;
      }
    }
    return { added, renamed };
  }

  remove(id) {
    this.items = this.items.filter((item) => item.id !== id);
  }

  clear() {
    this.items = [];
  }

  /** A reply that was pushed without an id of its own and is numbered by the history. */
  #pushedTwin(said, stored) {
    if (said.who !== "bot" || said.custom?.staff?.id) return undefined;
    return this.items.find(
      (item) => item.id.startsWith(UNNAMED) && !stored.has(item.id) && item.text === said.text,
    );
  }
}
