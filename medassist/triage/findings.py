"""What an assessment is made of: levels, findings and amounts. All can be stored as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from enum import Enum
from typing import Any

ASSERTED = "asserted"
"""The context of a danger sign that is present, as far as we can tell. Doubt counts as this."""


class Level(str, Enum):
    """How soon somebody must act; ordered."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    ROUTINE = "routine"

    @property
    def rank(self) -> int:
        """2 for emergency, 1 for urgent, 0 for routine."""
        return {"emergency": 2, "urgent": 1, "routine": 0}[self.value]

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Level):
            return NotImplemented
        return self.rank < other.rank

    def __le__(self, other: object) -> bool:
        if not isinstance(other, Level):
            return NotImplemented
        return self.rank <= other.rank

    def __gt__(self, other: object) -> bool:
        if not isinstance(other, Level):
            return NotImplemented
        return self.rank > other.rank

    def __ge__(self, other: object) -> bool:
        if not isinstance(other, Level):
            return NotImplemented
        return self.rank >= other.rank


@dataclass(frozen=True)
class Finding:
    """A danger sign that the words `text` (`start` to `end` of the message) name.

    `context` says how it is meant: asserted, negated, hypothetical, asked, historical, family,
    study or chronic; `because` holds the words that say so. `level` is what the sign carries
    when asserted; `who` is self, child, other or pet.
    """

    sign: str
    start: int
    end: int
    text: str
    context: str
    level: Level
    who: str = "self"
    because: str = ""

    @property
    def asserted(self) -> bool:
        """Whether the sign counts as present."""
        return self.context == ASSERTED


@dataclass(frozen=True)
class TakenAmount:
    """An amount of a medicine that a message states.

    `mg` the total in milligrams, `count` of tablets or doses, `strength` of one in mg, each None
    if it is not said and not known; `per` "once" or "day"; `limit_mg` what `mg` was compared
    with; `verdict` "ordinary", "double" (twice the usual or above the single dose, within the
    day's limit), "above_daily" or "unknown"; `kind` "event", "regimen", "question" or "unclear".
    """

    mg: float | None
    count: float | None
    strength: float | None
    per: str
    limit_mg: float | None
    verdict: str
    kind: str
    start: int
    end: int
    text: str
    why: str = ""


@dataclass(frozen=True)
class Facts:
    """What later messages of the conversation need to know.

    `present` and `denied` are sign names; `states` are the signs of stopping or running out;
    `taken` the amounts that were taken; `who` is concerned; `corrected`
    that this message corrects an earlier one; `asked` the danger signs that were only asked about.
    """

    present: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    taken: tuple[TakenAmount, ...] = ()
    who: str = "self"
    corrected: bool = False
    asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Opinion:
    """The second reader's chances, 0 to 1, that a message is an emergency or at least urgent.

    `passage` is the highest chance of an emergency in a passage of a long message, read alone;
    `ordinary` the topic classifier's chance that no part of the message reports anything: that it
    is a question, small talk or something else.
    """

    emergency: float
    urgent: float
    passage: float = 0.0
    ordinary: float = 0.0


@dataclass(frozen=True)
class Assessment:
    """How dangerous a message is, in the light of the conversation, and why.

    `rule` is the rule that decided, in words; `rule_id` its name in the safety files. `kind` is
    the card that fits: emergency, overdose, self_harm, withdrawal, side_effect or None.
    `own_level` is what this message says by itself and with earlier facts; `level` never falls
    below what an earlier message raised and no later one lowered (`carried`). `opinion` is the
    second reader's; `doubt` that the person is to be asked whether somebody is in danger, and
    `sure_level` what stands when the answer is no. `standing` is what earlier messages raised.
    """

    level: Level
    rule: str
    rule_id: str
    kind: str | None = None
    findings: tuple[Finding, ...] = ()
    amounts: tuple[TakenAmount, ...] = ()
    facts: Facts = field(default_factory=Facts)
    sources: tuple[str, ...] = ()
    own_level: Level = Level.ROUTINE
    carried: bool = False
    at: float | None = None
    opinion: Opinion | None = None
    doubt: bool = False
    sure_level: Level = Level.ROUTINE
    standing: Level = Level.ROUTINE

    @property
    def by_signs(self) -> bool:
        """Whether danger signs of this message decided, with no amount that counts beside them."""
        above = any(a.verdict not in ("ordinary", "unknown") for a in self.amounts)
        return not above and any(f.sign == self.rule_id and f.asserted for f in self.findings)

    @property
    def by_one_sign(self) -> bool:
        """Whether a single danger sign decided: nothing else in the message is as grave."""
        grave = {f.sign for f in self.findings if f.asserted and f.level >= self.own_level}
        return self.by_signs and grave == {self.rule_id}

    def to_dict(self) -> dict[str, Any]:
        """The assessment as plain JSON values."""
        return {name: _json(value) for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Assessment:
        """An assessment from what `to_dict` made; KeyError or ValueError for anything else."""
        facts = dict(stored["facts"])
        facts["taken"] = tuple(TakenAmount(**amount) for amount in facts["taken"])
        for name in ("present", "denied", "states", "asked"):
            facts[name] = tuple(facts[name])
        return cls(
            level=Level(stored["level"]),
            rule=stored["rule"],
            rule_id=stored["rule_id"],
            kind=stored["kind"],
            findings=tuple(
                Finding(**{**f, "level": Level(f["level"])}) for f in stored["findings"]
            ),
            amounts=tuple(TakenAmount(**amount) for amount in stored["amounts"]),
            facts=Facts(**facts),
            sources=tuple(stored["sources"]),
            own_level=Level(stored["own_level"]),
            carried=stored["carried"],
            at=stored["at"],
            # Missing in what the version before the second reader stored.
            opinion=Opinion(**stored["opinion"]) if stored.get("opinion") else None,
            doubt=stored.get("doubt", False),
            sure_level=Level(stored.get("sure_level", stored["level"])),
            standing=Level(stored.get("standing", "routine")),
        )


def _json(value: Any) -> Any:
    """A part of an assessment as plain JSON values (`dataclasses.asdict` copies every one)."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_json(part) for part in value]
    if is_dataclass(value):
        return {name: _json(part) for name, part in vars(value).items()}
    return value
