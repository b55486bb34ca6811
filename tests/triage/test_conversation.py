"""What was said before counts, until the person takes it back."""

from __future__ import annotations

import json

import pytest

from medassist.triage.assess import Assessment, Level, MedicineLimits, Triage
from tests.triage.conftest import Say

HOUR = 3600.0


@pytest.mark.parametrize(
    "turns",
    [
        ("i ran out on friday", "now i'm burning up and seeing things"),
        ("no trouble breathing", "now i can't breathe"),
        ("i stopped baclofen two days ago", "thanks", "i'm so confused and shaking"),
        ("my pump is beeping", "my legs are itching like mad"),
        ("he has a fever", "and his muscles are rigid"),
        ("i just took my first pill", "my face is swelling"),
        ("i took a double dose", "i can't keep my eyes open"),
        ("i took 3 tablets", "sorry, i meant 30"),
        ("can it cause seizures?", "because my son is having one"),
    ],
)
def test_two_messages_make_an_emergency(say: Say, turns: tuple[str, ...]) -> None:
    assert say(*turns).level is Level.EMERGENCY
    assert say(turns[0]).level is not Level.EMERGENCY


def test_withdrawal_is_urgent_in_itself(say: Say) -> None:
    assessment = say("i ran out of baclofen")
    assert (assessment.level, assessment.kind) == (Level.URGENT, "withdrawal")


def test_the_medicine_need_not_be_named_again(say: Say) -> None:
    assert (
        say("i take baclofen", "i ran out two days ago", "i'm hallucinating").level
        is Level.EMERGENCY
    )


def test_stopping_a_harmless_medicine_raises_nothing(say: Say, baclofen: MedicineLimits) -> None:
    from dataclasses import replace

    harmless = replace(
        baclofen, name="loratadine", names=("loratadine",), stopping_is_dangerous=False
    )
    assert say("i ran out of loratadine", about=harmless).level is Level.ROUTINE


def test_small_talk_does_not_lower_a_level(say: Say) -> None:
    assessment = say("my mum can't breathe", "how do i store the tablets")
    assert assessment.level is Level.EMERGENCY
    assert assessment.carried
    assert assessment.own_level is Level.ROUTINE


def test_a_corrected_amount_lowers_it(say: Say) -> None:
    assert say("i took 100 mg", "sorry, i meant 10 mg, one tablet").level is Level.ROUTINE


def test_a_correction_that_is_no_better_does_not(say: Say) -> None:
    assert say("i took 100 mg", "sorry, i meant 200 mg").level is Level.EMERGENCY


def test_nothing_takes_back_suicidal_words(say: Say) -> None:
    assert (
        say("i want to kill myself", "just kidding, i meant nothing by it").level is Level.EMERGENCY
    )


def test_a_sign_denied_later_no_longer_combines(say: Say) -> None:
    assert (
        say("i feel feverish", "no fever after all", "but i am stiff").level is not Level.EMERGENCY
    )


def test_after_a_day_a_conversation_starts_afresh(triage: Triage) -> None:
    first = triage.assess("i can't breathe", at=0.0)
    later = triage.assess("how do i store it", earlier=[first], at=25 * HOUR)
    sooner = triage.assess("how do i store it", earlier=[first], at=1 * HOUR)
    assert (later.level, sooner.level) == (Level.ROUTINE, Level.EMERGENCY)


@pytest.mark.parametrize(
    "words",
    [
        "i took 12 tablets and i can't breathe",
        "hello",
        "",
        "my toddler swallowed one",
        "what if i take 12",
    ],
)
def test_an_assessment_survives_being_stored(say: Say, words: str) -> None:
    assessment = say(words)
    assert Assessment.from_dict(json.loads(json.dumps(assessment.to_dict()))) == assessment
