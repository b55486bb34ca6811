"""Amounts of medicine in a message, in milligrams, compared with the limits of its file.

Read are counts ("12 tablets", "a dozen"), milligrams ("200mg", "10 mg x 8"), millilitres with
their strength, and times a day. Numbers that are no doses (ages, rooms, years) are left alone.
What was taken is an event; what is usually taken a regimen; the rest a question. The rules and
their sources stand in `data/safety/amounts.yml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rapidfuzz import fuzz

from medassist.medicines.files import Medicine

from .findings import Level, TakenAmount
from .lexicon import AmountRules, Lexicon
from .numbers import Number, numbers
from .phrases import Match
from .text import MEDICINE, UNKNOWN, Mention, Text

FREQUENCY = {
    "twice": 2.0, "thrice": 3.0, "bid": 2.0, "bd": 2.0, "tid": 3.0, "tds": 3.0, "qid": 4.0, "qds": 4.0,
}  # fmt: skip
DAY = frozenset({"day", "daily", "24"})
SAME_NAME = 78.0
"""Likeness (percent) from which a misspelt word is taken for the medicine's own name."""


@dataclass(frozen=True)
class MedicineLimits:
    """What amounts are compared with: mg for adults by mouth, age in years."""

    name: str
    daily_mg: float
    single_dose_mg: float
    usual_strength_mg: float
    child_age_years: float
    stopping_is_dangerous: bool
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, medicine: Medicine) -> MedicineLimits:
        """The limits of a medicine's file."""
        limits = medicine.limits
        return cls(
            name=medicine.medicine,
            daily_mg=limits.daily_mg.value,
            single_dose_mg=limits.single_dose_mg.value,
            usual_strength_mg=limits.usual_strength_mg.value,
            child_age_years=limits.child_age_years.value,
            stopping_is_dangerous=medicine.stopping_is_dangerous.value,
            names=tuple(name.lower() for name in medicine.all_names()),
        )


@dataclass(frozen=True)
class _Piece:
    """One stated amount before it is judged. `of_limits`: of the medicine we have limits for."""

    first: int
    last: int
    mg: float | None
    count: float | None
    strength: float | None
    times: float | None
    own: bool
    doses: bool = False


