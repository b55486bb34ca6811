"""How a danger sign is meant: happening now, denied, asked about, long ago, somebody's essay.

The rules are data (`context.yml`). A cue covers the words after it, before it, its sentence
or the whole message; its reach ends where a sentence ends, at a word such as "but", and where
a new clause starts ("no fever and I can't breathe"). The first rule of the file that covers a
sign decides; when none does, the sign counts: danger in doubt is danger.

The manner follows the ConText algorithm (Harkema et al., J Biomed Inform 2009;42:839), turned
round for patients: they seldom write of findings they do not have, so every rule must name its
words, and a sign is never put aside for the lack of any.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from .clinical_data import ContextRule
from .findings import ASSERTED
from .lexicon import Lexicon
from .phrases import Match
from .text import Text

JOINERS = frozenset({"or", "nor"})
FILLERS = frozenset({"anything", "something", "whatever", "so", "other"})
SOMEBODY = frozenset(
    "i my me mine we our us he she his her him they their them myself mum mom dad baby son "
    "daughter child kid "
    "wife husband brother sister friend patient toddler gran grandma grandad grandpa nan mother "
    "father partner "
    "boyfriend girlfriend resident someone somebody im hes shes".split()
)
WRITER = frozenset({"i", "my", "me", "myself"})
ASKING = frozenset(
    "what which how when where who why can could does do will would is are should may might "
    "whats".split()
)
INNER = frozenset({"historical", "family", "chronic"})
"""Contexts whose words may stand within those of the sign: "he used to have seizures"."""
PRESENT_TENSE = frozenset(
    "am is are have has cannot wont isnt dont doesnt keep keeps feel feels think want need see "
    "sees hear hears "
    "look looks gets get 's hurts hurt".split()
)
LEADS = frozenset(
    "and so but ok okay hi hey hello then also please question wondering know ask asking baclofen "
    "lioresal or "
    "curious tell pls plz just quick thanks doc doctor morning".split()
)
FAR = 60
"""Words beyond which a cue is not looked at; keeps the time linear."""
MOST_MESSAGE_CUES = 5
IS_SO = frozenset({"is", "are", "am", "keeps", "cannot", "wont", "isnt"})
PAST = frozenset("was were had went fell got did couldnt wasnt could".split())
ENDING_LIKE_PAST = frozenset(
    "swallowed downed popped gulped necked collapsed fainted passed confused".split()
)
"""What happens now is told so too: "collapsed", "swallowed the lot"."""
GOING_ON = frozenset({"and", "but", "so", "then", "cause", "because"})
CONJUNCTIONS = frozenset({"and", "or", "then", "will", "that"})


@dataclass(frozen=True)
class Cue:
    """Words that trigger a context rule."""

    rule: ContextRule
    order: int
    first: int
    last: int


class _Placed:
    """Cues in the order of their place, so that only those near a sign are looked at."""

    def __init__(self, cues: list[Cue]) -> None:
        self._cues = sorted(cues, key=lambda c: c.first)
        self._firsts = [cue.first for cue in self._cues]

    def between(self, first: int, last: int) -> list[Cue]:
        """Those that begin at the words `first` to `last`, both included."""
        return self._cues[bisect_left(self._firsts, first) : bisect_right(self._firsts, last)]


@dataclass(frozen=True)
class Meaning:
    """The context of one sign, and the place of the words that decided (None: no such words).

    `event` tells that somebody named has it, or is said to have it.
    """

    context: str
    rule: str
    cue: tuple[int, int] | None = None
    event: bool = True
    generic: bool = False


class Covering:
    """Matches that may cover others; asking takes the same time however many they are."""

    def __init__(self, matches: Sequence[Match]) -> None:
        ordered = sorted(matches, key=lambda m: m.first)
        self._firsts = [m.first for m in ordered]
        self._farthest = list(accumulate((m.last for m in ordered), max))

    def covers(self, match: Match) -> bool:
        """Whether one of them covers all of `match`."""
        before = bisect_right(self._firsts, match.first)
        return before > 0 and self._farthest[before - 1] >= match.last


def turned(match: Match, others: Sequence[Match]) -> bool:
    """Whether one of `others` covers `match`, or its first word, or its last word and goes on.

    "i'm dying" is turned by "dying to know", "blood ... cough" by "blood pressure".
    """
    return any(
        o.first <= match.first < o.last or match.first < o.first < match.last < o.last
        for o in others
    )


class ContextReader:
    """Decides for the signs of one message how each is meant."""

    def __init__(self, lexicon: Lexicon, text: Text, matches: Sequence[Match]) -> None:
        self._text = text
        cues: list[tuple[int, Match]] = []
        unlike: dict[int, list[Match]] = {}
        for match in matches:
            label = lexicon.labels[match.label]
            if label.what == "rule":
                if label.part == "cue":
                    cues.append((label.index, match))
                else:
                    unlike.setdefault(label.index, []).append(match)
        covering = {i: Covering(found) for i, found in unlike.items()}
        kept = [
            Cue(lexicon.rules[i], i, m.first, m.last)
            for i, m in cues
            if not (i in covering and covering[i].covers(m)) and self._may_lead(lexicon.rules[i], m)
        ]
        self._stops = _Placed([c for c in kept if c.rule.context == "stop"])
        self._personal = _Placed([c for c in kept if c.rule.context == "personal"])
        self._present = _Placed([c for c in kept if c.rule.context == "present"])
        self._generic = _Placed([c for c in kept if c.rule.context == "generic"])
        self.corrections = [c for c in kept if c.rule.context == "correction"]
        self.idioms = [c for c in kept if c.rule.context == "idiom"]
        special = ("stop", "personal", "present", "generic", "correction", "idiom")
        others = [c for c in kept if c.rule.context not in special]
        self._everywhere = [c for c in others if c.rule.covers == "message"][:MOST_MESSAGE_CUES]
        self._cues = _Placed([c for c in others if c.rule.covers != "message"])

    def _may_lead(self, rule: ContextRule, match: Match) -> bool:
        """Whether a cue that must start a clause does: "is ..." but not "there is ..."."""
        if not rule.leads or match.first == 0 or self._text.before[match.first]:
            return True
        return self._text.words[match.first - 1].plain in LEADS

    def _ends_between(self, first: int, last: int) -> bool:
        """Whether a sentence ends between the words `first` - 1 and `last`."""
        return any(mark in (".", "?") for mark in self._text.before[first : last + 1])

    def _stopped(self, cue: Cue, first: int, last: int, happening: bool = False) -> bool:
        """Whether the reach of `cue` ends between the words `first` and `last`.

        A denial ends at "and" before what is said to happen ("haven't had my pills and keep
        hearing things"), not before what is only named ("no fever and chest pain").
        """
        if happening and cue.rule.context == "negated" and cue.rule.covers == "after":
            if any(self._text.words[i].plain in ("and", "then", "so") for i in range(first, last)):
                return True
        for stop in self._stops.between(first, last):
            if stop.first < cue.last and stop.last > cue.first:
                continue
            if stop.rule.rule != "new_clause":
                return True
            if cue.rule.covers == "after" and stop.first == cue.last:
                continue
            if cue.rule.context in ("historical", "family"):
                if self._text.words[stop.last - 1].plain in PRESENT_TENSE:
                    return True
                continue
            if stop.first == last and cue.rule.context != "negated":
                continue
            if not cue.rule.passes_clauses:
                return True
            if self._text.words[stop.first - 1].plain not in CONJUNCTIONS and stop.first > first:
                return True
        return False

    def _covers(self, cue: Cue, first: int, last: int, happening: bool) -> bool:
        """Whether `cue` reaches the sign at the words `first` up to `last`."""
        rule = cue.rule
        if rule.covers == "message":
            return True
        if first <= cue.first and cue.last <= last:
            return rule.context in INNER or (rule.leads and cue.first == first)
        if rule.covers == "sentence":
            if self._goes_on(cue, first, last, happening):
                return False
            if cue.last <= first:
                return not self._ends_between(cue.last, first) and not self._stopped(
                    cue, cue.last, first
                )
            return not self._ends_between(last, cue.first) and not self._stopped(
                cue, last, cue.first
            )
        if rule.covers == "after":
            if cue.last > first and (rule.context == "negated" or cue.last > last):
                return False
            if rule.reach is not None and first - cue.last > rule.reach:
                return False
            return not (
                self._ends_between(cue.last, first)
                or self._stopped(cue, cue.last, first, happening)
                or (
                    rule.context == "negated"
                    and not rule.passes_commas
                    and self._comma_ends_list(cue.last, first, last)
                )
            )
        if cue.first < last or (rule.reach is not None and cue.first - last > rule.reach):
            return False
        return not self._ends_between(last, cue.first) and not self._stopped(cue, last, cue.first)

    def _goes_on(self, cue: Cue, first: int, last: int, happening: bool) -> bool:
        """Whether a time long ago, or somebody's history, is over before the sign is told.

        "I started it last month and can't breathe": what is long ago is the start. "My dad who
        had a stroke last year can't breathe": what he cannot do is no history.
        """
        if cue.rule.context not in ("historical", "family"):
            return False
        words = self._text.words
        after = cue.last <= first
        told = {word.plain for word in words[max(cue.last, first - 1) if after else first : last]}
        if after and told & IS_SO:
            return True
        if cue.rule.context == "family":
            return False
        start, end = (cue.last, first) if after else (last, cue.first)
        if "," not in self._text.before[start : end + 1] and not any(
            word.plain in GOING_ON for word in words[start:end]
        ):
            return False
        if told & PRESENT_TENSE:
            return True
        # "had a reaction years ago and stopped breathing" goes on; "lost my job last year and
        # took all my pills" may not.
        own = {word.plain for word in words[first:last]} - ENDING_LIKE_PAST
        past = any(word in PAST or word.endswith("ed") for word in own)
        return after and happening and not past and self._is_told(cue)

    def _is_told(self, cue: Cue) -> bool:
        """Whether a time has its own clause before it ("surgery two years ago, …").

        One that leads ("two years ago I had …") is about all that follows.
        """
        if self._text.words[cue.last - 1].plain in ("of", "with", "includes"):
            return True  # "history of seizures, …"
        lead = cue.first == 0 or self._text.before[cue.first]
        return not lead and self._text.words[cue.first - 1].plain not in LEADS

    def _comma_ends_list(self, start: int, first: int, last: int) -> bool:
        """A denial passes a comma only in a list that goes on with "or": "no fever, rash or pain".

        "no appetite, chest pain" is read as chest pain: the doubt counts as danger.
        """
        if "," not in self._text.before[start : first + 1]:
            return False
        words = self._text.words
        end = min(len(words), last + 6)
        for i in range(start, end):
            if i > last and self._text.before[i] in (".", "?"):
                break
            if words[i].plain in JOINERS and not (
                i + 1 < len(words) and words[i + 1].plain in FILLERS
            ):
                return False
        return True

    def _near(self, cues: _Placed, first: int, last: int) -> Cue | None:
        """The first of `cues` that governs the sign at the words `first` up to `last`."""
        for cue in cues.between(first - FAR, last + FAR):
            reach = cue.rule.reach or 6
            if cue.rule.covers in ("after", "sentence") and cue.first < first:
                gap = first - cue.last
                if gap <= reach and not self._ends_between(cue.last, first):
                    if not self._stopped(cue, cue.last, first):
                        return cue
            if cue.rule.covers in ("before", "sentence") and cue.last > last:
                gap = cue.first - last
                if gap <= reach and not self._ends_between(last, cue.first):
                    if not self._stopped(cue, last, cue.first):
                        return cue
            if cue.first >= first and cue.last <= last and cue.rule.covers == "sentence":
                return cue
        return None

    def _writer_says(self, cue: Cue, first: int, last: int) -> bool:
        """Whether the writer says it of themselves: "in class and i can't breathe"."""
        start = max(0, first - 3, cue.last if cue.first < first else 0)
        words = self._text.words[start:last]
        return any(word.plain in WRITER for word in words)

    def _somebody(self, first: int, last: int) -> bool:
        """Whether the sentence up to the sign names somebody, or asks nothing.

        "which medicines turn urine dark" names nobody: there, even an event is only asked about.
        """
        before, words = self._text.before, self._text.words
        start = next((i for i in range(first, 0, -1) if before[i] in (".", "?")), 0)
        if any(word.plain in SOMEBODY for word in words[start:last]):
            return True
        return not any(
            words[i].plain in ASKING for i in range(start, min(max(first, start + 1), start + 4))
        )

    def _asks(self, first: int, last: int) -> bool:
        """Whether the sentence of the sign ends in "?" and says more than the sign.

        Or nothing more, but right after another question: "what is it used for? seizures?"
        """
        before = self._text.before
        end = next((i for i in range(last, len(before)) if before[i] in (".", "?")), None)
        if end is None or before[end] != "?":
            return False
        start = next((i for i in range(first, 0, -1) if before[i] in (".", "?")), 0)
        if start and before[start] == "?" and end - start == last - first:
            return True
        if self._text.words[start].plain in ("and", "or", "also") and start < first:
            return True
        return (end - start) - (last - first) >= 2

    def meaning(self, first: int, last: int, happening: bool) -> Meaning:
        """How the sign at the words `first` up to `last` is meant.

        `happening` tells that its words say that it happens, not only name it.
        """
        generic = self._near(self._generic, first, last)
        present = self._near(self._present, first, last)
        personal = self._near(self._personal, first, last) is not None
        event = generic is None and (personal or (happening and self._somebody(first, last)))
        near = [*self._everywhere, *self._cues.between(first - FAR, last + FAR)]
        for cue in sorted(near, key=lambda c: (c.order, -c.first)):
            if not self._covers(cue, first, last, happening):
                continue
            rule = cue.rule
            if rule.applies_to == "mentions" and event:
                continue
            if rule.context == "study" and happening and self._writer_says(cue, first, last):
                continue
            if present and not rule.firm and rule.context != "negated":
                continue
            return Meaning(
                rule.context, rule.rule, (cue.first, cue.last), event, generic is not None
            )
        if not event and not present and self._asks(first, last):
            return Meaning("asked", "question_mark", None, event, generic is not None)
        return Meaning(ASSERTED, "")
