"""The safety files as one compiled lexicon: every phrase of `data/safety` in one automaton.

Everything a clinician can edit is checked whole: a wrong key, an unknown word group, a phrase
that is not one, an unknown sign or source stops the load with file and line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medassist.medicines.files import line_in

from .clinical_data import (
    AmountRules,
    Combination,
    CombinationFile,
    ContextFile,
    ContextRule,
    Sign,
    SignFile,
    Source,
    SourceFile,
    Vocabulary,
    WordList,
)
from .phrases import PhraseBook, PhraseError
from .safety_files import SafetyFileError, read_model
from .spelling import Speller
from .text import BARE_NOT, RUN_ON, Reader

RAISING = frozenset({"personal", "present", "stop"})
"""Contexts that make a sign count; a guess at a misspelt word is enough for them."""
WATCHED_GROUPS = ("newborn", "child", "other", "pet", "self")
"""Word groups that say who a message is about."""


@dataclass(frozen=True)
class Label:
    """What a phrase of the book stands for: a sign or a context rule, and which list it is in.

    `raises` tells that it can only make a sign count, not set one aside.
    """

    what: Literal["sign", "rule", "word", "amount"]
    index: int
    part: Literal["happening", "mentions", "unlike", "cue"]
    raises: bool = True


@dataclass(frozen=True)
class Lexicon:
    """All safety data, compiled."""

    signs: tuple[Sign, ...]
    rules: tuple[ContextRule, ...]
    combinations: tuple[Combination, ...]
    amounts: AmountRules
    sources: dict[str, Source]
    groups: dict[str, list[str]]
    labels: tuple[Label, ...]
    book: PhraseBook
    reader: Reader
    speller: Speller


def _phrases(block: Any, parts: tuple[str, ...]) -> Iterator[tuple[str, int, str]]:
    for part in parts:
        for i, phrase in enumerate(getattr(block, part)):
            yield part, i, phrase


def _spell(word: str) -> list[str]:
    if word.startswith("@") or not any(c.isalpha() for c in word):
        return [word]
    return _plain_reader.phrase_words(word)


_plain_reader = Reader(Speller((), (), {}), {}, {})


def load_lexicon(folder: Path) -> Lexicon:
    """Read `folder`. Raises SafetyFileError (file, line, reason) for the first mistake."""
    vocabulary = read_model(folder / "vocabulary.yml", Vocabulary)
    ordinary = read_model(folder / "ordinary-words.yml", WordList)
    sources = read_model(folder / "sources.yml", SourceFile)
    context = read_model(folder / "context.yml", ContextFile)
    amounts = read_model(folder / "amounts.yml", AmountRules)
    combined = read_model(folder / "combinations.yml", CombinationFile)
    book = PhraseBook(vocabulary.groups, _spell)
    book.never_skip(vocabulary.never_skipped)
    labels: list[Label] = []
    signs: list[Sign] = []

    ordinary_words = frozenset(ordinary.words.split())

    def add(
        file: Path, place: tuple[Any, ...], phrase: str, label: Label,
        inflected: bool = False,
    ) -> None:  # fmt: skip
        labels.append(label)
        book.endings = ordinary_words if inflected else frozenset()
        try:
            book.add(phrase, len(labels) - 1)
        except PhraseError as error:
            raise SafetyFileError(file, line_in(file, place), str(error)) from error

    def check_sources(file: Path, place: tuple[Any, ...], keys: list[str]) -> None:
        for key in keys:
            if key not in sources.sources:
                raise SafetyFileError(
                    file, line_in(file, place), f"source {key!r} is not in sources.yml"
                )

    for file in sorted(folder.glob("signs-*.yml")):
        read = read_model(file, SignFile)
        for i, sign in enumerate(read.signs):
            if any(sign.sign == other.sign for other in signs):
                raise SafetyFileError(
                    file, line_in(file, ("signs", i)), f"a second sign {sign.sign!r}"
                )
            check_sources(file, ("signs", i, "sources"), sign.sources)
            for part, j, phrase in _phrases(sign, ("happening", "mentions", "unlike")):
                label = Label("sign", len(signs), part, part != "unlike")  # type: ignore[arg-type]
                add(file, ("signs", i, part, j), phrase, label,
                    sign.inflected and part != "unlike")  # fmt: skip
            signs.append(sign)
    if not signs:
        raise SafetyFileError(folder, 1, "has no file of danger signs (signs-*.yml)")
    file = folder / "context.yml"
    for i, rule in enumerate(context.rules):
        for part, j, phrase in _phrases(rule, ("phrases", "unlike")):
            label = Label(
                "rule",
                i,
                "cue" if part == "phrases" else "unlike",
                (rule.context in RAISING) is (part == "phrases"),
            )
            add(file, ("rules", i, part, j), phrase, label)
    file = folder / "combinations.yml"
    names = {sign.sign for sign in signs}
    for i, combination in enumerate(combined.combinations):
        place = ("combinations", i)
        check_sources(file, (*place, "sources"), combination.sources)
        for name in {n for any_of in combination.all_of for n in any_of} - names:
            raise SafetyFileError(
                file, line_in(file, (*place, "all_of")), f"there is no sign {name!r}"
            )
    for i, name in enumerate(WATCHED_GROUPS):
        if name not in vocabulary.groups:
            raise SafetyFileError(
                folder / "vocabulary.yml", 1, f"the word group {name!r} is needed"
            )
        for j, member in enumerate(vocabulary.groups[name]):
            add(folder / "vocabulary.yml", ("groups", name, j), member,
                Label("word", i, "cue"))  # fmt: skip
    file = folder / "amounts.yml"
    check_sources(file, ("sources",), amounts.sources)
    for i, (name, phrases) in enumerate(amounts.cues.items()):
        for j, phrase in enumerate(phrases):
            add(file, ("cues", name, j), phrase, Label("amount", i, "cue"))
    for word in {
        *amounts.numbers,
        *amounts.milligrams,
        *amounts.tablet_words,
        *amounts.millilitres,
    }:
        book.know(word)
    never = {w for word in vocabulary.never_repaired for w in _spell(word)}
    written = {
        word: tuple(
            tuple(w for form in part.split("/") for w in _spell(form)) if "/" in part else (w,)
            for part in phrase.split()
            for w in (_spell(part) if "/" not in part else ("",))
        )
        for word, phrase in vocabulary.spellings.items()
    }
    for word, plain in BARE_NOT.items():
        written.setdefault(word, ((plain,),))
    for word, parts in RUN_ON.items():
        written.setdefault(word, tuple((part,) for part in parts))
    extra = {w for words in written.values() for forms in words for w in forms}
    speller = Speller(
        {w for w in book.written if not w.startswith("@")}, ordinary_words | never | extra, written
    )
    return Lexicon(
        signs=tuple(signs),
        rules=tuple(context.rules),
        combinations=tuple(combined.combinations),
        amounts=amounts,
        sources=sources.sources,
        groups=vocabulary.groups,
        labels=tuple(labels),
        book=book,
        reader=Reader(speller, vocabulary.emoji, vocabulary.ranges),
        speller=speller,
    )
