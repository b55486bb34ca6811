"""Numbers in words and digits: "12", "1,000", "1/2", "one and a half", "two hundred", "10-15"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .text import Text

TENS = frozenset({20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0})
RANGE_MARKS = frozenset({"-", "–", "—", "/", "~"})
RANGE_WORDS = frozenset({"to", "or", "and"})


@dataclass(frozen=True)
class Number:
    """A number that the words `first` up to `last` say; of a range the higher end."""

    value: float
    first: int
    last: int


def digits(word: str) -> float | None:
    """The value of "12", "2.5" or "1,000"; None for anything else."""
    if not word[0].isdigit():
        return None
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", word):
        return float(word.replace(",", ""))
    if re.fullmatch(r"\d+([.,]\d+)?", word):
        return float(word.replace(",", ".")) if len(word) < 12 else None
    return None


def _between(text: Text, first: int) -> str:
    """The characters between the words `first` - 1 and `first`."""
    return text.original[text.words[first - 1].end : text.words[first].start].strip()


def _one(text: Text, at: int, words: Mapping[str, float]) -> Number | None:
    """The number that starts at word `at`."""
    plain = [w.plain for w in text.words[at : at + 8]]
    value = digits(plain[0])
    count = len(plain)
    if value is not None:
        last = at + 1
        if count > 1 and _between(text, last) in ("/", "⁄") and (below := digits(plain[1])):
            if value < below <= 8:
                return Number(value / below, at, last + 1)
        if text.original[text.words[at].start : text.words[at].end] in "½¼¾":
            return Number(
                {"½": 0.5, "¼": 0.25, "¾": 0.75}[text.original[text.words[at].start]], at, at + 1
            )
        if count > 3 and plain[1:4] == ["and", "a", "half"]:
            return Number(value + 0.5, at, at + 4)
        if count > 1 and plain[1] == "dozen":
            return Number(value * 12, at, at + 2)
        return Number(value, at, last)
    if plain[0] not in words:
        if (
            plain[0] in ("a", "an")
            and count > 1
            and plain[1] in ("couple", "dozen", "few", "hundred", "half", "pair")
        ):
            return Number(words[plain[1]], at, at + (3 if count > 2 and plain[2] == "of" else 2))
        return None
    if plain[0] in ("ones", "twos", "double", "triple", "quadruple"):
        return None
    value, last = words[plain[0]], at + 1
    if value in TENS and count > 1 and 0 < words.get(plain[1], 0) < 10 and words[plain[1]] >= 1:
        value, last = value + words[plain[1]], last + 1
    if last - at < count and plain[last - at] == "hundred":
        value, last = value * 100, last + 1
        rest = last - at
        if rest < count and plain[rest] == "and":
            rest += 1
        if rest < count and plain[rest] in words and words[plain[rest]] >= 1:
            value, last = value + words[plain[rest]], at + rest + 1
            if (
                words[plain[rest]] in TENS
                and rest + 1 < count
                and 1 <= words.get(plain[rest + 1], 0) < 10
            ):
                value, last = value + words[plain[rest + 1]], last + 1
    if last - at < count and plain[last - at] == "dozen":
        value, last = value * 12, last + 1
    rest = last - at
    if plain[rest : rest + 3] == ["and", "a", "half"]:
        value, last = value + 0.5, last + 3
    elif (
        plain[0] in ("half", "quarter") and plain[rest : rest + 1] in (["a"], ["of"], ["an"])
    ) or (
        plain[0] in ("couple", "few", "several", "dozen", "dozens", "pair")
        and plain[rest : rest + 1] == ["of"]
    ):
        last += 1
    return Number(value, at, last)


def numbers(text: Text, words: Mapping[str, float]) -> list[Number]:
    """Every number of the message, in order; a range ("10-15", "two or three") is one number."""
    found: list[Number] = []
    at = 0
    while at < len(text.words):
        number = _one(text, at, words)
        if number is None:
            at += 1
            continue
        last = number.last
        if last < len(text.words):
            joined = text.words[last].plain in RANGE_WORDS and last + 1 < len(text.words)
            dashed = _between(text, last) in RANGE_MARKS
            other = (
                _one(text, last + 1, words)
                if joined
                else _one(text, last, words)
                if dashed
                else None
            )
            linked = text.words[last].plain != "and" or (
                at > 0 and text.words[at - 1].plain == "between"
            )
            if other and other.value > number.value >= 1 and (dashed or linked):
                number = Number(other.value, number.first, other.last)
        found.append(number)
        at = number.last
    return found