class AmountReader:
    """Reads the amounts of one message."""

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
        self._numbers = numbers(text, self._rules.numbers)
        self._by_first = {n.first: n for n in self._numbers}
        self._cues: dict[str, list[Match]] = {}
        self._counted_at = 0
        if self._numbers:
            names = list(self._rules.cues)
            for match in matches:
                label = lexicon.labels[match.label]
                if label.what == "amount" and self._plain[match.first] != "'s":
                    self._cues.setdefault(names[label.index], []).append(match)

    def read(self, corrections: Sequence[int] = ()) -> list[TakenAmount]:
        """Every stated amount with its verdict, in order.

        `corrections`: the words at which the message takes back what it said before.
        """
        if not self._numbers:
            return []
        pieces = self._corrected(list(self._pieces()), corrections)
        amounts: list[TakenAmount] = []
        group: list[_Piece] = []
        for piece in pieces:
            if group and self._ends_between(group[-1].last, piece.first) and not self._adds(piece):
                amounts.append(self._judge(group))
                group = []
            group.append(piece)
        if group:
            amounts.append(self._judge(group))
        return amounts

    @staticmethod
    def _corrected(pieces: list[_Piece], corrections: Sequence[int]) -> list[_Piece]:
        """Without the amounts that a later one of the same message corrects: "90? no, one"."""
        for at in corrections:
            if any(p.first > at for p in pieces):
                pieces = [p for p in pieces if p.first > at]
        return pieces

    def _word(self, at: int) -> str:
        return self._plain[at] if 0 <= at < len(self._plain) else ""

    def _mark(self, at: int) -> str:
        """The punctuation before word `at`."""
        return self._text.before[at] if at < len(self._text.before) else "."

    def _ends_between(self, first: int, last: int) -> bool:
        return any(mark in (".", "?") for mark in self._text.before[first : last + 1])

    def _adds(self, piece: _Piece) -> bool:
        """Whether the amount is said to come on top: "then another four"."""
        return bool({"another", "more", "again"} & set(self._plain[piece.first - 2 : piece.last + 1]))

    def _cue(self, name: str, first: int, last: int) -> Match | None:
        """The first cue `name` that lies between the words `first` and `last`."""
        return next(
            (m for m in self._cues.get(name, ()) if m.first >= first and m.last <= last), None
        )

    def _sentence(self, first: int, last: int) -> tuple[int, int]:
        """The sentence around the words `first` up to `last`."""
        before = self._text.before
        start = next((i for i in range(first, 0, -1) if before[i] in (".", "?")), 0)
        end = next((i for i in range(last, len(before)) if before[i] in (".", "?")), len(self._plain))
        return start, end

    # -- reading -----------------------------------------------------------------------------

    def _pieces(self) -> Iterator[_Piece]:
        """The amounts, one by one: count and strength joined, other numbers left out."""
        used = -1
        for number in self._numbers:
            if number.first < used or self._compared(number):
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

    def _piece(self, number: Number) -> _Piece | None:
        rules, at = self._rules, number.last
        unit = self._word(at) if not self._mark(at) in (".", "?") else ""
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
                return self._done(number.first, second.last + 1, number.value * strength, number.value, strength)
            if second and number.value in (5, 10, 15, 20, 25) and self._own_dose_word(second.last):
                return self._done(number.first, second.last, number.value * second.value, second.value, number.value)
        return self._as_count(number)

    def _between_is(self, at: int, marks: str) -> bool:
        if at >= len(self._plain):
            return False
        words = self._text.words
        return self._text.original[words[at - 1].end : words[at].start].strip() in tuple(marks)

    def _own_dose_word(self, at: int) -> bool:
        return self._word(at) not in self._rules.not_doses

    def _after_strength(self, number: Number, at: int, strength: float) -> _Piece:
        """`10 mg`, and what may follow it: `x 8`, `tablets`, `six times`."""
        rules = self._rules
        follow = self._word(at)
        second = None
        if follow in ("x", "×", "by") or (at < len(self._plain) and self._between_is(at, "x×*")):
            second = self._by_first.get(at + (1 if follow in ("x", "×", "by") else 0))
        if second and self._word(second.last) not in ("day", "days", "week", "weeks", "month"):
            if self._word(second.last) in ("times", "a", "daily"):
                return self._done(number.first, second.last, strength, None, strength, second.value)
            return self._done(number.first, second.last, strength * second.value, second.value, strength)
        place = at
        while place < at + 3 and self._word(place) in rules.between_words:
            place += 1
        if self._word(place) in rules.tablet_words and self._word(place) != "of":
            return self._done(number.first, place + 1, strength, None, strength)
        return self._done(number.first, at, strength, None, strength)

    def _as_count(self, number: Number) -> _Piece | None:
        """`12`, `12 tablets`, `12 10 mg tablets`, `5 of the 20s`."""
        rules = self._rules
        at = number.last
        previous, following = self._word(number.first - 1), self._word(at)
        if previous in NOT_BEFORE or number.value > 1000 or number.value <= 0:
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
        if self._counted_at and following in MEAL_FOLLOWERS and not self._ends_between(
            self._counted_at, number.first
        ):
            return self._counted(number, at, None)
        if self._taken_before(number.first) and (
            following in BARE_FOLLOWERS or at >= len(self._plain) or self._mark(at) or place > at
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
            if any(m.last == at + 1 and self._word(m.first) not in ("all", "at", "in") for m in self._cues.get("taken", ())):
                return True
            if self._word(at) not in SMALL_WORDS:
                return False
            at -= 1
        return False

    def _counted(self, number: Number, last: int, strength: float | None) -> _Piece:
        """A count of tablets; a strength said right after the tablets belongs to them."""
        self._counted_at = last
        if strength is None:
            for place in range(last, min(last + 5, len(self._plain))):
                if self._mark(place) in (".", "?"):
                    break
                found = self._by_first.get(place)
                if found and self._word(found.last) in self._rules.milligrams:
                    strength = found.value * self._rules.milligrams[self._word(found.last)]
                    last = found.last + 1
                    break
                if found and place > last - 1 and found.value in (5, 10, 15, 20) and self._word(place - 1) in ("the", "baclofen"):
                    if self._word(found.last) in ("s", "'s", "mg", "one", "ones"):
                        strength, last = found.value, found.last + 1
                        break
        if strength is None:
            for place in range(max(0, number.first - 4), number.first):
                found = self._by_first.get(place)
                if found and found.value in (5, 10, 15, 20, 25) and self._word(place - 1) in self._names():
                    strength = found.value
        mg = number.value * strength if strength is not None else None
        return self._done(number.first, last, mg, number.value, strength)

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

    def _mg_per_ml(self, number: Number) -> float | None:
        """The strength of a liquid that the message states: "25 mg per 5 ml"."""
        rules = self._rules
        for first, second in zip(self._numbers, self._numbers[1:]):
            unit = self._word(first.last)
            if unit in rules.milligrams and self._word(second.last) in rules.millilitres:
                if second.first - first.last <= 3 and second.value > 0:
                    return first.value * rules.milligrams[unit] / (
                        second.value * rules.millilitres[self._word(second.last)]
                    )
        return None

    def _done(
        self, first: int, last: int, mg: float | None, count: float | None, strength: float | None,
        times: float | None = None,
    ) -> _Piece:  # fmt: skip
        """The finished piece: how often a day, and whether it is of our medicine."""
        if times is None:
            times, last = self._times(last)
        own = self._limits is not None and self._is_ours(first, last)
        if own and self._limits and mg is None and count is not None:
            mg = count * self._limits.usual_strength_mg
        doses = bool({"dose", "doses"} & set(self._plain[first:last]))
        return _Piece(first, last, mg, count, strength, times, own, doses)

    def _times(self, at: int) -> tuple[float | None, int]:
        """How many times: "three times a day", "twice", "every 6 hours", "tid"."""
        for place in range(at, min(at + 4, len(self._plain))):
            if self._mark(place) in (".", "?"):
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
            if word not in SMALL_WORDS and word not in self._rules.tablet_words:
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
                    UNKNOWN in words[i].forms and self._word(i) not in self._rules.tablet_words
                    and len(words[i].plain) > 5
                ):
                    near.append((abs(i - last) + 1, False))
        return min(near)[1] if near else True

    # -- judging -----------------------------------------------------------------------------

    def _judge(self, group: Sequence[_Piece]) -> TakenAmount:
        """What a sentence's amounts come to, together, against the limits."""
        rules, limits = self._rules, self._limits
        first, last = group[0].first, group[-1].last
        start, end = self._sentence(first, last)
        kind = self._kind(start, end, first, last)
        ours = [p for p in group if p.own] or list(group)
        own = any(p.own for p in group)
        day = self._cue("per_day", start, end) is not None
        if kind == "event":
            mg = _sum([p.mg * (p.times or 1) if p.mg is not None else None for p in ours])
            count = _sum([p.count * (p.times or 1) if p.count is not None else None for p in ours])
        else:
            mg = _sum([p.mg * (p.times or 1) if p.mg is not None else None for p in ours[:4]])
            count = _sum([p.count for p in ours])
            day = True
        begin, stop = self._text.span(first, min(last, len(self._plain)))
        amount = TakenAmount(
            mg=mg,
            count=count,
            strength=next((p.strength for p in ours if p.strength), None),
            per="day" if day else "once",
            limit_mg=limits.daily_mg if own and limits else None,
            verdict="unknown" if not own else "ordinary",
            kind=kind,
            start=begin,
            end=stop,
            text=self._text.original[begin:stop],
        )
        says = {"amount": self._in_words(amount), "many": f"{rules.many_at_once:g}",
                "limit": "", "single": ""}  # fmt: skip
        if limits:
            says |= {"limit": f"{limits.daily_mg:g} mg", "single": f"{limits.single_dose_mg:g} mg"}

        def judged(verdict: str, why: str) -> TakenAmount:
            return replace(amount, verdict=verdict, why=rules.says[why].format(**says))

        if kind in ("question", "unclear"):
            return amount
        if own and limits and mg is not None and mg > limits.daily_mg:
            return judged("above_daily", "above_daily" if kind == "event" else "regimen")
        if kind == "regimen":
            return amount
        if count is not None and count >= rules.many_at_once:
            if not (day and len(ours) > 1) and not (day and own and mg is not None and len(ours) == 1 and ours[0].times):
                return judged("above_daily", "many")
        usual = self._times_usual(start, end, ours)
        if usual >= rules.times_usual:
            return judged("above_daily", "manyfold")
        twice = usual >= 2 or any(
            p.doses and p.count is not None and p.count >= 2 and not day for p in ours
        )
        if own and limits and mg is not None:
            largest = max((p.mg or 0) for p in ours)
            at_once = self._cue("at_once", start, end) is not None
            if (not day or at_once) and (len(ours) == 1 or at_once) and mg > limits.single_dose_mg:
                return judged("double", "double")
            if largest > limits.single_dose_mg and not (day and not at_once):
                return judged("double", "double")
        if twice:
            return judged("double", "twice")
        if not own and count is not None and count >= rules.several_at_once and not day:
            if self._cue("own_dose", start, end) is None:
                return judged("double", "several")
        return amount

    def _kind(self, start: int, end: int, first: int, last: int) -> str:
        """Event, regimen or question, by the words of the sentence."""
        taken = self._cue("taken", start, end)
        asked = self._cue("asked", start, first + 1)
        if asked and taken and taken.first < first and asked.first < taken.first:
            near = self._word(asked.last) in ("i", "he", "she") or asked.last > start
            if near and not any(
                self._mark(i) == "," for i in range(asked.last, taken.first + 1)
            ):
                return "question"
        elif asked and not taken:
            return "question"
        elif asked and taken and asked.first > taken.first and asked.last <= first:
            return "event" if self._taken_before(first) else "question"
        if taken:
            usual = self._cue("usual", start, first)
            if usual and taken.first > last and not self._cue("at_once", start, end):
                return "regimen"
            if usual and usual.first > taken.first and taken.last <= usual.first and self._word(taken.first) in ("have", "has", "had"):
                return "regimen"
            if usual and not self._taken_before(first) and taken.first < usual.first:
                return "regimen"
            return "event"
        if self._cue("usual", start, end) or self._cue("per_day", start, end):
            return "regimen"
        return "unclear"

    def _times_usual(self, start: int, end: int, pieces: Sequence[_Piece]) -> float:
        """How many times the usual amount it was: 3 for "3 instead of 1", 0 if not said."""
        for match in self._cues.get("instead", ()):
            if not start <= match.first <= end + 6:
                continue
            for place in range(match.last, match.last + 2):
                usual = self._by_first.get(place)
                if usual is None:
                    continue
                unit = self._word(usual.last)
                for piece in pieces:
                    said = piece.mg if unit in self._rules.milligrams else self._by_first.get(piece.first)
                    value = said.value if isinstance(said, Number) else said
                    if value and piece.first != usual.first and usual.value > 0:
                        return value / usual.value
        return 0.0

    @staticmethod
    def _in_words(amount: TakenAmount) -> str:
        """`12 tablets (120 mg)` for the rule's sentence."""
        mg = f"{amount.mg:g} mg" if amount.mg is not None else ""
        if amount.count is None:
            return mg or amount.text
        count = f"{amount.count:g} tablet" + ("" if amount.count == 1 else "s")
        return f"{count} ({mg})" if mg else count


