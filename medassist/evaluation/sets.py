"""Labelled sets: one JSON object a line, from `data/evaluation` and from a folder given by path.

What a set measures follows from its fields: `level` the triage, `gold` the topic, and a set
whose every `gold` is `out_of_scope` what is not ours. `focus` names the medicine asked about.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["triage", "topics", "off-topic"]


class EvaluationSetError(Exception):
    """A set that cannot be read; the message names file and line."""


@dataclass(frozen=True)
class Item:
    """One labelled message or conversation; what is labelled is its last message."""

    id: str
    turns: tuple[str, ...]
    category: str
    level: str | None = None
    gold: str | None = None
    also: tuple[str, ...] = ()
    focus: str | None = None
    about: str | None = None
    """The medicine that the conversation is known to be about, if no message names it."""


@dataclass(frozen=True)
class EvaluationSet:
    """All items of one file."""

    name: str
    kind: Kind
    items: tuple[Item, ...]


def _item(line: dict[str, Any]) -> Item:
    turns = tuple(line["turns"]) if "turns" in line else (line["text"],)
    return Item(
        id=str(line["id"]),
        turns=turns,
        category=line.get("category") or line.get("type") or "all",
        level=line.get("level"),
        gold=line.get("gold"),
        also=tuple(line.get("also") or ()),
        focus=line.get("focus"),
        about=line.get("medicine"),
    )


def _kind(items: Iterable[Item]) -> Kind:
    if all(item.level for item in items):
        return "triage"
    return "off-topic" if all(i.gold == "out_of_scope" for i in items) else "topics"


def read_set(path: Path) -> EvaluationSet:
    """One file. Raises EvaluationSetError naming the line that cannot be read."""
    items = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            item = _item(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise EvaluationSetError(
                f"{path}, line {number}: not an item of an evaluation set ({error})."
            ) from error
        if not item.level and not item.gold:
            raise EvaluationSetError(f"{path}, line {number}: neither `level` nor `gold`.")
        items.append(item)
    if not items:
        raise EvaluationSetError(f"{path} has no items.")
    return EvaluationSet(path.stem, _kind(items), tuple(items))


def read_sets(folders: Iterable[Path]) -> list[EvaluationSet]:
    """Every set of the folders that exist, in order of name."""
    return [read_set(path) for folder in folders for path in sorted(folder.glob("*.jsonl"))]
