"""The phrase language of the safety files, and the automaton that finds phrases in a message.

A phrase is written as people type it, in lower case:

    chest pain              these words, one after the other
    (chest|heart) pain      either word; an alternative may be several words
    [really] bad            the word may be missing
    cannot ~2 breathe       up to two other words between
    <cannot> breathe        any phrase of the word group `cannot` in `vocabulary.yml`
    face &4 swollen         both, in either order, with up to four other words between

No phrase crosses the end of a sentence. All phrases become one automaton over words. From each
word of a message it is run until no phrase can go on, which is at most the length of the
longest phrase: time is linear in the length of the message. Its states are made as messages
need them and kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

PIECE = re.compile(r"<[a-z0-9_]+>|~\d+|[()|\[\]]|[a-z0-9@&'._]+")
WORD = re.compile(r"[a-z0-9@&'._]+")
APART = re.compile(
    r"\b(can|could|do|does|did|is|are|was|were|has|have|had|would|should|will|must|need) not\b"
)
EITHER_ORDER = re.compile(r" &(\d+) ")
MOST_STATES_KEPT = 60_000
OTHER = 0
"""The number of every word that no phrase contains."""
START = 0
"""The automaton's state before the first word."""

Spell = Callable[[str], Sequence[str]]


NOT_INFLECTED = frozenset(
    (
        "have having been being will would could should does doing done went gone took this "
        "that with from they them their there then than when what only just very more some "
        "into onto over under after before since thing things need needs want wants used last "
        "left right like hers his ours yours stop stops stopped other others back tripping "
        "trip trips tripped time times make makes going come comes came take takes give gives "
        "gave given feel feels felt hand hands face faced facing side sides seed puff puffs "
        "puffed pant pants black blacks lean leans wet wets heel tea teas wheel patient "
        "patients nurse nurses nursing carer resting rest rests ring rings ringing mouth "
        "mouthed arms armed arming legs legged limb limbs chest chests eyes eyed nail nailed "
        "nailing floor floored flooring ground grounded grounding "
    ).split()
)
"""Words whose other endings would say something else."""


