"""Repair of misspelt danger words, and of nothing else.

A word that is neither a word of the safety files nor an ordinary English word is compared with
the danger words: one slip (a letter missing, added, wrong, or two swapped) in a word of three
to seven letters, two in a longer one. Ordinary words are guarded: "skilled" is never "killed".
Only deletions of the danger words are kept in the index (the SymSpell method), so that
looking a word up costs the same however many danger words there are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from rapidfuzz.distance import OSA

SHORTEST_BY_EAR = 5
SOUNDS = (
    ("ph", "f"), ("gh", ""), ("ck", "k"), ("sch", "sk"), ("ce", "se"), ("ci", "si"), ("cy", "si"),
    ("tion", "shun"), ("sion", "shun"), ("ss", "s"), ("x", "ks"), ("q", "k"), ("c", "k"),
    ("z", "s"), ("dg", "j"), ("th", "t"),
)  # fmt: skip
"""How letters are heard; the first that fit are put in the place of the written ones."""
SHORTEST_REPAIRED = 3
TWO_SLIPS_FROM = 8
MOST_KEPT = 20_000
MOST_CANDIDATES = 4
RUN_TOGETHER_NOT = {
    "cant": "cannot",
    "icant": "cannot",
    "couldnt": "couldnt",
    "wont": "wont",
    "dont": "dont",
}
LEET = str.maketrans(
    {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "@": "a", "$": "s", "!": "i"}
)
STARRED = re.compile(r"[*#]+")
LONG_RUN = re.compile(r"(.)\1{2,}")


def _shorter(word: str, slips: int) -> set[str]:
    """`word` and everything left of it after up to `slips` letters are taken out."""
    forms, ring = {word}, {word}
    for _ in range(slips):
        ring = {w[:i] + w[i + 1 :] for w in ring for i in range(len(w))}
        forms |= ring
    return forms


def sound(word: str) -> str:
    """The consonants of a word as they are heard; vowels only at the start."""
    for written, heard in SOUNDS:
        word = word.replace(written, heard)
    if not word:
        return ""  # silent letters only ("ghgh")
    start = "a" if word[0] in "aeiouy" else word[0]
    rest = re.sub(r"[aeiouyhw]", "", word[1:])
    return start + re.sub(r"(.)\1+", r"\1", rest)


def slips_allowed(word: str) -> int:
    """How many slips a word of this length is forgiven."""
    if len(word) < SHORTEST_REPAIRED:
        return 0
    return 2 if len(word) >= TWO_SLIPS_FROM else 1


class Speller:
    """Reads a word as the danger word it was meant to be, if it was."""

    def __init__(
        self,
        danger_words: Collection[str],
        ordinary_words: Collection[str],
        written: Mapping[str, tuple[tuple[str, ...], ...]],
    ) -> None:
        self._danger = frozenset(danger_words)
        self._ordinary = frozenset(ordinary_words)
        self._written = dict(written)
        self._index: dict[str, list[str]] = {}
        for word in sorted(self._danger):
            if word.isalpha() and word.isascii():
                for form in _shorter(word, slips_allowed(word)):
                    self._index.setdefault(form, []).append(word)
        self._by_sound: dict[str, tuple[str, ...]] = {}
        for word in sorted(self._danger):
            if len(word) >= SHORTEST_BY_EAR and word.isalpha():
                key = sound(word)
                self._by_sound[key] = (*self._by_sound.get(key, ()), word)[:MOST_CANDIDATES]
        self._kept: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._near: dict[str, tuple[str, ...]] = {}

    def is_known(self, word: str) -> bool:
        """Whether the word is a danger word or an ordinary one, as it stands."""
        return word in self._danger or word in self._ordinary

    def is_danger_word(self, word: str) -> bool:
        """Whether some phrase of the safety files contains the word."""
        return word in self._danger

    def read(self, word: str) -> tuple[tuple[str, ...], ...]:
        """What a word stands for: the words it is written for, each with its candidate forms.

        `wanna` gives `((want,), (to,))`; `seziure` gives `((seizure,),)`; a word that is not
        to be touched gives itself.
        """
        kept = self._kept.get(word)
        if kept is None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            kept = self._kept[word] = self._read(word)
        return kept

    def _read(self, word: str) -> tuple[tuple[str, ...], ...]:
        if not any(character.isalpha() for character in word):
            return ((word,),)
        for form in self._plain_forms(word):
            if form in self._written:
                return self._written[form]
            if self.is_known(form):
                return ((form,),)
        stripped = LONG_RUN.sub(r"\1", word)
        if not stripped.isalpha():
            return ((word,),)
        if stripped.endswith("in") and stripped + "g" in self._danger:
            return ((stripped + "g",),)
        near = self.near(stripped)
        if near and OSA.distance(stripped, near[0]) == 1:
            return (near,)
        halves = self._run_together(stripped)
        if halves:
            return tuple((half,) for half in halves)
        near = near or self._sounds_like(stripped)
        return (near,) if near else ((word,),)

    def _plain_forms(self, word: str) -> Iterable[str]:
        """The word without drawn-out letters, digits for letters, and starred-out vowels."""
        yield word
        if LONG_RUN.search(word):
            yield LONG_RUN.sub(r"\1\1", word)
            yield LONG_RUN.sub(r"\1", word)
        if not word.isalpha():
            leet = word.translate(LEET)
            # A word with a digit in it, not a number with a letter: "50s" is no "sos".
            if leet.isalpha() and 2 * sum(c.isdigit() for c in word) <= len(word):
                yield leet
            if STARRED.search(word):
                for vowel in "aeiou":
                    starred = STARRED.sub(vowel, word)
                    if starred in self._danger:
                        yield starred

    def _run_together(self, word: str) -> tuple[str, ...]:
        """`cantbreathe` as two danger words, if it is two of at least three letters each."""
        if not 7 <= len(word) <= 24:
            return ()
        for cut in range(3, len(word) - 2):
            first, second = word[:cut], word[cut:]
            first_words = tuple(forms[0] for forms in self._written.get(first, ((first,),)))
            if first in RUN_TOGETHER_NOT:
                first_words = (RUN_TOGETHER_NOT[first],)
            if all(w in self._danger for w in first_words) and second in self._danger:
                return (*first_words, second)
        return ()

    def _sounds_like(self, word: str) -> tuple[str, ...]:
        """Danger words that a longer word may be written for by ear: `anafilaksis`."""
        key = sound(word)
        most = 2 if len(key) < 4 else 3
        if len(word) < SHORTEST_BY_EAR or len(key) < 3:
            return ()
        return tuple(w for w in self._by_sound.get(key, ()) if OSA.distance(w, word) <= most)

    def is_guess(self, word: str) -> bool:
        """Whether `read` has more than one candidate for a misspelt word."""
        parts = self.read(word)
        return len(parts) == 1 and len(parts[0]) > 1 and word not in self._written

    def near(self, word: str) -> tuple[str, ...]:
        """The danger words that `word` may have been meant for, nearest first; at most four."""
        found = self._near.get(word)
        if found is not None:
            return found
        allowed = slips_allowed(word)
        scored: list[tuple[int, bool, bool, str]] = []
        if allowed and len(word) <= 20:
            seen: set[str] = set()
            for form in _shorter(word, allowed):
                for danger in self._index.get(form, ()):
                    if danger in seen:
                        continue
                    seen.add(danger)
                    slips = OSA.distance(word, danger)
                    same_start = word[0] == danger[0]
                    if slips <= min(allowed, slips_allowed(danger)) and (
                        same_start or (slips < 2 and len(word) > 3)
                    ) and len(danger) > 3:  # fmt: skip
                        scored.append((slips, not same_start, len(danger) < len(word), danger))
        scored.sort()
        best = tuple(s[3] for s in scored if s[0] == scored[0][0])[:MOST_CANDIDATES]
        if len(self._near) >= MOST_KEPT:
            self._near.clear()
        self._near[word] = best
        return best
