"""What earlier messages of a conversation still mean for a later one.

A level stands until the person's own later message lowers it: a correction of an amount
("sorry, I meant 10 mg, one tablet"), or "that was only a question". Thanks, small talk and
other questions lower nothing. After a day a conversation starts afresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .findings import Assessment, Finding, Level, TakenAmount

FORGOTTEN_AFTER = 24 * 3600.0
"""Seconds after which an earlier message no longer raises a later one (when times are known)."""


@dataclass(frozen=True)
class Standing:
    """What stands of a conversation before the next message."""

    level: Level = Level.ROUTINE
    rule: str = ""
    rule_id: str = ""
    kind: str | None = None
    sources: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    taken: tuple[TakenAmount, ...] = ()
    asked: tuple[str, ...] = ()

    def can_be_corrected(self, findings: Sequence[Finding], amounts: Sequence[TakenAmount]) -> bool:
        """Whether a correcting message may lower the level: never for suicidal words.

        A wrong amount needs the right one, or a plain "false alarm" with no sign in it.
        """
        if self.kind == "self_harm":
            return False
        return not any(f.asserted and f.level is Level.EMERGENCY for f in findings)


def standing(
    earlier: Sequence[Assessment], at: float | None, nobody_in_danger: bool = False
) -> Standing:
    """What stands after `earlier` (oldest first) for a message sent at `at`.

    `nobody_in_danger`: this message answers no to the safety question that the last one raised,
    so that only what was sure before the question stands.
    """
    now = Standing()
    present: dict[str, None] = {}
    states: dict[str, None] = {}
    taken: tuple[TakenAmount, ...] = ()
    for assessment in earlier:
        if at is not None and assessment.at is not None and at - assessment.at > FORGOTTEN_AFTER:
            continue
        facts = assessment.facts
        if facts.corrected and not assessment.carried:
            present, states, taken = {}, {}, ()
        for sign in facts.denied:
            present.pop(sign, None)
        present.update(dict.fromkeys(facts.present))
        states.update(dict.fromkeys(facts.states))
        taken = (*taken, *facts.taken)
        settled = nobody_in_danger and assessment is earlier[-1] and assessment.doubt
        now = Standing(
            level=assessment.sure_level if settled else assessment.level,
            rule=assessment.rule,
            rule_id=assessment.rule_id,
            kind=assessment.kind,
            sources=assessment.sources,
            present=tuple(present),
            states=tuple(states),
            taken=taken,
            asked=facts.asked,
        )
    return now