def endings_of(word: str, ordinary: frozenset[str]) -> set[str]:
    """The same word with other endings, as far as they are ordinary words: crackle, crackling."""
    if len(word) < 4 or word in NOT_INFLECTED or not word.isalpha():
        return set()
    stems = {word}
    for ending in ("ing", "ed", "es", "s", "d"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word[: -len(ending)]
            stems |= {stem, stem + "e"}
            if stem[-1] == stem[-2]:
                stems.add(stem[:-1])
    found: set[str] = set()
    for stem in stems & ordinary:
        bare = stem[:-1] if stem.endswith("e") else stem
        forms = {stem, stem + "s", stem + "es", bare + "ed", bare + "ing"}
        forms |= {stem + stem[-1] + "ed", stem + stem[-1] + "ing"}
        found |= forms & ordinary
    return found - {word} - NOT_INFLECTED


class PhraseError(ValueError):
    """A phrase that is not written in the phrase language; the message says what is wrong."""


@dataclass(frozen=True)
class Match:
    """Phrase `label` covers the words `first` up to, not including, `last`."""

    label: int
    first: int
    last: int


class PhraseBook:
    """Labelled phrases, compiled together. `groups` are the named word groups phrases may use."""

    def __init__(self, groups: Mapping[str, Sequence[str]], spell: Spell) -> None:
        self._groups, self._spell = groups, spell
        self.written: set[str] = set()
        """Every word that a phrase is written with (not its other endings)."""
        self.endings: frozenset[str] = frozenset()
        """Words that may stand in a phrase for one with another ending; set while adding."""
        self._never_skipped: set[int] = set()
        self._words: dict[str, int] = {}
        self._next: list[dict[int, list[int]]] = [{}]
        self._skip: list[list[int]] = [[]]
        self._empty: list[list[int]] = [[]]
        self._labels: list[set[int]] = [set()]
        self._sets: dict[frozenset[int], int] = {}
        self._members: list[frozenset[int]] = []
        self._accepts: list[tuple[int, ...]] = []
        self._moves: list[dict[tuple[int, ...], int]] = []
        self._skipped: list[frozenset[int] | None] = []
        self._seen_groups: list[str] = []
        self._first: dict[int, list[int]] | None = None
        self._closures: dict[int, frozenset[int]] = {}
        self._leaving: dict[int, frozenset[int]] = {}

    def add(self, phrase: str, label: int) -> None:
        """Add a phrase that reports `label`. Raises PhraseError with the reason."""
        either = EITHER_ORDER.split(phrase)
        if len(either) == 3:
            self.add(f"{either[0]} ~{either[1]} {either[2]}", label)
            self.add(f"{either[2]} ~{either[1]} {either[0]}", label)
            return
        start = self._state()
        end = self._build(phrase, start)
        if end in self._reached({start}):
            raise PhraseError(f"{phrase!r} matches the empty text")
        self._labels[end].add(label)
        self._empty[0].append(start)
        self._first = None
        self._closures.clear()
        self._leaving.clear()

    def know(self, word: str) -> None:
        """Count `word` among the words of the phrases, so that misspellings of it are repaired."""
        self._words.setdefault(word, len(self._words) + 1)
        self.written.add(word)

    def never_skip(self, words: Sequence[str]) -> None:
        """Words that a gap does not pass over: "am not suicidal" is not "am ~2 suicidal"."""
        self._never_skipped.update(
            self._words.setdefault(w, len(self._words) + 1)
            for word in words
            for w in self._spell(word)
        )

    def _state(self) -> int:
        self._next.append({})
        self._skip.append([])
        self._empty.append([])
        self._labels.append(set())
        return len(self._next) - 1

    def _build(self, phrase: str, start: int) -> int:
        plain = APART.sub(r"\1not", phrase.replace("-", " "))
        pieces = PIECE.findall(plain)
        if "".join(pieces) != "".join(plain.split()):
            raise PhraseError(f"{phrase!r} has a sign that is not part of the phrase language")
        end, rest = self._sequence(pieces, 0, start, phrase)
        if rest != len(pieces):
            raise PhraseError(f"{phrase!r} has a closing bracket too many")
        return end

    def _sequence(self, pieces: list[str], at: int, start: int, phrase: str) -> tuple[int, int]:
        state = self._state()
        self._empty[start].append(state)
        while at < len(pieces) and pieces[at] not in (")", "]", "|"):
            piece = pieces[at]
            if piece in ("(", "["):
                end = self._state()
                close = ")" if piece == "(" else "]"
                while True:
                    if pieces[at + 2 : at + 3] in (["|"], [close]) and WORD.match(pieces[at + 1]):
                        self._word(state, pieces[at + 1], end)
                        at += 2
                    else:
                        last, at = self._sequence(pieces, at + 1, state, phrase)
                        self._empty[last].append(end)
                    if at >= len(pieces):
                        raise PhraseError(f"{phrase!r} lacks a closing {close!r}")
                    if pieces[at] != "|":
                        break
                if pieces[at] != close:
                    raise PhraseError(f"{phrase!r} closes a bracket with the wrong sign")
                if piece == "[":
                    self._empty[state].append(end)
                state = end
            elif piece.startswith("~"):
                end = self._state()
                self._empty[state].append(end)
                for _ in range(int(piece[1:])):
                    step = self._state()
                    self._skip[state].append(step)
                    self._empty[step].append(end)
                    state = step
                state = end
            elif piece.startswith("<"):
                state = self._group(piece[1:-1], state, phrase)
            else:
                end = self._state()
                self._word(state, piece, end)
                state = end
            at += 1
        return state, at

    def _word(self, state: int, word: str, end: int) -> None:
        """From `state`, the word (which may be read as two) leads to `end`."""
        words = self._spell(word)
        if self.endings and len(words) == 1:
            for other in endings_of(words[0], self.endings):
                number = self._words.setdefault(other, len(self._words) + 1)
                self._next[state].setdefault(number, []).append(end)
        for i, part in enumerate(words):
            self.written.add(part)
            step = end if i == len(words) - 1 else self._state()
            number = self._words.setdefault(part, len(self._words) + 1)
            after = self._next[state].setdefault(number, [])
            if step not in after:
                after.append(step)
            state = step

    def _group(self, name: str, start: int, phrase: str) -> int:
        if name not in self._groups:
            raise PhraseError(f"{phrase!r} uses the word group <{name}>, which does not exist")
        if name in self._seen_groups:
            raise PhraseError(f"the word group <{name}> contains itself")
        self._seen_groups.append(name)
        end = self._state()
        for member in self._groups[name]:
            if WORD.fullmatch(member):
                self._word(start, member, end)
            else:
                self._empty[self._build(member, start)].append(end)
        self._seen_groups.pop()
        return end

    def _reached(self, states: set[int]) -> set[int]:
        """`states` and all that can be reached from them without a word."""
        reached, todo = set(states), list(states)
        while todo:
            for state in self._empty[todo.pop()]:
                if state not in reached:
                    reached.add(state)
                    todo.append(state)
        return reached

    def _closure(self, states: set[int]) -> frozenset[int]:
        """Of `_reached`, the states that matter: that a word leaves, or that end a phrase."""
        known = self._closures
        parts = []
        for state in states:
            part = known.get(state)
            if part is None:
                part = known[state] = frozenset(
                    s
                    for s in self._reached({state})
                    if self._next[s] or self._skip[s] or self._labels[s]
                )
            parts.append(part)
        return frozenset().union(*parts)

    def _first_words(self) -> dict[int, list[int]]:
        """For each word that a phrase can begin with, the states after it."""
        if self._first is None:
            self._first = {}
            for state in self._closure({0}):
                for word, after in self._next[state].items():
                    self._first.setdefault(word, []).extend(after)
        return self._first

    def _leaving_by(self, word: int) -> frozenset[int]:
        """The states that `word` leads on from."""
        if not self._leaving:
            leaving: dict[int, set[int]] = {}
            for state, after in enumerate(self._next):
                for number in after:
                    leaving.setdefault(number, set()).add(state)
            self._leaving = {number: frozenset(states) for number, states in leaving.items()}
        return self._leaving.get(word, frozenset())

    def _known(self, states: frozenset[int]) -> int:
        """The number of a set of states, made known when it is new."""
        number = self._sets.get(states)
        if number is None:
            number = self._sets[states] = len(self._members)
            self._members.append(states)
            self._accepts.append(tuple({x for s in states for x in self._labels[s]}))
            self._moves.append({})
            self._skipped.append(None)
        return number

    def _skip_any(self, source: int) -> frozenset[int]:
        """The states after a word that only gaps pass over."""
        skipped = self._skipped[source]
        if skipped is None:
            reached = {step for state in self._members[source] for step in self._skip[state]}
            skipped = self._skipped[source] = self._closure(reached)
        return skipped

    def _move(self, source: int, words: tuple[int, ...]) -> int:
        """The state after any of `words`; -1 when no phrase goes on."""
        if source == START:
            first = self._first_words()
            reached = {after for word in words for after in first.get(word, ())}
            return self._known(self._closure(reached)) if reached else -1
        reached = set()
        for word in words:
            for state in self._members[source] & self._leaving_by(word):
                reached.update(self._next[state][word])
        states: frozenset[int] = frozenset()
        if not self._never_skipped.intersection(words):
            states = self._skip_any(source)
        if reached:
            states = states | self._closure(reached)
        return self._known(states) if states else -1

    def numbers(self, forms: Sequence[str]) -> tuple[int, ...]:
        """The numbers of a word's forms, for `find`."""
        known = tuple(n for n in (self._words.get(form, OTHER) for form in forms) if n)
        return known or (OTHER,)

    def find(
        self, words: Sequence[tuple[int, ...]], sentence_starts: Sequence[bool]
    ) -> Iterator[Match]:
        """Every occurrence of every phrase: per starting word and label the longest one.

        `sentence_starts[i]` tells that a sentence ends before word `i`: no phrase crosses it.
        """
        if len(self._members) > MOST_STATES_KEPT:
            self._sets, self._members, self._accepts = {}, [], []
            self._moves, self._skipped = [], []
        if not self._members:
            self._known(frozenset())
        moves, accepts, count = self._moves, self._accepts, len(words)
        nothing = (OTHER,)
        for first in range(count):
            if words[first] == nothing:
                continue
            state, at = START, first
            longest: dict[int, int] = {}
            while at < count and not (at > first and sentence_starts[at]):
                key = words[at]
                target = moves[state].get(key)
                if target is None:
                    target = moves[state][key] = self._move(state, key)
                if target < 0:
                    break
                state = target
                at += 1
                for label in accepts[state]:
                    longest[label] = at
            for label, last in longest.items():
                yield Match(label, first, last)