def level_of(amount: TakenAmount) -> Level:
    """The level an amount gives: above the day's limit as an event is an emergency."""
    if amount.kind in ("question", "unclear") or amount.verdict in ("ordinary", "unknown"):
        return Level.ROUTINE
    if amount.kind == "event" and amount.verdict == "above_daily":
        return Level.EMERGENCY
    return Level.URGENT


def _sum(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) if known else None


NOT_BEFORE = frozenset(
    "room flat apartment age aged since week day step page at version number no grade level floor unit line "
    "bus route channel chapter season part bed ward t c l hour phone code zip street highway exit".split()
)
SMALL_WORDS = frozenset(
    "about like around maybe only just another at least over nearly my the all of total between up to possibly "
    "almost roughly approx approximately some probably a an his her their least more than further extra in i he "
    "she think say him them me and so it be must guess mistake by accident accidentally oh now already today have by "
    "with this morning tonight lol".split()
)
MEAL_FOLLOWERS = frozenset("at around with in after before more again this then later".split())
"""Words after a second count of one sentence: "three at breakfast, four at lunch"."""
BARE_FOLLOWERS = frozenset(
    "at together in by so instead rather last this today tonight yesterday now accidentally of and or maybe about "
    "ago since already because but i when within around before after thinking with more too for just on he she "
    "im its help what is am should then not an half hours all as while to earlier lost".split()
)
