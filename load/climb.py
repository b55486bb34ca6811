"""With how many people to go on: up until it is too many, then between the last two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SLOWEST = 1.0
"""Seconds that 95 of 100 first replies may take."""
MOST_LOST = 0.01
"""Share of messages that may get no answer."""
FIRST = 100
FACTOR = 2
LOOKS_BETWEEN = 2
"""Steps between the last good number and the first bad one."""
FEWEST = 2


def held(step: Mapping[str, Any]) -> bool:
    """Whether this many people were served well."""
    return step["p95_s"] is not None and step["p95_s"] < SLOWEST and step["lost"] <= MOST_LOST


@dataclass
class Climb:
    """The numbers of people to try, each chosen from what the earlier ones showed."""

    first: int = FIRST
    most: int = 4_000
    good: int = 0
    bad: int | None = None
    looks: int = field(default=LOOKS_BETWEEN)

    def next_after(self, people: int, was_held: bool) -> int | None:
        """The next number to try; None when it is known well enough."""
        if was_held:
            self.good = max(self.good, people)
        else:
            self.bad = people if self.bad is None else min(self.bad, people)
        if self.bad is None:
            following = min(round(people * FACTOR), self.most)
            return following if following > people else None
        if not self.good:
            return self.bad // 2 if self.bad // 2 >= FEWEST else None
        between = round((self.good * self.bad) ** 0.5)
        if not self.looks or between in (self.good, self.bad):
            return None
        self.looks -= 1
        return between
