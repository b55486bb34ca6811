"""Amounts as a message states them: counts, milligrams, millilitres, times a day.

Read are "12 tablets", "a dozen", "200mg", "10 mg x 8", "5 of the 20s", "25 mL of 25 mg per 5 mL".
Numbers that are no doses (ages, rooms, years) are left alone. The words stand in `amounts.yml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from .clinical_data import AmountRules
from .lexicon import Lexicon
from .limits import MedicineLimits
from .numbers import Number, numbers
from .phrases import Match
from .text import MEDICINE, UNKNOWN, Mention, Text

FREQUENCY = {
    "twice": 2.0, "thrice": 3.0, "bid": 2.0, "bd": 2.0, "tid": 3.0, "tds": 3.0,
    "qid": 4.0, "qds": 4.0,
}  # fmt: skip
MOST_NUMBERS = 80
"""Numbers of one message that are read as amounts: the first and the last ones."""
CORRECTING = frozenset({"meant", "mean", "was", "actually", "only", "just"})
"""Words before the right number of a correction: "sorry, i meant 30"."""
SOLID = frozenset("tablet tablets tab tabs pill pills capsule capsules cap caps".split())
LEAST_STRENGTH, MOST_STRENGTH = 5, 1000
"""Milligrams that the number in "three tablets of 500" may mean without its unit."""
USUAL_STRENGTHS = frozenset({5.0, 10.0, 15.0, 20.0, 25.0})
"""Tablet strengths (mg) that are often typed without their unit: "6 x 20"."""
SAME_NAME = 78.0
"""Likeness (percent) from which a misspelt word is taken for the medicine's own name."""


@dataclass(frozen=True)
class StatedAmount:
    """One stated amount before it is judged. `own`: of the medicine we have limits for."""

    first: int
    last: int
    mg: float | None
    count: float | None
    strength: float | None
    times: float | None
    own: bool
    doses: bool = False


