// What was said, each thing once, in order. Knows nothing of the page.

const UNNAMED = "pushed.unnamed-"; // a reply that the history numbers later; others keep their id

/** The id of the message that a reply answers. */
export function answeredBy(reply) {
  return reply.custom?.message ?? reply.id.slice(0, reply.id.lastIndexOf("."));
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
    let place = 0; // where the next missing one belongs
    for (const said of history) {
      const known = this.get(said.id) ?? this.#pushedTwin(said);
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

  #pushedTwin(said) {
    return this.items.find(
      (item) => item.id.startsWith(UNNAMED) && said.who === "bot" && item.text === said.text,
    );
  }
}
