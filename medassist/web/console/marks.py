"""A patient's words with the dangerous ones marked, and the assessment in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from medassist.triage.findings import Assessment, Finding, TakenAmount

CONTEXT_WORDS = {
    "asserted": "it happens",
    "negated": "they say no",
    "hypothetical": "only supposed",
    "asked": "only asked about",
    "historical": "in the past",
    "family": "in the family",
    "study": "for study",
    "chronic": "as always",
}
"""How a danger sign is meant, in words for staff."""

WHO_WORDS = {"child": "a child", "other": "someone else", "pet": "a pet"}

VERDICT_WORDS = {
    "above_daily": "above the most in a day",
    "double": "more than one usual dose",
    "ordinary": "within the limits",
    "unknown": "no limit known to compare it with",
}
KIND_WORDS = {
    "event": "was taken",
    "regimen": "is usually taken",
    "question": "is asked about",
    "unclear": "is named; unclear if taken",
}


@dataclass(frozen=True)
class Piece:
    """Some words of a message. `mark` is danger, amount, aside (named, does not count) or None."""

    text: str
    mark: str | None = None
    why: str = ""


@lru_cache(maxsize=4)
def sign_names(folder: Path) -> Mapping[str, str]:
    """The danger signs' names for people, from `data/safety/signs-*.yml`, by their keys."""
    names: dict[str, str] = {}
    for path in sorted(folder.glob("signs-*.yml")):
        document = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        names.update({sign["sign"]: sign["name"] for sign in document["signs"]})
    return names


def _about(finding: Finding, names: Mapping[str, str]) -> str:
    name = names.get(finding.sign, finding.sign.replace("_", " ").capitalize())
    said = f"{name}: {CONTEXT_WORDS.get(finding.context, finding.context)}"
    return said + (f", about {WHO_WORDS[finding.who]}" if finding.who in WHO_WORDS else "")


def _amount_in_words(amount: TakenAmount) -> str:
    said = f"{amount.mg:g} mg " if amount.mg is not None else "The amount "
    said += KIND_WORDS.get(amount.kind, amount.kind)
    if amount.limit_mg is not None and amount.mg is not None:
        said += f"; the most in a day is {amount.limit_mg:g} mg"
    return f"{said}: {VERDICT_WORDS.get(amount.verdict, amount.verdict)}"


def marked(text: str, assessment: Assessment | None, names: Mapping[str, str]) -> list[Piece]:
    """The text in pieces; where marks overlap, the graver one is shown."""
    if assessment is None:
        return [Piece(text)]
    spans: list[tuple[int, int, int, str, str]] = []
    for finding in assessment.findings:
        counts = finding.asserted and finding.level.rank > 0
        kind, grade = ("danger", finding.level.rank + 1) if counts else ("aside", 0)
        if finding.asserted and not counts:
            kind, grade = "amount", 1
        spans.append((grade, finding.start, finding.end, kind, _about(finding, names)))
    for amount in assessment.amounts:
        counts = amount.verdict in ("above_daily", "double")
        kind, grade = ("danger", 4) if counts else ("amount", 1)
        spans.append((grade, amount.start, amount.end, kind, _amount_in_words(amount)))
    owner: list[int | None] = [None] * len(text)
    for number in sorted(range(len(spans)), key=lambda n: spans[n][0]):
        for place in range(max(0, spans[number][1]), min(len(text), spans[number][2])):
            owner[place] = number
    pieces: list[Piece] = []
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or owner[place] != owner[start]:
            span = owner[start]
            if span is None:
                pieces.append(Piece(text[start:place]))
            else:
                pieces.append(Piece(text[start:place], spans[span][3], spans[span][4]))
            start = place
    return _joined(pieces)


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbours that are marked alike as one."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and piece.mark and last.mark == piece.mark:
            whys = dict.fromkeys([*last.why.split("; "), piece.why])
            joined[-1] = Piece(last.text + piece.text, piece.mark, "; ".join(whys))
        else:
            joined.append(piece)
    return joined


def explained(assessment: Assessment, names: Mapping[str, str]) -> list[str]:
    """Everything that triage found in a message, one line each, what counts first."""
    findings = sorted(assessment.findings, key=lambda f: (not f.asserted, -f.level.rank))
    lines = [f"“{f.text}”: {_about(f, names)}" for f in findings]
    lines += [f"“{a.text}”: {_amount_in_words(a)}" for a in assessment.amounts]
    if assessment.opinion:
        chance = max(assessment.opinion.emergency, assessment.opinion.passage)
        lines.append(
            f"The second reader gives {chance:.0%} for an emergency and "
            f"{assessment.opinion.urgent:.0%} for urgent or more"
        )
    if assessment.doubt:
        lines.append("It was in doubt, so the robot asked if anyone is in danger")
    if assessment.carried:
        lines.append("The level stands from an earlier message")
    return lines


def medicines_named(entities: Iterable[Mapping[str, Any]], role: str) -> Sequence[str]:
    """The medicines of a message in this role (patient or other), by generic name, each once."""
    found = [
        str(e["value"])
        for e in entities
        if e.get("entity") == "medicine" and e.get("role", "patient") == role
    ]
    return list(dict.fromkeys(found))
