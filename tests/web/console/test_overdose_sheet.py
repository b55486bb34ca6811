"""What the overdose sheet tells a poison line, and what it says is still to ask."""

from __future__ import annotations

from typing import Any

import pytest

from medassist.web.console.conversation import Conversation, read_conversation
from medassist.web.console.marks import sign_names
from medassist.web.console.overdose_sheet import SheetLine, overdose_sheet
from tests.web.console.understanding import DATA, baclofen, understand


def conversation(*texts: str, **slots: Any) -> Conversation:
    events: list[dict[str, Any]] = []
    for number, text in enumerate(texts):
        events.append(
            {"event": "user", "text": text, "timestamp": 1_790_000_000.0 + number,
             "message_id": f"message-{number}", "parse_data": understand(text, events)}
        )  # fmt: skip
    return read_conversation({"events": events, "slots": slots})


def sheet(*texts: str, known: bool = True, **slots: Any) -> dict[str, SheetLine]:
    lines = overdose_sheet(
        conversation(*texts, **slots), baclofen() if known else None, sign_names(DATA / "safety")
    )
    return {line.about: line for line in lines}


def words(line: SheetLine) -> str:
    return " | ".join(known.words for known in line.known)


def test_the_amount_stands_in_milligrams_against_the_limit() -> None:
    line = sheet("I took 12 baclofen 10mg tablets an hour ago")["How much"]
    assert "12 tablets" in words(line)
    assert "120 mg. The most in a whole day is 80 mg for adults: this is 1.5 times that" in words(
        line
    )
    assert line.known[0].danger
    assert line.known[0].quote.startswith("I took 12 baclofen 10mg tablets")


def test_a_strength_that_nobody_said_is_told_as_such_and_asked_for() -> None:
    line = sheet("I took 12 baclofen")["How much"]
    assert "120 mg if each is 10 mg (the strength was not said)" in words(line)
    assert line.ask.startswith("How strong is each tablet?")


def test_an_adults_limit_is_no_comfort_for_a_child() -> None:
    line = sheet("my son is 6 and swallowed four of my 10mg baclofen tablets")["How much"]
    assert "80 mg for adults, which does not hold for a child" in words(line)
    assert "times that" not in words(line)
    assert line.known[0].danger


def test_of_two_signs_in_the_same_words_the_graver_is_told() -> None:
    told = words(sheet("I took 12 baclofen and I feel really confused")["Signs now"])
    assert "Severe confusion" in told
    assert "| Confusion" not in told


def test_an_amount_that_is_taken_back_is_no_longer_told() -> None:
    line = sheet("I took 12 baclofen tablets", "sorry, i meant 2 tablets, not 12")["How much"]
    assert "12 tablets" not in words(line)
    assert "2 tablets" in words(line)


def test_an_amount_that_was_only_asked_about_is_not_told_as_taken() -> None:
    line = sheet("what happens if I take 12 baclofen?")["How much"]
    assert line.known == ()
    assert line.ask.startswith("How much was taken?")


def test_two_amounts_are_not_added_up_but_asked_about() -> None:
    line = sheet("I took 12 baclofen tablets", "he also took 5 baclofen tablets")["How much"]
    assert len(line.known) == 2
    assert "the same tablets, told twice" in line.ask


def test_the_time_is_told_in_the_patients_words_with_when_it_was_written() -> None:
    line = sheet("I took 12 baclofen an hour ago")["When"]
    assert "hour ago" in words(line)
    assert line.known[0].at is not None
    assert line.ask == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("my son is 6 years old and swallowed 4 baclofen", "6 years old (a child"),
        ("she is 82", "82 years old"),
        ("my 7 month old baby", "7 months old (a child"),
    ],
)
def test_an_age_is_told_and_a_childs_is_marked(text: str, told: str) -> None:
    line = sheet(text)["Who and how old"]
    assert told in words(line)
    assert line.ask == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("he weighs 20 kg", "20 kg"),
        ("I'm 150 lbs", "68 kg (150 lbs)"),
        ("she is 10 stone", "64 kg (10 stone)"),
        ("i lost 5 kg this year", ""),
        ("I take 20 mg", ""),
        ("for 3 years", ""),
    ],
)
def test_a_weight_is_told_in_kilograms(text: str, told: str) -> None:
    line = sheet(text)["Weight"]
    assert words(line) == told
    assert bool(line.ask) != bool(told)


def test_alcohol_and_other_medicines_are_told() -> None:
    line = sheet("I took 12 baclofen with a bottle of vodka and some ibuprofen")[
        "Anything else taken"
    ]
    assert "vodka" in words(line)
    assert "ibuprofen" in words(line)
    assert "baclofen" not in words(line)
    assert line.ask == "Anything more?"


@pytest.mark.parametrize(
    ("text", "told", "danger"),
    [
        ("I took 20 baclofen because I want to die", "deliberate", True),
        ("he took them on purpose", "on purpose", True),
        ("it was not on purpose", "not on purpose", False),
        ("I took two by accident", "an accident", False),
        ("it was not an accident", "no accident", True),
        ("I took 12 baclofen", "", False),
    ],
)
def test_deliberate_or_not_is_told_in_their_own_words(text: str, told: str, danger: bool) -> None:
    line = sheet(text)["Deliberate or not"]
    assert told in words(line)
    assert any(known.danger for known in line.known) is danger
    assert bool(line.ask) is (told == "")


def test_kidney_disease_and_pregnancy_are_told_or_still_to_ask() -> None:
    told = sheet("I have kidney disease and I am pregnant")
    assert words(told["Kidneys"]) == "Kidney disease"
    assert words(told["Pregnant"]) == "Pregnant"
    assert told["Kidneys"].ask == told["Pregnant"].ask == ""
    silent = sheet("I took 12 baclofen")
    assert "kidney" in silent["Kidneys"].ask
    assert "pregnant" in silent["Pregnant"].ask


def test_denied_kidney_disease_is_not_told_as_an_illness() -> None:
    assert sheet("I don't have kidney disease")["Kidneys"].known == ()


def test_signs_are_told_with_those_that_were_denied() -> None:
    line = sheet("I took 12 baclofen", "she cannot breathe but no seizure")["Signs now"]
    assert any(known.danger for known in line.known)
    assert "They say no: Seizure" in words(line)
    assert line.ask


def test_a_medicine_without_a_file_has_no_limit_and_the_sheet_says_so() -> None:
    lines = sheet("I took 12 tablets", known=False, medicine="zolpidem")
    assert "zolpidem (we have no file on it" in words(lines["What"])


def test_what_the_conversation_knows_is_told_where_no_message_says_it() -> None:
    lines = sheet("help", situations=["kidney"], time="two hours ago", other_medicine="alcohol",
                  person="child")  # fmt: skip
    assert words(lines["Kidneys"]) == "Kidney disease"
    assert words(lines["When"]) == "“two hours ago”"
    assert words(lines["Anything else taken"]) == "alcohol"
    assert "a child" in words(lines["Who and how old"])


def test_an_empty_conversation_leaves_all_to_ask() -> None:
    lines = overdose_sheet(Conversation(()), None, {})
    assert all(line.ask and not line.known for line in lines)
