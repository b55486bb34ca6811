"""A message as words: normal spelling, with the place of each word in the original text.

Case, accents, curly quotes, emoji, "can t" / "cant" / "can not", drawn-out letters and
misspelt danger words are read as one plain form, so that every rule is written once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from .spelling import Speller

LONGEST_READ = 5_000
"""Characters that are read: of a longer text its head and its tail."""
MEDICINE = "@medicine"
"""The form that every recognised medicine name has, beside its own."""
UNKNOWN = "@unknown"
"""The form of a word that is neither ordinary nor a danger word: often a medicine's name."""

PIECE = re.compile(
    r"(?P<word>[a-z0-9]+(?:[*#@$!]+[a-z0-9]+)+|[a-z0-9]*[a-z][a-z0-9]*(?:'[a-z]+)*)"
    r"|(?P<number>\d+(?:[.,]\d+)*)"
    r"|(?P<mark>[^a-z0-9\s]+)|(?P<line>\n+)"
)

NOT = {
    "can": "cannot", "ca": "cannot", "do": "dont", "does": "doesnt", "did": "didnt",
    "is": "isnt", "are": "arent", "was": "wasnt", "were": "werent", "has": "hasnt",
    "have": "havent", "had": "hadnt", "could": "couldnt", "would": "wouldnt",
    "should": "shouldnt", "will": "wont", "wo": "wont", "must": "mustnt", "need": "neednt",
    "ai": "aint",
}  # fmt: skip
BARE_NOT = {
    **{f"{verb}not": joined for verb, joined in NOT.items()},
    **{joined: joined for joined in NOT.values()},
    "cant": "cannot",
}
ENDINGS = {"m": "am", "re": "are", "ve": "have", "ll": "will", "d": "would"}
SPOKEN_DIGITS = {"2": ("2", "to"), "4": ("4", "for"), "b": ("b", "be"), "y": ("y", "why")}
"""Digits and letters typed for words: "want 2 die"."""
OVERDOSED = frozenset({"odd", "ods", "oding", "oded"})
"""What "ODd", "ODs", "ODing" become in lower case; only capitals tell them from "odd"."""
S_IS_IS = frozenset(
    "he she it that what who there where how when here everyone everything someone something "
    "nobody this why".split()
)
RUN_ON = {
    "im": ("i", "am"), "ive": ("i", "have"), "hes": ("he", "is"), "shes": ("she", "is"),
    "whats": ("what", "is"), "thats": ("that", "is"), "theres": ("there", "is"),
    "youre": ("you", "are"), "theyre": ("they", "are"), "theyve": ("they", "have"),
    "weve": ("we", "have"), "youve": ("you", "have"), "wheres": ("where", "is"),
    "hows": ("how", "is"), "whos": ("who", "is"),
}  # fmt: skip


class Mention(Protocol):
    """A recognised medicine name; anything with these three will do."""

    start: int
    end: int
    generic: str


@dataclass(frozen=True)
class Word:
    """One word: its plain form first, then other forms it may stand for; its original place.

    `sure` are the forms that may set a sign aside: of a misspelt word that may stand for
    several others, only itself. "the showr" may be a shower, but is no television show.
    """

    forms: tuple[str, ...]
    start: int
    end: int
    sure: tuple[str, ...] = ()

    @property
    def plain(self) -> str:
        """The most likely plain form."""
        return self.forms[0]


