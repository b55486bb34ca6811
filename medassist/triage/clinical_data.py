"""The shape of the safety files: what a clinician may write in `data/safety`, and nothing else.

One class a kind of block. An unknown key, a missing one or a wrong value is an error that
names its file and line (`safety_files`).
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from .findings import Level
from .safety_files import Strict

KINDS = "^(emergency|overdose|self_harm|withdrawal|side_effect)$"
CONTEXTS = (
    "^(negated|hypothetical|asked|historical|family|study|chronic|idiom|personal|present|generic"
    "|stop|correction)$"
)


class Source(Strict):
    """Where a clinical rule comes from; `url` None for a rule of this project."""

    title: str
    url: str | None = Field(None, regex="^https?://")
    checked: date
    via: Literal["stored-copy", "fact-sheet", "seed", "project", "not-read"]


class Examples(Strict):
    """Sentences that prove a block: the sign counts in `yes`, and not in `no`."""

    yes: list[str] = []
    no: list[str] = []


class Sign(Strict):
    """One danger sign. `happening` phrases say that it happens; `mentions` only name it.

    `group` "danger" raises its level by itself; "symptom" matters in combinations; "state" is
    stopping or running out; "note" changes other rules. `counts_when` lists contexts in which
    it counts all the same. `inflected`: every word also stands for its other endings (crackle,
    crackles, crackled, crackling).
    """

    sign: str = Field(regex="^[a-z_]+$")
    name: str
    level: Level
    kind: str | None = Field(None, regex=KINDS)
    group: Literal["danger", "symptom", "state", "note"] = "danger"
    why: str = Field(min_length=5)
    sources: list[str] = Field(min_items=1)
    happening: list[str] = []
    mentions: list[str] = []
    unlike: list[str] = []
    counts_when: list[str] = []
    inflected: bool = False
    examples: Examples


class SignFile(Strict):
    """A file of danger signs."""

    about: str
    signs: list[Sign] = Field(min_items=1)


class ContextRule(Strict):
    """Words that change what the signs near them mean.

    `covers`: the words after the cue, before it, its whole sentence, or the whole message, at
    most `reach` words away. `applies_to` mentions only, or also to what is said to happen.
    `firm` holds even if the sentence says that it is now.
    """

    rule: str = Field(regex="^[a-z_]+$")
    context: str = Field(regex=CONTEXTS)
    covers: Literal["after", "before", "sentence", "message"]
    reach: int | None = Field(None, ge=1)
    applies_to: Literal["mentions", "everything"] = "everything"
    passes_clauses: bool = False
    passes_commas: bool = False
    leads: bool = False
    firm: bool = False
    why: str = Field(min_length=5)
    phrases: list[str] = Field(min_items=1)
    unlike: list[str] = []
    examples: Examples


class ContextFile(Strict):
    """The context rules, the first that fits decides."""

    about: str
    rules: list[ContextRule] = Field(min_items=1)


class Combination(Strict):
    """Signs that together mean more: one of each list of `all_of` must be present."""

    rule: str = Field(regex="^[a-z_]+$")
    all_of: list[list[str]] = Field(min_items=1)
    level: Level
    kind: str = Field(regex=KINDS)
    same_message: bool = False
    says: str = Field(min_length=5)
    sources: list[str] = Field(min_items=1)
    examples: Examples


class CombinationFile(Strict):
    """Combinations of signs."""

    about: str
    combinations: list[Combination]


class Vocabulary(Strict):
    """Word groups for phrases, usual misspellings and slang, emoji, words never repaired."""

    about: str
    ranges: dict[str, list[tuple[float, float]]]
    groups: dict[str, list[str]]
    spellings: dict[str, str]
    emoji: dict[str, str]
    never_repaired: list[str]
    never_skipped: list[str]


class WordList(Strict):
    """Ordinary words, which are never taken for a misspelt danger word."""

    about: str
    licence: str
    words: str


class AmountRules(Strict):
    """How amounts are read and judged (`amounts.yml`); units in mg and mL, counts in tablets."""

    about: str
    sources: list[str] = Field(min_items=1)
    many_at_once: float = Field(gt=0)
    several_at_once: float = Field(gt=0)
    times_usual: float = Field(gt=1)
    says: dict[str, str]
    numbers: dict[str, float]
    milligrams: dict[str, float]
    millilitres: dict[str, float]
    tablet_words: frozenset[str]
    between_words: frozenset[str]
    not_doses: frozenset[str]
    other_medicines: frozenset[str]
    not_before: frozenset[str]
    small_words: frozenset[str]
    meal_followers: frozenset[str]
    bare_followers: frozenset[str]
    cues: dict[str, list[str]]


class SourceFile(Strict):
    """Every source that the safety files name."""

    about: str
    sources: dict[str, Source]
