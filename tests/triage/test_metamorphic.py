"""What must not change a level: text around it, case, apostrophes, spacing, emoji, one typo."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medassist.triage.assess import Level, Triage
from medassist.triage.lexicon import load_lexicon
from tests.triage.conftest import SAFETY

TRIAGE = Triage.load(SAFETY)
DANGER = sorted(
    words
    for sign in load_lexicon(SAFETY).signs
    if sign.level is Level.EMERGENCY
    for words in sign.examples.yes
    if TRIAGE.assess(words).level is Level.EMERGENCY
)
ROUTINE = [
    "How do I store the tablets?", "Thanks for your help yesterday.", "I take it with food in the morning.",
    "My appointment is on Tuesday at the clinic.", "What does it look like?", "The weather has been lovely.",
    "I have two cats and a garden.", "Do you have the price of the 10 mg ones?", "I am 64 and live in flat 30.",
]  # fmt: skip
DENIED = [
    "No rash.",
    "I don't have a headache.",
    "No fever and no cough.",
    "He never had a stroke.",
]
TYPED = [
    ("i can't breathe", "breathe"), ("she is having a seizure", "seizure"), ("he is unconscious", "unconscious"),
    ("i am hallucinating", "hallucinating"), ("my lips are swollen", "swollen"), ("she collapsed", "collapsed"),
    ("i took an overdose", "overdose"), ("he is suicidal", "suicidal"), ("my speech is slurred", "slurred"),
    ("she is convulsing", "convulsing"), ("he is unresponsive", "unresponsive"), ("vomiting blood", "vomiting"),
    ("i want to kill myself", "myself"), ("he swallowed the whole bottle", "swallowed"), ("i have chest pain", "chest"),
]  # fmt: skip

kept = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def level(text: str) -> Level:
    return TRIAGE.assess(text).level


@kept
@given(
    st.sampled_from(DANGER),
    st.lists(st.sampled_from(ROUTINE), max_size=4),
    st.lists(st.sampled_from(ROUTINE), max_size=4),
)
def test_routine_text_before_and_after_never_lowers(
    danger: str, before: list[str], after: list[str]
) -> None:
    assert level(" ".join([*before, danger.rstrip(".") + ".", *after])) is Level.EMERGENCY


@kept
@given(st.sampled_from(DANGER), st.sampled_from(DENIED), st.booleans())
def test_a_denied_sign_beside_it_never_hides_it(danger: str, denied: str, first: bool) -> None:
    text = f"{denied} {danger}" if first else f"{danger}. {denied}"
    assert level(text) is Level.EMERGENCY


@kept
@given(
    st.sampled_from(DANGER),
    st.sampled_from([str.upper, str.lower, str.title, str.capitalize, str.swapcase]),
)
def test_case_never_lowers(danger: str, change: object) -> None:
    assert level(change(danger)) is Level.EMERGENCY  # type: ignore[operator]


@kept
@given(st.sampled_from(DANGER), st.sampled_from(["’", "'", "`", "´", "", "ʼ"]))
def test_apostrophes_never_lower(danger: str, mark: str) -> None:
    assert level(danger.replace("'", mark)) is Level.EMERGENCY


@kept
@given(st.sampled_from(DANGER), st.sampled_from(["  ", "\t", "\u00a0", " \u200b", "   "]))
def test_spacing_never_lowers(danger: str, space: str) -> None:
    assert level(f"  {danger.replace(' ', space)}\n") is Level.EMERGENCY


@kept
@given(st.sampled_from(DANGER), st.sampled_from("😭😱🙏😂👍❤️🥺"), st.booleans())
def test_emoji_never_lower(danger: str, emoji: str, within: bool) -> None:
    text = danger.replace(" ", f" {emoji} ", 1) if within else f"{emoji}{danger} {emoji * 3}"
    assert level(text) is Level.EMERGENCY


@st.composite
def with_one_typo(draw: st.DrawFn) -> str:
    text, word = draw(st.sampled_from(TYPED))
    at = draw(st.integers(1, len(word) - 2))
    letter = draw(st.sampled_from("aeiorstn"))
    kind = draw(st.sampled_from(["drop", "swap", "add", "double"]))
    typo = {
        "drop": word[:at] + word[at + 1 :],
        "swap": word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        "add": word[:at] + letter + word[at:],
        "double": word[:at] + word[at] + word[at:],
    }[kind]
    return text.replace(word, typo)


@settings(max_examples=250, deadline=None)
@given(with_one_typo())
def test_one_typo_in_the_danger_word_never_lowers(text: str) -> None:
    assert level(text) is Level.EMERGENCY


@pytest.mark.parametrize(
    "person",
    [
        "i am",
        "he is",
        "she is",
        "my mum is",
        "my husband is",
        "the patient is",
        "my son is",
        "they are",
    ],
)
@pytest.mark.parametrize(
    "sign", ["hallucinating", "having a seizure", "unconscious", "not breathing", "suicidal"]
)
def test_swapping_the_person_never_lowers(person: str, sign: str) -> None:
    assert level(f"{person} {sign}") is Level.EMERGENCY


@kept
@given(st.text(max_size=300))
def test_any_text_gets_an_assessment(text: str) -> None:
    assert level(text) in Level