@dataclass(frozen=True)
class Text:
    """The words of a message and what stands before each: "", ",", "." or "?".

    `before` has one more member than `words`: what stands after the last one.
    """

    original: str
    words: tuple[Word, ...]
    before: tuple[str, ...]

    @property
    def sentence_starts(self) -> list[bool]:
        """Whether a sentence ends before each word."""
        return [mark in (".", "?") for mark in self.before[:-1]]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Where the words `first` up to, not including, `last` stand in the original text."""
        return self.words[first].start, self.words[last - 1].end


def cut(text: str) -> str:
    """`text` with the middle of an over-long one blanked, so that places stay where they are."""
    if len(text) <= LONGEST_READ:
        return text
    half = LONGEST_READ // 2
    return text[:half] + "\n" * (len(text) - 2 * half) + text[-half:]


def _plain(text: str, emoji: Mapping[str, str]) -> tuple[str, Sequence[int] | None]:
    """Lower-case text without accents, and for each character its place in `text`.

    The places are None when nothing moved (plain ASCII).
    """
    if text.isascii():
        return text.lower().replace("`", "'"), None
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if character in "‘’‛ʼ´′＇`":
            plain = "'"
        elif character in emoji:
            plain = f" {emoji[character]} "
        elif character in "–—":
            plain = " - "
        elif character == "…":
            plain = "..."
        elif unicodedata.category(character) in ("Cf", "Mn", "Me", "Sk"):
            plain = ""
        else:
            plain = "".join(
                c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c)
            ).lower()
            if not plain.isascii():
                plain = HOMOGLYPHS.get(plain, " ")
            plain = plain.replace("\u2044", "/")
            if unicodedata.category(character) == "No" and "/" in plain:
                plain = f" {plain}"
        characters.append(plain)
        places.extend([place] * len(plain))
    return "".join(characters), places


HOMOGLYPHS = dict(zip("аеорсухіѕјηοα", "aeopcyxisjnoa"))
"""Cyrillic and Greek letters that look Latin."""


def _mark(text: str) -> str:
    """What a run of punctuation does: ends a sentence, asks, separates, or nothing."""
    if "?" in text:
        return "?"
    if set(text) & {".", "!", ";"}:
        return "," if text.startswith("..") else "."
    if set(text) & set(',:()[]{}"“”') or "--" in text:
        return ","
    return ""


def _without_panting(before: list[str]) -> tuple[str, ...]:
    """Full stops between fragments of one or two words become commas: "Help. Can't. Breathe"."""
    ends = [0, *(i for i in range(1, len(before)) if before[i] in (".", "?")), len(before) - 1]
    marks = list(before)
    for previous, end, following in zip(ends, ends[1:], ends[2:]):
        if before[end] == "." and end - previous <= 2 and 0 < following - end <= 2:
            marks[end] = ","
    return tuple(marks)


_STRENGTH = {"": 0, ",": 1, ".": 2, "?": 3}


class Reader:
    """Makes a `Text` of a message."""

    def __init__(
        self,
        speller: Speller,
        emoji: Mapping[str, str],
        ranges: Mapping[str, Sequence[tuple[float, float]]],
    ) -> None:
        self._speller, self._emoji = speller, dict(emoji)
        self._ranges = [
            (f"@{name}", low, high) for name, spans in ranges.items() for low, high in spans
        ]

    def phrase_words(self, word: str) -> list[str]:
        """A word of a safety file as the reader would read it in a message, unrepaired."""
        return [form for form, _, _ in _split(word, 0, len(word))]

    def read(self, text: str, mentions: Sequence[Mention] = ()) -> Text:
        """Read a message. `mentions` are medicine names, which are not repaired."""
        plain, places = _plain(text, self._emoji)
        pieces: list[tuple[str, int, int]] = []
        marks: dict[int, str] = {}
        for found in PIECE.finditer(plain):
            start, end = found.span()
            if found.lastgroup == "number" or found.lastgroup == "word":
                pieces.extend(self._pieces(found.group(), start, end))
            else:
                mark = "." if found.lastgroup == "line" else _mark(found.group())
                if found.group() == "-" and plain[start - 1 : start] == " " == plain[end : end + 1]:
                    mark = ","
                old = marks.get(len(pieces), "")
                if _STRENGTH[mark] >= _STRENGTH[old]:
                    marks[len(pieces)] = mark
        names = [(m.start, m.end) for m in mentions]
        words: list[Word] = []
        before: list[str] = []
        at = 0
        while at < len(pieces):
            word, start, end = pieces[at]
            mark = marks.get(at, "")
            sure: tuple[str, ...] = ()
            step, parts = self._joined(pieces, marks, at)
            if step > 1:
                end = pieces[at + step - 1][2]
            place, stop = (places[start], places[end - 1] + 1) if places else (start, end)
            if any(a < stop and place < b for a, b in names):
                parts = ((word, MEDICINE),)
            elif word == "'s":
                parts = (("'s", "is"),)
            elif word in OVERDOSED and text[place : place + 2] == "OD":
                parts = (("overdosed",),)
            elif word in SPOKEN_DIGITS:
                parts = ((*SPOKEN_DIGITS[word], *self._in_ranges(word)),)
            elif word.replace(".", "").replace(",", "").isdigit():
                parts = ((word, *self._in_ranges(word)),)
            elif parts is None:
                parts = self._speller.read(word)
                if self._speller.is_guess(word):
                    sure = (word, UNKNOWN)
                if len(parts) == 1 and parts[0] == (word,) and word.isalpha() and len(word) > 3:
                    if not self._speller.is_known(word):
                        parts = ((word, UNKNOWN),)
            for forms in parts:
                words.append(Word(forms, place, stop, sure or forms))
                before.append(mark)
                mark = ""
            at += step
        before.append(marks.get(len(pieces), ""))
        return Text(text, tuple(words), _without_panting(before))

    def _in_ranges(self, word: str) -> tuple[str, ...]:
        """The named ranges that a number lies in: 40 is a @high_fever_number."""
        if not word.replace(".", "", 1).isdigit() or len(word) > 6:
            return ()
        value = float(word)
        return tuple(name for name, low, high in self._ranges if low <= value <= high)

    def _pieces(self, word: str, start: int, end: int) -> list[tuple[str, int, int]]:
        """`10mg` as two words, "he's" as two; "0verdose" stays one."""
        if word[0].isdigit() and not word.isdigit() and any(c.isalpha() for c in word):
            if not self._speller.is_danger_word(self._speller.read(word)[0][0]):
                digits = re.match(r"\d+", word)
                cut_at = digits.end() if digits else 0
                if word[cut_at:].isalpha():
                    return [(word[:cut_at], start, start + cut_at),
                            (word[cut_at:], start + cut_at, end)]  # fmt: skip
        elif word[-1].isdigit() and word[0].isalpha():
            letters = word.rstrip("0123456789")
            if letters in ("x", "mg", "tabs", "pills"):
                middle = start + len(letters)
                return [(letters, start, middle), (word[len(letters) :], middle, end)]
        return _split(word, start, end)

    def _joined(
        self, pieces: list[tuple[str, int, int]], marks: Mapping[int, str], at: int
    ) -> tuple[int, tuple[tuple[str, ...], ...] | None]:
        """Words written apart: "can not", "can t", "i m", "h e l p", "brea the"."""
        word = pieces[at][0]
        if at + 1 >= len(pieces) or marks.get(at + 1):
            return 1, None
        following = pieces[at + 1][0]
        if following in ("not", "t", "nt") and word in NOT:
            return 2, ((NOT[word],),)
        if word == "i" and following in ("m", "ve"):
            return 2, (("i",), (ENDINGS[following],))
        if word in ("he", "she", "it", "what", "that") and following == "s":
            return 2, ((word,), ("is",))
        if len(word) == 1 and len(following) == 1 and word.isalpha():
            end = at
            while end < len(pieces) and len(pieces[end][0]) == 1 and pieces[end][0].isalpha():
                end += 1
            joined = "".join(piece[0] for piece in pieces[at:end])
            if end - at >= 4 and self._speller.is_danger_word(self._speller.read(joined)[0][0]):
                return end - at, self._speller.read(joined)
        joined = word + following
        if len(joined) >= 6 and len(word) > 1 and self._speller.is_danger_word(joined):
            if not (self._speller.is_known(word) and self._speller.is_known(following)):
                return 2, ((joined,),)
        return 1, None


def _split(word: str, start: int, end: int) -> list[tuple[str, int, int]]:
    """Contractions in their plain form; the parts of one stand in the same place."""
    if "'" in word:
        head, _, tail = word.rpartition("'")
        if tail == "t" and head.endswith("n"):
            stem = head[:-1] if head != "can" else "can"
            if stem in NOT:
                return [(NOT[stem], start, end)]
        if tail in ENDINGS:
            return [(head, start, end), (ENDINGS[tail], start, end)]
        if tail == "s":
            return [(head, start, end), ("is" if head in S_IS_IS else "'s", start, end)]
        word = word.replace("'", "")
    if word in BARE_NOT:
        return [(BARE_NOT[word], start, end)]
    if word in RUN_ON:
        return [(part, start, end) for part in RUN_ON[word]]
    return [(word, start, end)]
