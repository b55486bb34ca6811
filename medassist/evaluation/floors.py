"""Floors: figures that may not get worse, from `data/evaluation/floors.yml`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML

from medassist.evaluation.scores import Scores


class Missed(NamedTuple):
    """A figure on the wrong side of its floor (or ceiling); shares from 0 to 1."""

    set: str
    figure: str
    value: float
    bound: float
    rule: str


def missed_floors(scores: Sequence[Scores], path: Path) -> tuple[list[Missed], list[str]]:
    """The figures that missed their bound, and the sets named in the file that are absent."""
    bounds = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    by_name = {s.name: s for s in scores}
    missed = []
    for name, figures in bounds.items():
        if name not in by_name:
            continue
        for figure, bound in figures.items():
            rule, limit = next(iter(bound.items()))
            value = by_name[name].figures[figure]
            if value < limit if rule == "at_least" else value > limit:
                missed.append(Missed(name, figure, value, limit, rule))
    return missed, sorted(set(bounds) - set(by_name))
