"""Recognise the names of medicines in what a person typed: brands, generics, misspellings.

A name is looked up word by word in the lexicon. A word that is neither a name nor English may be
a misspelling: it is repaired to the one medicine it is near, and to none when two are similarly
near, because an answer about the wrong medicine is worse than a question back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from medassist.medicines.lexicon import Entry, Lexicon, Repairs, Word, read_lexicon, read_words

# Short forms of salts on labels.
_SHORT = {"succ": "succinate", "tart": "tartrate", "pot": "potassium"}

_LONGEST = 6  # words of a name


@dataclass(frozen=True)
class Mention:
    """A name in a message. `generic` is "" when it is unclear which medicine is meant."""

    start: int  # character offsets in the message
    end: int
    text: str  # as written
    name: str  # the name meant, spelling repaired, lower case
    generic: str  # the generic name, or names joined with "/"; the class of a class
    kind: str  # medicine, class or substance
    exact: bool  # False when the spelling was repaired, or could not be


class MedicineNames:
    """Finds names in messages; made once, then only read."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon, self._lists = lexicon, lexicon.words
        self._repairs = Repairs(lexicon)
        self._glued = {
            key.replace(" ", ""): key
            for key in lexicon.entries
            if " " in key and key.replace(" ", "").isalpha() and len(key) > 6
        }
        self._first: dict[str, int] = {}  # words of the longest name that starts with a word
        for key in lexicon.entries:
            parts = key.split(" ")
            length = min(len(parts), _LONGEST)
            self._first[parts[0]] = max(length, self._first.get(parts[0], 0))
        self._parts = frozenset(part for key in lexicon.entries for part in key.split(" "))

    @classmethod
    def load(cls, folder: Path, extra: Mapping[str, str] | None = None) -> MedicineNames:
        """Read `folder` (data/names). `extra`, name to generic, wins over every other source."""
        return cls(read_lexicon(folder, extra or {}))

    def find(self, text: str) -> list[Mention]:
        """The names in `text`, in order of appearance, not overlapping."""
        words = read_words(text)
        medical = len(words) < 3 or self._talks_of_medicines(words)
        repaired, unclear = self._repair(words, medical)
        found: list[tuple[Mention, str]] = []
        at = 0
        while at < len(words):
            if at in unclear:
                word = words[at]
                typed = text[word.start : word.end]
                unknown = Mention(word.start, word.end, typed, word.form, "", "medicine", False)
                found.append((unknown, ""))
                at += 1
                continue
            match = self._match(text, words, repaired, at)
            if match is None:
                at += 1
                continue
            key, entry, end, exact = match
            start_at, at = at, end
            span = (words[start_at].start, words[end - 1].end)
            if entry.kind == "thing" or self._doubtful(key, words, start_at, end):
                continue
            mention = Mention(
                *span, text[slice(*span)], entry.name, entry.generic, entry.kind, exact
            )
            found.append((mention, key))
        return self._in_context(found, words, medical)

    def unknown(self, text: str) -> list[Mention]:
        """Words that are neither names nor English, nor near either: perhaps a new medicine.

        They matter where no name was found: a question about "zorbalinex" must not be answered
        about the medicine the conversation was on.
        """
        return [
            Mention(w.start, w.end, text[w.start : w.end], w.form, "", "medicine", False)
            for w in read_words(text)
            if len(w.form) >= 5
            and w.form.isalpha()
            and w.form not in self._parts
            and w.form not in self._lexicon.ordinary
            and not self._repairs.is_near_english(w.form)
        ]

    def mask(self, text: str, mentions: Iterable[Mention]) -> str:
        """`text` with "medicine" in the place of every medicine, for the classifier."""
        for mention in sorted(mentions, key=lambda m: m.start, reverse=True):
            if mention.kind == "medicine":
                text = f"{text[: mention.start]}medicine{text[mention.end :]}"
        return text

    def _repair(self, words: list[Word], medical: bool) -> tuple[dict[int, str], set[int]]:
        """Misspelt words by index: what each means, and which ones could mean two medicines."""
        repaired: dict[int, str] = {}
        unclear: set[int] = set()
        for index, word in enumerate(words):
            form = word.form
            if len(form) < 5 or form in self._parts or form.removesuffix("s") in self._parts:
                continue
            if form in self._glued or form in self._lists["medical"]:
                continue
            if form in self._lexicon.ordinary:
                if [w.form[:2] for w in words[index + 2 : index + 3]] in (["mg"], ["mc"]):
                    meant = self._repairs.beside_strength(form)
                    if meant is not None:
                        repaired[index] = meant
                continue
            taken = any(
                earlier.form in self._lists["take"] for earlier in words[max(0, index - 3) : index]
            )
            meant = self._repairs.meant(form, medical or taken)
            if meant == "":
                unclear.add(index)
            elif meant is not None:
                repaired[index] = meant
        return repaired, unclear

    def _match(
        self, text: str, words: list[Word], repaired: dict[int, str], at: int
    ) -> tuple[str, Entry, int, bool] | None:
        """The longest name that starts at word `at`: key, entry, end (a word index), exact."""
        entries = self._lexicon.entries
        first = repaired.get(at, words[at].form)
        longest = min(
            max(self._first.get(first, 0), self._first.get(first.removesuffix("s"), 0), 1),
            len(words) - at,
        )
        for length in range(longest, 0, -1):
            if not _joined(text, words, at, at + length):
                continue
            forms = [repaired.get(i, words[i].form) for i in range(at, at + length)]
            key = " ".join(forms)
            if key not in entries and len(key) > 4:  # "ibuprofens", "thera tab"
                key = key.removesuffix("s") if key.endswith("s") else f"{key}s"
            entry = entries.get(key)
            if entry is None:
                continue
            if (
                entry.tight
                and not all(
                    text[words[i].end : words[i + 1].start].strip()
                    for i in range(at, at + length - 1)
                )
                and entry.name.count("/") + 1 == length
            ):
                continue
            if length > 1 and _is_count(text, words, at + length - 1, self._lists["counted"]):
                continue
            exact = not any(i in repaired for i in range(at, at + length))
            return self._with_suffix(text, words, key, entry, at + length, exact)
        return self._match_glued(text, words, at)

    def _match_glued(
        self, text: str, words: list[Word], at: int
    ) -> tuple[str, Entry, int, bool] | None:
        """A name written with a space too few ("breoellipta") or too many ("nano silver")."""
        entries, ordinary = self._lexicon.entries, self._lexicon.ordinary
        form = words[at].form
        if form in self._glued:
            key = self._glued[form]
            return self._with_suffix(text, words, key, entries[key], at + 1, True)
        if at + 1 < len(words) and _joined(text, words, at, at + 2):
            second = words[at + 1].form
            key = form + second
            both_english = form in ordinary and second in ordinary
            if len(key) >= 7 and len(form) > 1 and key in entries and not both_english:
                return self._with_suffix(text, words, key, entries[key], at + 2, True)
        return None

    def _with_suffix(
        self, text: str, words: list[Word], key: str, entry: Entry, end: int, exact: bool
    ) -> tuple[str, Entry, int, bool]:
        """The match with its salt and release form, which may make another name of it."""
        if entry.kind == "medicine":
            while end < len(words) and _joined(text, words, end - 1, end + 1):
                form = _SHORT.get(words[end].form, words[end].form)
                if form not in self._lists["salts"]:
                    break
                salted = f"{key} {form}"
                if salted in self._lexicon.entries:
                    key, entry = salted, self._lexicon.entries[salted]
                end += 1
        return key, entry, end, exact

    def _talks_of_medicines(self, words: list[Word]) -> bool:
        medical = self._lists["medical"]
        pairs = (f"{one.form} {two.form}" for one, two in pairwise(words))
        return any(word.form in medical for word in words) or any(map(medical.__contains__, pairs))

    def _doubtful(self, key: str, words: list[Word], start: int, end: int) -> bool:
        """Whether the name is a person's or a thing's here: no form or strength beside it."""
        if key not in self._lists["needs_form"] or key in self._lexicon.certain:
            return False
        if start and words[start - 1].form in self._lists["take"]:
            return False
        if any(word.form in self._lists["birth_control"] for word in words):
            return False
        beside = words[max(0, start - 2) : start] + words[end : end + 2]
        return not any(word.form in self._lists["forms"] or word.form.isdigit() for word in beside)

    def _in_context(
        self, found: list[tuple[Mention, str]], words: list[Word], medical: bool
    ) -> list[Mention]:
        """Leave out everyday words where nothing in the message speaks of medicines."""
        everyday = self._lists["needs_context"] - self._lexicon.certain
        sure = medical or any(key not in everyday and m.kind != "substance" for m, key in found)
        taken = {
            follower.start
            for i, word in enumerate(words)
            if word.form in self._lists["take"]
            for follower in words[i + 1 : i + 4]
        }
        return [m for m, key in found if sure or key not in everyday or m.start in taken]


def _joined(text: str, words: list[Word], start: int, end: int) -> bool:
    """Whether only spaces and joining marks stand between the words `start` to `end`."""
    for left, right in pairwise(words[start:end]):
        gap = text[left.end : right.start]
        if len(gap) > 3 or not all(c in " -/+.®™'" or c == "\u00a0" for c in gap):
            return False
    return True


def _is_count(text: str, words: list[Word], last: int, counted: frozenset[str]) -> bool:
    """Whether the number that ends a name is rather a count or a strength ("tylenol 3 times")."""
    word = words[last]
    if not word.form.isdigit() or text[word.start - 1] not in " ":
        return False
    if (
        text[word.end : word.end + 1] in ("-", "/", ".", "%")
        and text[word.end + 1 : word.end + 2].isdigit()
    ):
        return True
    following = [word.form for word in words[last + 1 : last + 3]]
    if following[:1] in (["or"], ["to"]):  # "tylenol 3 or 4 times", but "tylenol 3 or codeine"
        return following[-1].isdigit()
    return bool(following) and following[0] in counted
