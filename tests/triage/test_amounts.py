"""Amounts in milligrams against the limits of baclofen's file: 80 mg a day, 20 mg at once, 10 mg tablets."""

from __future__ import annotations

import pytest

from medassist.triage.assess import Level
from tests.triage.conftest import Say

ABOVE = [
    ("i took 12", 120), ("took 200mg of baclofen", 200), ("took 200 mg of baclofen", 200),
    ("twelve 10mg tablets at once", 120), ("baclofen 10 mg x 8 plus one more, took 9 tablets", None),
    ("i swallowed 6 x 20mg", 120), ("10 mg x 12 taken by accident", 120), ("took a dozen", 120),
    ("i took a hundred mg of baclofen", 100), ("took between 9 and 12 pills", 120), ("i had 10-15 tablets", 150),
    ("took two hundred and fifty mg", 250), ("i have taken 100 mg today", 100),
    ("took 25 mls of the liquid, the 25 mg per 5 ml", 125), ("took 5 of the 20s", 100),
    ("i had three at breakfast, four at lunch and another four at 5", 110), ("took 20mg six times today", 120),
]  # fmt: skip
DOUBLE = [
    "i took 40 mg at once", "took 4 tablets together", "took 3 instead of 1", "took 50mg in one go",
    "i took two doses at once", "double dosed this morning", "took my dose twice by accident",
]  # fmt: skip
ORDINARY = [
    "20 mg four times a day", "i take 20 mg four times a day", "took two 10mg tablets as usual", "just had my usual 20 mg",
    "took 10 mg this morning", "10 mg in the morning, 10 at noon and 20 at night", "i took half a tablet",
    "took 1.5 tablets", "5 mg three times a day for three days",
]  # fmt: skip
NOT_DOSES = [
    "I'm 80", "room 12", "since 2019", "i am 5 ft 10 and 200 lbs", "my blood pressure is 120/80",
    "the bottle has 90 tablets", "it cost me $120 for 100 pills", "i took 12 photos", "i took the number 30 bus",
    "took 40 minutes to get here", "she is 12 years old", "i live at flat 30", "100 people take it",
]  # fmt: skip
QUESTIONS = [
    "what if i take 12", "can i take 12 tablets", "how many is too many, is 200 mg dangerous", "should i take 40 mg",
    "would 100 mg hurt me", "is 120 mg a day too much", "is it ok if i took two at once",
]  # fmt: skip


@pytest.mark.parametrize(("words", "mg"), ABOVE)
def test_above_the_daily_maximum_is_an_emergency(say: Say, words: str, mg: float | None) -> None:
    assessment = say(words)
    assert assessment.level is Level.EMERGENCY
    assert assessment.kind == "overdose"
    if mg is not None:
        assert max(a.mg or 0 for a in assessment.amounts) == mg


@pytest.mark.parametrize("words", DOUBLE)
def test_a_double_dose_within_the_day_s_limit_is_urgent(say: Say, words: str) -> None:
    assert say(words).level is Level.URGENT


@pytest.mark.parametrize("words", ORDINARY + NOT_DOSES)
def test_ordinary_doses_and_other_numbers_raise_nothing(say: Say, words: str) -> None:
    assert say(words).level is Level.ROUTINE


@pytest.mark.parametrize(
    ("words", "mg"),
    [("three tablets of 500 in one go, as printed", 1500), ("took two capsules of 75", 150)],
)
def test_a_number_after_tablets_of_is_their_strength(say: Say, words: str, mg: float) -> None:
    assessment = say(words, about=None)
    assert assessment.level is Level.ROUTINE
    assert [amount.mg for amount in assessment.amounts] == [mg]


def test_a_number_after_doses_of_is_no_strength(say: Say) -> None:
    assert say("i took 2 doses of 12 tablets").level is Level.EMERGENCY


@pytest.mark.parametrize("words", QUESTIONS)
def test_a_question_about_an_amount_is_not_an_overdose(say: Say, words: str) -> None:
    assert say(words).level is not Level.EMERGENCY


def test_a_regular_regimen_above_the_label_s_maximum_is_urgent(say: Say) -> None:
    assert say("i take 40 mg three times a day").level is Level.URGENT


@pytest.mark.parametrize(
    "words",
    [
        "took 30 pills",
        "swallowed the whole bottle",
        "took a handful of tablets",
        "i took ten of them",
    ],
)
def test_these_are_an_overdose_of_any_medicine(say: Say, words: str) -> None:
    assert say(words, about=None).level is Level.EMERGENCY


@pytest.mark.parametrize(
    ("words", "level"),
    [
        ("took 800 mg of ibuprofen with my baclofen", Level.ROUTINE),
        ("metformin 1000 mg twice a day", Level.ROUTINE),
        ("took 1000 mg paracetamol", Level.ROUTINE),
        ("took 1000 mg baclofen", Level.EMERGENCY),
        ("took 1000 mg baclofin", Level.EMERGENCY),
    ],
)
def test_an_amount_of_another_medicine_is_not_measured_by_baclofen(
    say: Say, words: str, level: Level
) -> None:
    assert say(words).level is level


@pytest.mark.parametrize(
    "words",
    [
        "can you help me i took 12 tablets", "what should i do i took 12", "is it bad if i took 12",
        "could you tell me what to do, my son took 15 baclofen", "i normally take 2 but today i took 11",
        "i was told to take 1 and i took 12", "my usual is 20 mg four times but yesterday took 200 mg",
    ],
)  # fmt: skip
def test_a_question_beside_an_overdose_that_happened_does_not_hide_it(say: Say, words: str) -> None:
    assert say(words).level is Level.EMERGENCY


@pytest.mark.parametrize(
    "words",
    [
        "i have taken baclofen for 12 years", "i took it 12 hours ago", "took it at 12", "can i take 12 in a week",
        "i used to take 100 mg a day years ago", "i took one tablet an hour ago", "took 10 mg at 8, 10 mg at 2 and 20 mg at 10",
    ],
)  # fmt: skip
def test_times_and_the_past_are_not_amounts_taken_now(say: Say, words: str) -> None:
    assert say(words).level is Level.ROUTINE


def test_the_amount_explains_itself(say: Say) -> None:
    assessment = say("i took 12 tablets")
    amount = assessment.amounts[0]
    assert (amount.mg, amount.count, amount.limit_mg, amount.kind) == (120, 12, 80, "event")
    assert "120 mg" in assessment.rule
    assert "80 mg" in assessment.rule