class StatedAmounts:
    """Finds the amounts that one message states, unjudged."""

    _was_taken = False
    """Whether the message corrects an amount that was taken: then a bare number was taken too."""

    def __init__(
        self,
        lexicon: Lexicon,
        limits: MedicineLimits | None,
        text: Text,
        matches: Sequence[Match],
        mentions: Sequence[Mention] = (),
    ) -> None:
        self._rules: AmountRules = lexicon.amounts
        self._limits, self._text, self._mentions = limits, text, mentions
        self._plain = [word.plain for word in text.words]
        found = numbers(text, self._rules.numbers)
        self._numbers = (
            found
            if len(found) <= MOST_NUMBERS
            else (found[: MOST_NUMBERS // 2] + found[-MOST_NUMBERS // 2 :])
        )
        self._by_first = {n.first: n for n in self._numbers}
        self._cues: dict[str, list[Match]] = {}
        self._counted_at = 0
        if self._numbers:
            names = list(self._rules.cues)
            for match in matches:
                label = lexicon.labels[match.label]
                if label.what == "amount" and self._plain[match.first] != "'s":
                    self._cues.setdefault(names[label.index], []).append(match)

    def _word(self, at: int) -> str:
        return self._plain[at] if 0 <= at < len(self._plain) else ""

    def _mark(self, at: int) -> str:
        """The punctuation before word `at`."""
        return self._text.before[at] if at < len(self._text.before) else "."

    def _ends_between(self, first: int, last: int) -> bool:
        return any(mark in (".", "?") for mark in self._text.before[first : last + 1])

    def _cue(self, name: str, first: int, last: int) -> Match | None:
        """The first cue `name` that lies between the words `first` and `last`."""
        return next(
            (m for m in self._cues.get(name, ()) if m.first >= first and m.last <= last), None
        )

    def _sentence(self, first: int, last: int) -> tuple[int, int]:
        """The sentence around the words `first` up to `last`."""
        before = self._text.before
        start = next((i for i in range(first, 0, -1) if before[i] in (".", "?")), 0)
        end = next(
            (i for i in range(last, len(before)) if before[i] in (".", "?")), len(self._plain)
        )
        return start, end

    def pieces(self) -> Iterator[StatedAmount]:
        """The amounts, one by one: count and strength joined, other numbers left out."""
        used = -1
        for number in self._numbers:
            if number.first < used or self._compared(number) or self._is_concentration(number):
                continue
            piece = self._piece(number)
            if piece is not None:
                used = piece.last
                yield piece

    def _compared(self, number: Number) -> bool:
        """Whether the number is what should have been taken: "3 instead of 1"."""
        return any(
            0 <= number.first - m.last <= 1 and m.first > 0 for m in self._cues.get("instead", ())
        )

    def _piece(self, number: Number) -> StatedAmount | None:
        rules, at = self._rules, number.last
        unit = self._word(at) if self._mark(at) not in (".", "?") else ""
        if unit in rules.milligrams:
            strength = number.value * rules.milligrams[unit]
            return self._after_strength(number, at + 1, strength)
        if unit in rules.millilitres:
            millilitres = number.value * rules.millilitres[unit]
            per_ml = self._mg_per_ml(number)
            mg = millilitres * per_ml if per_ml else None
            return self._done(number.first, at + 1, mg, None, None)
        if unit in ("x", "×", "*") or self._between_is(at, "x×*"):
            skip = 1 if unit in ("x", "×", "*") else 0
            second = self._by_first.get(at + skip)
            if second and self._word(second.last) in rules.milligrams:
                strength = second.value * rules.milligrams[self._word(second.last)]
                return self._done(
                    number.first, second.last + 1, number.value * strength, number.value, strength
                )
            strengths = {number.value, second.value} & USUAL_STRENGTHS if second else set()
            if second and strengths and self._own_dose_word(second.last):
                strength = max(strengths)
                mg = number.value * second.value
                return self._done(number.first, second.last, mg, mg / strength, strength)
        return self._as_count(number)

    def _between_is(self, at: int, marks: str) -> bool:
        if at >= len(self._plain):
            return False
        words = self._text.words
        return self._text.original[words[at - 1].end : words[at].start].strip() in tuple(marks)

    def _own_dose_word(self, at: int) -> bool:
        return self._word(at) not in self._rules.not_doses

    def _after_strength(self, number: Number, at: int, strength: float) -> StatedAmount:
        """`10 mg`, and what may follow it: `x 8`, `tablets`, `six times`."""
        rules = self._rules
        follow = self._word(at)
        second = None
        if follow in ("x", "×", "by") or (at < len(self._plain) and self._between_is(at, "x×*")):
            second = self._by_first.get(at + (1 if follow in ("x", "×", "by") else 0))
        if second and self._word(second.last) not in ("day", "days", "week", "weeks", "month"):
            if self._word(second.last) in ("times", "a", "daily"):
                return self._done(number.first, second.last, strength, None, strength, second.value)
            return self._done(
                number.first, second.last, strength * second.value, second.value, strength
            )
        place = at
        while place < at + 3 and self._word(place) in rules.between_words:
            place += 1
        if self._word(place) in rules.tablet_words and self._word(place) != "of":
            return self._done(number.first, place + 1, strength, None, strength)
        return self._done(number.first, at, strength, None, strength)

    def _as_count(self, number: Number) -> StatedAmount | None:
        """`12`, `12 tablets`, `12 10 mg tablets`, `5 of the 20s`."""
        rules = self._rules
        at = number.last
        previous, following = self._word(number.first - 1), self._word(at)
        if previous in self._rules.not_before or number.value > 1000 or number.value <= 0:
            return None
        if self._text.original[max(0, self._text.words[number.first].start - 1)] in "$£€#:":
            return None
        if at < len(self._plain) and not self._mark(at):
            between = self._text.original[self._text.words[at - 1].end : self._text.words[at].start]
            if between.strip() in ("%", ":", "/", "°"):
                return None
        place = at
        while place < at + 4 and self._is_between(place) and not self._mark(place):
            place += 1
        strength_number = self._by_first.get(place)
        if strength_number and place < len(self._plain) and self._mark(place) in ("", ","):
            after = self._word(strength_number.last)
            if after in rules.milligrams:
                strength = strength_number.value * rules.milligrams[after]
                return self._counted(number, strength_number.last + 1, strength)
            if after in ("s", "'s") or (place > at and strength_number.value in (5, 10, 15, 20)):
                return self._counted(number, strength_number.last + 1, strength_number.value)
            if strength_number.value in (5, 10, 15, 20, 25) and after in rules.tablet_words:
                return self._counted(number, strength_number.last, strength_number.value)
        if following in rules.not_doses and not self._mark(at):
            return None
        word = self._word(place)
        if not self._mark(place) or place == at:
            if (word in rules.tablet_words and word != "of" and not self._mark(place)) or (
                place < len(self._plain)
                and not self._mark(place)
                and ({MEDICINE} & set(self._text.words[place].forms) or self._is_own_name(place))
            ):
                return self._counted(number, place + 1, None)
            if (
                place < len(self._plain)
                and UNKNOWN in self._text.words[place].forms
                and not self._mark(place)
                and self._taken_before(number.first)
            ):
                return self._counted(number, place + 1, None)
            if place > at and self._word(at) == "of":
                return self._counted(number, place, None)
        if (
            self._counted_at
            and following in self._rules.meal_followers
            and not self._ends_between(self._counted_at, number.first)
        ):
            return self._counted(number, at, None)
        if self._was_taken and previous in CORRECTING:
            return self._counted(number, at, None)
        if self._taken_before(number.first) and (
            following in self._rules.bare_followers
            or at >= len(self._plain)
            or self._mark(at)
            or place > at
        ):
            return self._counted(number, at, None)
        return None

    def _is_between(self, at: int) -> bool:
        """Whether a word may stand between a count and "tablets"."""
        word = self._word(at)
        return word in self._rules.between_words or (
            self._word(at + 1) in self._rules.tablet_words
            and self._word(at + 1) != "of"
            and word not in self._rules.not_doses
        )

    def _taken_before(self, first: int) -> bool:
        """Whether a word of taking stands shortly before, with nothing but small words between."""
        at = first - 1
        for _ in range(7):
            if at < 0:
                return False
            if any(
                m.last == at + 1 and self._word(m.first) not in ("all", "at", "in")
                for m in self._cues.get("taken", ())
            ):
                return True
            if self._word(at) not in self._rules.small_words:
                return False
            at -= 1
        return False

    def _counted(self, number: Number, last: int, strength: float | None) -> StatedAmount:
        """A count of tablets; a strength said right after the tablets belongs to them."""
        self._counted_at = last
        if strength is None and self._word(last - 1) in SOLID and self._word(last) == "of":
            of = self._by_first.get(last + 1)  # "three tablets of 500"
            if of and LEAST_STRENGTH <= of.value <= MOST_STRENGTH and self._may_be_strength(of):
                strength, last = of.value, of.last
        if strength is None:
            for place in range(last, min(last + 5, len(self._plain))):
                if self._mark(place) in (".", "?"):
                    break
                found = self._by_first.get(place)
                if found and self._word(found.last) in self._rules.milligrams:
                    strength = found.value * self._rules.milligrams[self._word(found.last)]
                    last = found.last + 1
                    break
                if (
                    found
                    and place > last - 1
                    and found.value in (5, 10, 15, 20)
                    and self._word(place - 1) in ("the", "baclofen")
                ):
                    if self._word(found.last) in ("s", "'s", "mg", "one", "ones"):
                        strength, last = found.value, found.last + 1
                        break
        if strength is None:
            for place in range(max(0, number.first - 4), number.first):
                found = self._by_first.get(place)
                if (
                    found
                    and found.value in (5, 10, 15, 20, 25)
                    and self._word(place - 1) in self._names()
                ):
                    strength = found.value
        mg = number.value * strength if strength is not None else None
        return self._done(number.first, last, mg, number.value, strength)

    def _may_be_strength(self, number: Number) -> bool:
        """Whether what follows a number without a unit does not make it something else."""
        rules, following = self._rules, self._word(number.last)
        if number.last < len(self._plain) and self._mark(number.last):
            return True
        return following not in rules.milligrams and not any(
            following in words
            for words in (
                rules.tablet_words - {"of"},
                rules.between_words,
                rules.millilitres,
                rules.not_doses,
            )
        )

    def _names(self) -> frozenset[str]:
        names = self._limits.names if self._limits else ()
        return frozenset(names)

    def _is_own_name(self, at: int) -> bool:
        """Whether the word is the medicine's name, or a misspelling of it."""
        if self._limits is None:
            return False
        word = self._text.words[at]
        if word.plain in self._limits.names:
            return True
        if UNKNOWN not in word.forms and not word.plain.endswith("s"):
            return False
        return any(fuzz.ratio(word.plain, name) >= SAME_NAME for name in self._limits.names)

    def _is_concentration(self, number: Number) -> bool:
        """Whether the number says how strong a liquid is: "25 mg per 5 ml"."""
        place = self._numbers.index(number)
        rules = self._rules
        follow = self._numbers[place + 1] if place + 1 < len(self._numbers) else None
        before = self._numbers[place - 1] if place else None
        if follow and self._word(number.last) in rules.milligrams:
            return follow.first - number.last <= 2 and self._word(follow.last) in rules.millilitres
        if before and self._word(number.last) in rules.millilitres:
            return number.first - before.last <= 2 and self._word(before.last) in rules.milligrams
        return False

    def _mg_per_ml(self, number: Number) -> float | None:
        """The strength of a liquid that the message states: "25 mg per 5 ml"."""
        rules = self._rules
        for first, second in zip(self._numbers, self._numbers[1:]):
            unit = self._word(first.last)
            if unit in rules.milligrams and self._word(second.last) in rules.millilitres:
                if second.first - first.last <= 3 and second.value > 0:
                    return (
                        first.value
                        * rules.milligrams[unit]
                        / (second.value * rules.millilitres[self._word(second.last)])
                    )
        return None

    def _done(
        self, first: int, last: int, mg: float | None, count: float | None, strength: float | None,
        times: float | None = None,
    ) -> StatedAmount:  # fmt: skip
        """The finished piece: how often a day, and whether it is of our medicine."""
        if times is None:
            times, last = self._times(last)
        own = self._limits is not None and self._is_ours(first, last)
        if own and self._limits and mg is None and count is not None:
            mg = count * self._limits.usual_strength_mg
        doses = bool({"dose", "doses"} & set(self._plain[first:last]))
        return StatedAmount(first, last, mg, count, strength, times, own, doses)

    def _times(self, at: int) -> tuple[float | None, int]:
        """How many times: "three times a day", "twice", "every 6 hours", "tid"."""
        for place in range(at, min(at + 4, len(self._plain))):
            if self._mark(place) in (".", "?") or self._word(place) in ("total", "altogether"):
                break
            word = self._word(place)
            if word in FREQUENCY:
                return FREQUENCY[word], place + 1
            number = self._by_first.get(place)
            if number and self._word(number.last) in ("times", "x", "time"):
                return number.value, number.last + 1
            if word == "every" and (every := self._by_first.get(place + 1)):
                if self._word(every.last) in ("hours", "hour", "hrs", "h", "hr") and every.value:
                    return 24 / every.value, every.last + 1
            if word not in self._rules.small_words and word not in self._rules.tablet_words:
                if not set(self._text.words[place].forms) & {MEDICINE}:
                    break
        return None, at

    def _is_ours(self, first: int, last: int) -> bool:
        """Whether the amount is of the medicine whose limits we have, not of another one."""
        assert self._limits is not None
        words = self._text.words
        near: list[tuple[int, bool]] = []
        for mention in self._mentions:
            for i in range(max(0, first - 12), min(len(words), last + 5)):
                if words[i].start >= mention.start and words[i].end <= mention.end:
                    distance = i - last + 1 if i >= first else (first - i) + 1
                    near.append((distance, mention.generic == self._limits.name))
                    break
        for i in (last, last + 1, first - 1, first - 2, last - 1):
            if 0 <= i < len(words) and (i < last or not self._ends_between(last, i)):
                if self._is_own_name(i):
                    near.append((abs(i - last) + 1, True))
                elif words[i].plain in self._rules.other_medicines or (
                    UNKNOWN in words[i].forms
                    and self._word(i) not in self._rules.tablet_words
                    and len(words[i].plain) > 5
                ):
                    near.append((abs(i - last) + 1, False))
        return min(near)[1] if near else True
