"""What was taken, in milligrams, against the limits of the medicine's file.

What was taken is an event; what is usually taken a regimen; the rest a question. Above the
day's limit is an overdose, ten tablets at once of any medicine too; twice the usual dose, or
more than the single dose, is looked at the same day. The rules and their sources stand in
`data/safety/amounts.yml`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .findings import TakenAmount
from .numbers import Number
from .phrases import Match
from .stated import StatedAmount, StatedAmounts

SUBJECTS = frozenset("i he she we they who mum mom dad son daughter wife husband friend".split())
TELLING = frozenset("is am will do need should already".split())
SUPPOSING = frozenset("what would happens happen could might ever".split())
HELPERS = frozenset("have has had just accidentally already only ive".split())


class AmountReader(StatedAmounts):
    """Reads and judges the amounts of one message."""

    def read(self, corrections: Sequence[int] = (), taken: bool = False) -> list[TakenAmount]:
        """Every stated amount with its verdict, in order.

        `corrections`: the words at which the message takes back what it said before. `taken`:
        the message corrects an amount that was taken, so that a bare one was taken too.
        """
        self._was_taken = taken
        if not self._numbers:
            return []
        pieces = self._corrected(list(self.pieces()), corrections)
        amounts: list[TakenAmount] = []
        group: list[StatedAmount] = []
        for piece in pieces:
            if group and self._ends_between(group[-1].last, piece.first) and not self._adds(piece):
                amounts.append(self._judge(group))
                group = []
            group.append(piece)
        if group:
            amounts.append(self._judge(group))
        return amounts

    @staticmethod
    def _corrected(pieces: list[StatedAmount], corrections: Sequence[int]) -> list[StatedAmount]:
        """Without the amounts that a later one of the same message corrects: "90? no, one"."""
        for at in corrections:
            if any(p.first > at for p in pieces):
                pieces = [p for p in pieces if p.first > at]
        return pieces

    def _adds(self, piece: StatedAmount) -> bool:
        """Whether the amount is said to come on top: "then another four"."""
        return bool(
            {"another", "more", "again"} & set(self._plain[piece.first - 2 : piece.last + 1])
        )

    def _judge(self, group: Sequence[StatedAmount]) -> TakenAmount:
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
            timed = [p for p in ours if p.times is not None] or ours
            mg = _sum([p.mg * (p.times or 1) if p.mg is not None else None for p in timed])
            count = _sum([p.count for p in timed])
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
            if not (day and len(ours) > 1) and not (
                day and own and mg is not None and len(ours) == 1 and ours[0].times
            ):
                return judged("above_daily", "many")
        usual = self._times_usual(start, end, ours)
        if usual >= rules.times_usual and not (own and mg is not None):
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
        """Event, regimen, question or unclear, by the words of the sentence.

        "what if i took 12" supposes; "is it bad that i took 12" tells; "is it bad if i took 12"
        is in doubt, and doubt counts as taken.
        """
        taken = self._cue("taken", start, end)
        told = taken is not None and self._tells(taken, first)
        supposed = self._cue("supposed", start, first + 1)
        if supposed and not (taken and taken.first < supposed.first):
            doubt = told and self._word(supposed.first) == "if" and self._in_doubt(start, end)
            if not doubt and not self._comma_between(supposed.last, first):
                return "question"
        if self._cue("past", start, end):
            return "unclear"
        asked = self._cue("asked", start, first + 1)
        if asked and self._word(asked.first) in ("is", "are") and asked.first > start:
            asked = None
        if asked and not told and not (taken and taken.first < asked.first):
            return "question"
        if taken:
            usual = self._cue("usual", start, first)
            if usual and taken.first > last and not self._cue("at_once", start, end):
                return "regimen"
            if usual and taken.first < usual.first:
                perfect = self._word(taken.first) in ("have", "has", "had")
                if (perfect and taken.last <= usual.first) or not self._taken_before(first):
                    return "regimen"
            return "event"
        if self._cue("usual", start, end) or self._cue("per_day", start, end):
            return "regimen"
        return "event" if self._was_taken else "unclear"

    def _tells(self, taken: Match, first: int) -> bool:
        """Whether somebody is said to have taken it: "i took", "he has had"."""
        if taken.first >= first:
            return False
        before = self._word(taken.first - 1)
        return self._word(taken.first) in SUBJECTS or before in SUBJECTS or before in HELPERS

    def _in_doubt(self, start: int, end: int) -> bool:
        """Whether "if i took 12" may tell: "do i need help if", not "what would happen if"."""
        said = set(self._plain[start:end])
        return bool(said & TELLING) and not said & SUPPOSING

    def _comma_between(self, start: int, first: int) -> bool:
        return any(self._mark(i) == "," for i in range(start, first + 1)) and self._taken_before(
            first
        )

    def _times_usual(self, start: int, end: int, pieces: Sequence[StatedAmount]) -> float:
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
                    said = (
                        piece.mg
                        if unit in self._rules.milligrams
                        else self._by_first.get(piece.first)
                    )
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


def _sum(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) if known else None
