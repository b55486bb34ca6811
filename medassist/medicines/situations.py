"""Reads from a message whose situation it is about: pregnant, kidney disease, 82 years old."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from medassist.medicines.files import Situation

_PERSON = (
    r"he|she|they|i|im|who|aged|age|"
    r"mum|mom|mother|dad|father|gran|grandma|grandpa|grandson|granddaughter|"
    r"son|daughter|husband|wife|baby|kid|child"
)
_AGE = re.compile(
    r"\b(?P<age>\d{1,3})[\s-]*"
    r"(?P<unit>y(?:ea)?rs?\.?|yo|y/o|year|months?|mos?|mths?|weeks?|wks?|days?)"
    r"[\s-]*(?:old|of age)?\b"
    rf"|\b(?:{_PERSON})(?:'?s|'m|'re)?,?(?:\s+(?:is|am|are|just|turned|nearly|almost|now|about))*"
    r"\s+(?P<bare>\d{1,3})\b"
    r"(?![\s-]*(?:m?c?g\b|k?gs?\b|lbs?\b|ml\b|%|pills?|tab|x\b|times|hours?|days?|weeks?|months?|mos?\b|[./]\d))",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"\b(?:not|no|never|isn'?t|aren'?t|ain'?t|wasn'?t|weren'?t|don'?t have|without|used to be)\s+"
    r"(?:\w+\s+){0,2}$"
)
_FINE = re.compile(r"^\s+(?:are|is|were|seem)\s+(?:all\s+)?(?:fine|ok|okay|good|normal|healthy)\b")
_OLD_SUFFIX = re.compile(r"(?:old|of age|yo|y/o)$", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """A situation and the words (by character offsets) that told it."""

    situation: Situation
    start: int
    end: int


@dataclass(frozen=True)
class ToldAge:
    """An age in years and the words (by character offsets) that told it."""

    years: float
    start: int
    end: int


def told_ages(text: str) -> list[ToldAge]:
    """Every age that a message tells: "my son 6", "she is 82", "a 7 month old"."""
    return [
        ToldAge(years, match.start(), match.end())
        for match in _AGE.finditer(text.replace("\u2019", "'"))
        if (years := _years(match)) is not None
    ]


def _pattern(words: list[str]) -> re.Pattern[str]:
    parts = (
        re.escape(w).replace(r"\*", r"\w*").replace(r"\ ", r"\s+")
        for w in sorted(words, key=len, reverse=True)
    )
    return re.compile(rf"\b(?:{'|'.join(parts)})\b", re.IGNORECASE)


class Situations:
    """The recogniser, made from `data/situations.yml`."""

    def __init__(self, rules: Mapping[str, Mapping[str, Any]]) -> None:
        self._patterns = {Situation(k): _pattern(list(r["words"])) for k, r in rules.items()}
        self._ages = {Situation(k): r["age_years"] for k, r in rules.items() if "age_years" in r}

    @classmethod
    def load(cls, path: Path) -> Situations:
        """Read the file. Raises ValueError for a situation the medicine files don't know."""
        return cls(YAML(typ="safe").load(path.read_text(encoding="utf-8")))

    def find(self, text: str) -> list[Found]:
        """Each situation told in the message, once, unless it is denied."""
        found: dict[Situation, Found] = {}
        straight = text.replace("\u2019", "'")
        lower = straight.lower()
        for situation, pattern in self._patterns.items():
            for match in pattern.finditer(straight):
                denied = _NOT.search(lower[: match.start()]) or _FINE.match(lower[match.end() :])
                if not denied:
                    found.setdefault(situation, Found(situation, match.start(), match.end()))
        for age in told_ages(text):
            for situation, bounds in self._ages.items():
                if _within(age.years, bounds):
                    found.setdefault(situation, Found(situation, age.start, age.end))
                else:
                    found.pop(situation, None)
        if Situation.PREGNANT in found or Situation.BREASTFEEDING in found:
            found.pop(Situation.CHILD, None)  # "my baby" is not who takes the medicine
        return sorted(found.values(), key=lambda f: f.start)


def _years(match: re.Match[str]) -> float | None:
    """The age in years, or None where the number is a length of time ("for 3 years")."""
    if match["bare"]:
        return float(match["bare"]) if int(match["bare"]) <= 115 else None
    unit, age = match["unit"].lower(), float(match["age"])
    if not _OLD_SUFFIX.search(match[0].strip()):
        return None
    per_year = {"m": 12.0, "w": 52.0, "d": 365.0}.get(unit[0], 1.0)
    return age / per_year if age <= 115 * per_year else None


def _within(years: float, bounds: Mapping[str, float]) -> bool:
    return years >= bounds.get("from", 0) and years < bounds.get("below", float("inf"))
