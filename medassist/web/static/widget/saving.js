// Files made in the browser: the chat, and the receipt of its deletion.

import { element } from "./dom.js";
import { day, full } from "./moments.js";

/** The whole chat as text: who, when, their words, and the sources. */
export function chatAsText(messages, { clinic, strings }) {
  const head = [
    strings.fileHeading(clinic),
    strings.saved(full(new Date(), strings.locale)),
    strings.notAdvice,
  ];
  return `${[head.join("\n"), ...messages.map((said) => entry(said, strings))].join("\n\n")}\n`;
}

function entry({ who, text, at, state, custom = {} }, strings) {
  let name = strings.botIs;
  if (who === "person") name = strings.you;
  else if (custom.staff?.name && !custom.handover) name = strings.staffIs(custom.staff.name);
  const lost = { unsent: strings.unsent, failed: strings.unanswered }[state];
  const moment = full(at, strings.locale);
  const lines = [`${moment ? `[${moment}] ` : ""}${name}${lost ? ` (${lost})` : ""}:`, text];
  for (const source of Array.isArray(custom.sources) ? custom.sources : []) {
    const checked = source.checked && strings.checked(day(source.checked, strings.locale));
    lines.push(`  - ${[source.title, source.publisher, source.url, checked].filter(Boolean).join(", ")}`);
  }
  return lines.join("\n");
}

/** The receipt as text. */
export function receiptAsText({ text, at }, { clinic, strings }) {
  return `${[strings.receipt, clinic, full(at, strings.locale), at, "", text]
    .filter((line) => line !== null && line !== undefined)
    .join("\n")}\n`;
}

/** Hand a text to the person as a file. */
export function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
