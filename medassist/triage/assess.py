"""`Triage.assess`: how dangerous is this message, and why.

The parts: `text` (words), `lexicon` (danger signs as data), `context` (how a sign is meant),
`amounts` (milligrams against limits), `conversation` (what was said before). The highest level
that any of them gives is the level of the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medassist.medicines.files import Medicine

from .amounts import AmountReader
from .clinical_data import Combination
from .context import ContextReader, turned
from .conversation import Standing, standing
from .findings import ASSERTED, Assessment, Facts, Finding, Level, TakenAmount
from .lexicon import Lexicon, load_lexicon
from .limits import MedicineLimits, level_of
from .people import People
from .phrases import Match
from .safety_files import SafetyFileError
from .text import Mention, Text, cut

__all__ = [
    "Assessment", "Facts", "Finding", "Level", "MedicineLimits", "SafetyFileError",
    "TakenAmount", "Triage",
]  # fmt: skip

NOTHING = "No danger sign, overdose or stopped medicine was found."
IT_HAPPENS = "it_happens"
"""The sign of "my son is having one" after a question about a danger sign."""
ANYBODY = "anybody"
"""In `counts_when`: the sign counts even if nobody is named ("what is the lethal dose")."""


@dataclass(frozen=True)
class Decision:
    """A level with the rule that gives it."""

    level: Level
    rule: str
    rule_id: str
    kind: str | None
    sources: tuple[str, ...] = ()
    weight: int = 0


class Triage:
    """Reads messages for danger. Holds no state of any conversation; safe to share."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._sign_of = {sign.sign: sign for sign in lexicon.signs}

    @classmethod
    def load(cls, folder: Path) -> Triage:
        """Read `data/safety`. Raises SafetyFileError(file, line, reason) for a bad file.

        The files' own examples are read once, so that the automaton has the states that
        messages need before the first message comes.
        """
        triage = cls(load_lexicon(folder))
        for block in (*triage.lexicon.signs, *triage.lexicon.rules, *triage.lexicon.combinations):
            for words in (*block.examples.yes, *block.examples.no):
                triage.assess(words)
        return triage

    def assess(
        self,
        text: str,
        *,
        medicine: MedicineLimits | Medicine | None = None,
        mentions: Sequence[Mention] = (),
        earlier: Sequence[Assessment] = (),
        at: float | None = None,
        nobody_in_danger: bool = False,
    ) -> Assessment:
        """Assess one message.

        `medicine`: the one the message or the conversation is about, if it has a file.
        `mentions`: recognised medicine names in `text`. `earlier`: the assessments of this
        conversation so far, oldest first. `at`: when it was sent (seconds since 1970), if known.
        `nobody_in_danger`: the message answers no to the safety question.
        """
        limits = MedicineLimits.of(medicine) if isinstance(medicine, Medicine) else medicine
        read = self.lexicon.reader.read(cut(text), mentions)
        matches = self._matches(read)
        context = ContextReader(self.lexicon, read, matches)
        findings = self._findings(read, matches, context)
        before = standing(earlier, at, nobody_in_danger)
        corrected = bool(context.corrections) and (
            before.level > Level.ROUTINE or bool(before.taken)
        )
        amounts = AmountReader(self.lexicon, limits, read, matches, mentions).read(
            [cue.first for cue in context.corrections], taken=corrected and bool(before.taken)
        )
        decision = self._decide(findings, amounts, limits, before)
        own = decision.level
        carried = False
        if before.level > own and not (corrected and before.can_be_corrected(findings, amounts)):
            decision = Decision(
                before.level, before.rule, before.rule_id, before.kind, before.sources
            )
            carried = True
        return Assessment(
            level=decision.level,
            sure_level=decision.level,
            rule=decision.rule,
            rule_id=decision.rule_id,
            kind=decision.kind,
            findings=tuple(findings),
            amounts=tuple(amounts),
            facts=self._facts(findings, amounts, corrected),
            sources=decision.sources,
            own_level=own,
            carried=carried,
            standing=before.level,
            at=at,
        )

    def _matches(self, read: Text) -> list[Match]:
        """Every phrase in the text. A guess at a misspelt word never sets a sign aside."""
        book, labels = self.lexicon.book, self.lexicon.labels
        starts = read.sentence_starts
        matches = list(book.find([book.numbers(word.forms) for word in read.words], starts))
        if all(word.sure is word.forms for word in read.words):
            return matches
        sure = book.find([book.numbers(word.sure) for word in read.words], starts)
        return [m for m in matches if labels[m.label].raises] + [
            m for m in sure if not labels[m.label].raises
        ]

    def _findings(
        self, read: Text, matches: Sequence[Match], context: ContextReader
    ) -> list[Finding]:
        """Every sign that the message names, each place once, with how it is meant."""
        labels, signs = self.lexicon.labels, self.lexicon.signs
        unlike: dict[int, list[Match]] = {}
        idioms = [Match(0, cue.first, cue.last) for cue in context.idioms]
        named: dict[int, list[tuple[Match, bool]]] = {}
        for match in matches:
            label = labels[match.label]
            if label.what == "sign":
                if label.part == "unlike":
                    unlike.setdefault(label.index, []).append(match)
                else:
                    named.setdefault(label.index, []).append((match, label.part == "happening"))
        people = People(self.lexicon, matches)
        findings: list[Finding] = []
        for index in sorted(named):
            sign = signs[index]
            kept: list[tuple[int, int, Finding]] = []
            for match, happening in sorted(
                named[index], key=lambda m: (m[0].first - m[0].last, not m[1], m[0].first)
            ):
                first, last = match.first, match.last
                if turned(match, unlike.get(index, ())) or turned(match, idioms):
                    continue
                meaning = context.meaning(first, last, happening)
                because = ""
                if meaning.cue:
                    start, end = read.span(*meaning.cue)
                    because = read.original[start:end]
                start, end = read.span(first, last)
                finding = Finding(
                    sign=sign.sign,
                    start=start,
                    end=end,
                    text=read.original[start:end],
                    context=(
                        ASSERTED
                        if meaning.context in sign.counts_when
                        and happening
                        and (meaning.event or (ANYBODY in sign.counts_when and not meaning.generic))
                        else meaning.context
                    ),
                    level=sign.level,
                    who=people.meant(first, last),
                    because=because,
                )
                clash = next((k for k in kept if k[0] < last and first < k[1]), None)
                if clash is None:
                    kept.append((first, last, finding))
                elif (
                    finding.asserted
                    and not clash[2].asserted
                    and not (
                        clash[0] <= first and last <= clash[1] and clash[2].context == "negated"
                    )
                    and happening
                ):
                    kept[kept.index(clash)] = (first, last, finding)
            findings.extend(f for _, _, f in sorted(kept, key=lambda k: k[0]))
        return findings

    def _decide(
        self,
        findings: Sequence[Finding],
        amounts: Sequence[TakenAmount],
        limits: MedicineLimits | None,
        before: Standing,
    ) -> Decision:
        """The gravest of what the signs, their combinations and the amounts say."""
        decisions = [Decision(Level.ROUTINE, NOTHING, "nothing", None)]
        harmless = limits is not None and not limits.stopping_is_dangerous
        here = {f.sign for f in findings if f.asserted}
        for finding in findings:
            sign = self._sign_of[finding.sign]
            if not finding.asserted or (sign.group == "state" and harmless):
                continue
            if finding.level > Level.ROUTINE:
                kind = sign.kind
                decisions.append(
                    Decision(
                        finding.level,
                        f'{sign.name}: "{finding.text}". {sign.why}',
                        sign.sign,
                        kind,
                        tuple(sign.sources),
                        KIND_WEIGHT.get(kind or "", 0),
                    )
                )
        for combination in self.lexicon.combinations:
            decision = self._combined(combination, here, before)
            if decision and not (combination.kind == "withdrawal" and harmless):
                decisions.append(decision)
        for amount in amounts:
            level = level_of(amount)
            if level > Level.ROUTINE:
                decisions.append(
                    Decision(level, amount.why, f"amount_{amount.verdict}", "overdose",
                             tuple(self.lexicon.amounts.sources), KIND_WEIGHT["overdose"])
                )  # fmt: skip
        if IT_HAPPENS in here and before.asked:
            sign = self._sign_of[before.asked[0]]
            said = next(f.text for f in findings if f.sign == IT_HAPPENS)
            why = f'{sign.name} was asked about, and now: "{said}". {sign.why}'
            decisions.append(
                Decision(sign.level, why, sign.sign, sign.kind, tuple(sign.sources), 1)
            )
        withdrawn = here | set(before.states)
        best = max(decisions, key=lambda d: (d.level.rank, d.weight))
        if best.level is Level.EMERGENCY and best.kind == "emergency" and not harmless:
            states = [s for s in withdrawn if self._sign_of[s].group == "state"]
            if states:
                name = self._sign_of[sorted(states)[0]].name
                best = Decision(best.level, f"{best.rule} Also: {name}.", best.rule_id, best.kind,
                                best.sources)  # fmt: skip
        return best

    def _combined(
        self, combination: Combination, here: set[str], before: Standing
    ) -> Decision | None:
        """The combination's decision, if this message completes it."""
        known = here if combination.same_message else here | set(before.present)
        if not all(known.intersection(any_of) for any_of in combination.all_of):
            return None
        if not any(here.intersection(any_of) for any_of in combination.all_of):
            return None
        return Decision(
            combination.level, combination.says, combination.rule, combination.kind,
            tuple(combination.sources), KIND_WEIGHT[combination.kind],
        )  # fmt: skip

    def _facts(
        self, findings: Sequence[Finding], amounts: Sequence[TakenAmount], corrected: bool
    ) -> Facts:
        """What this message adds to what is known of the conversation."""
        present = {f.sign for f in findings if f.asserted}
        denied = {f.sign for f in findings if f.context == "negated"} - present
        people = [f.who for f in findings if f.asserted and f.who != "self"]
        return Facts(
            present=tuple(sorted(present)),
            denied=tuple(sorted(denied)),
            states=tuple(sorted(s for s in present if self._sign_of[s].group == "state")),
            taken=tuple(a for a in amounts if a.kind == "event"),
            who=people[0] if people else "self",
            asked=tuple(
                sorted(
                    f.sign
                    for f in findings
                    if f.context in ("asked", "hypothetical") and f.level is Level.EMERGENCY
                )
            ),
            corrected=corrected,
        )


KIND_WEIGHT = {"self_harm": 4, "overdose": 3, "emergency": 2, "withdrawal": 1, "side_effect": 0}
"""Which card comes first when two signs have the same level."""
