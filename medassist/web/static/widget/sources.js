// The sources of an answer, folded under it.

import { element, forEars } from "./dom.js";
import { day } from "./moments.js";

export function sourcesOf(sources, review, strings) {
  const newest = sources.map((source) => source.checked || "").sort().at(-1);
  const count = strings.sources(sources.length);
  const checked = (date) => strings.checked(day(date, strings.locale));
  return element(
    "details",
    { class: "sources" },
    element(
      "summary",
      {},
      element(
        "span",
        { class: "sources-label" },
        element("b", {}, newest ? `${count}, ${checked(newest)}` : count),
        review && element("small", {}, strings.review(review)),
      ),
    ),
    element(
      "ul",
      {},
      ...sources.map((source) =>
        element(
          "li",
          {},
          titleOf(source, strings),
          element(
            "small",
            {},
            [source.publisher, source.checked && checked(source.checked)].filter(Boolean).join(", "),
          ),
        ),
      ),
    ),
  );
}

function titleOf({ title, publisher, url }, strings) {
  const words = title || publisher || url;
  if (!/^https?:\/\//i.test(url || "")) return words;
  const attributes = { href: url, target: "_blank", rel: "noopener noreferrer" };
  return element("a", attributes, words, forEars(strings.newTab));
}
