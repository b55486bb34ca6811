"""What people say under load, and how long they take to read and type."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from pathlib import Path

AGREE = "I agree"
EMERGENCY_EVERY = 20
"""One conversation in so many has an emergency."""

FOLLOW_UPS = (
    "what are the side effects",
    "can i drink alcohol with it",
    "can i take it with food",
    "what if i miss a dose",
    "how long does it take to work",
    "can i drive",
    "is it safe in pregnancy",
    "can i take ibuprofen with it",
    "ok thanks",
    "how should i store it",
    "how do i stop taking it",
    "yes",
)
"""Said without a name: they need what was said before."""

MEDIAN_THINK = 18.0
SPREAD = 0.6
SHORTEST_THINK, LONGEST_THINK = 3.0, 90.0
"""Seconds from a reply to the same person's next message: log-normal, its mean is 21 seconds."""


@dataclass(frozen=True)
class Phrases:
    """Messages of the evaluation sets that one may look at."""

    questions: tuple[str, ...]
    off_topic: tuple[str, ...]
    emergencies: tuple[str, ...]


def read_phrases(data: Path) -> Phrases:
    """From `data/evaluation`; never from what is held back there."""

    def items(name: str) -> list[dict[str, str]]:
        lines = (data / "evaluation" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        return [item for item in map(json.loads, lines) if "text" in item]

    return Phrases(
        tuple(item["text"] for item in items("topics")),
        tuple(item["text"] for item in items("off-topic")),
        tuple(i["text"] for i in items("triage-tune") if i.get("level") == "emergency"),
    )


def conversation(phrases: Phrases, chance: random.Random) -> list[str]:
    """What one person says: a question, the consent, then six to ten messages more."""
    said = [chance.choice(phrases.questions), AGREE]
    for _ in range(chance.randint(6, 10)):
        kind = chance.random()
        if kind < 0.55:
            said.append(chance.choice(FOLLOW_UPS))
        elif kind < 0.95:
            said.append(chance.choice(phrases.questions))
        else:
            said.append(chance.choice(phrases.off_topic))
    if chance.randrange(EMERGENCY_EVERY) == 0:
        said[chance.randrange(2, len(said))] = chance.choice(phrases.emergencies)
    return said


def think(chance: random.Random) -> float:
    """Seconds to read a reply and type the next message."""
    seconds = chance.lognormvariate(math.log(MEDIAN_THINK), SPREAD)
    return min(max(seconds, SHORTEST_THINK), LONGEST_THINK)


def already_thinking(chance: random.Random) -> float:
    """Seconds until somebody speaks who is met in the middle of thinking.

    So the crowd speaks at its steady pace from the first second: a long pause is met more often
    than a short one, and at any place in it.
    """
    met = chance.lognormvariate(math.log(MEDIAN_THINK) + SPREAD**2, SPREAD)
    return chance.random() * min(max(met, SHORTEST_THINK), LONGEST_THINK)
