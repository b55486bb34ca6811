"""Whose medicine is which, and what a message that says little is about."""

from __future__ import annotations

from typing import Any

import pytest

from medassist.nlu.details import are_one_medicine, assign_roles, is_only_guessed, settled_topic


def mentions(text: str, *names: str) -> list[dict[str, Any]]:
    return [
        {"entity": "medicine", "value": name, "start": text.index(name), "end": 0} for name in names
    ]


@pytest.mark.parametrize(
    ("text", "names", "intent", "known", "own"),
    [
        ("what is baclofen", ["baclofen"], "ask_about", None, "baclofen"),
        ("can i have ibuprofen with it", ["ibuprofen"], "ask_interactions", "baclofen", None),
        ("how much ibuprofen can i take", ["ibuprofen"], "ask_dose", "baclofen", "ibuprofen"),
        (
            "ibuprofen while on baclofen",
            ["ibuprofen", "baclofen"],
            "ask_interactions",
            None,
            "baclofen",
        ),
        ("baclofen and ibuprofen", ["baclofen", "ibuprofen"], "ask_interactions", None, "baclofen"),
        (
            "aspirin while taking warfarin",
            ["aspirin", "warfarin"],
            "ask_interactions",
            None,
            "warfarin",
        ),
        ("ok and with baclofen", ["baclofen"], "ask_interactions", "zolpidem", "baclofen"),
        (
            "warfarin or zolpidem",
            ["warfarin", "zolpidem"],
            "ask_comparison",
            "zolpidem",
            "zolpidem",
        ),
    ],
)
def test_the_patients_medicine_and_the_other_one(
    text: str, names: list[str], intent: str, known: str | None, own: str | None
) -> None:
    found = mentions(text, *names)
    assign_roles(text, found, intent, known, {"baclofen"})
    patients = {m["value"] for m in found if m["role"] == "patient"}
    assert patients == ({own} if own else set())


def ranking(*pairs: tuple[str, float]) -> list[dict[str, Any]]:
    return [{"name": name, "confidence": confidence} for name, confidence in pairs]


@pytest.mark.parametrize(
    ("candidates", "situations", "topic"),
    [
        (ranking(("ask_conditions", 0.6), ("ask_dose", 0.3)), ["kidney"], "ask_dose"),
        (ranking(("ask_conditions", 0.9), ("ask_dose", 0.05)), ["kidney"], None),
        (ranking(("ask_conditions", 0.6), ("ask_dose", 0.3)), [], None),
        (ranking(("ask_dose", 0.6), ("ask_conditions", 0.3)), ["kidney"], "ask_dose"),
        (ranking(("ask_conditions", 0.5), ("ask_how_to_take", 0.4)), ["epilepsy"], None),
        (
            ranking(("nlu_fallback", 0.3), ("ask_age", 0.5), ("ask_missed_dose", 0.45)),
            ["child"],
            "ask_missed_dose",
        ),
        (ranking(("ask_age", 0.5), ("report_overdose", 0.45)), ["child"], None),
    ],
)
def test_a_situation_told_with_a_question_is_not_the_question(
    candidates: list[dict[str, Any]], situations: list[str], topic: str | None
) -> None:
    settled = settled_topic(candidates, situations)
    assert (settled["name"] if settled else None) == topic


@pytest.mark.parametrize(
    ("intent", "confidence", "named", "known", "guessed"),
    [
        ("ask_storage", 0.5, False, None, True),
        ("ask_storage", 0.9, False, None, False),
        ("ask_storage", 0.5, True, None, False),
        ("ask_storage", 0.5, False, "baclofen", False),
        ("ask_human", 0.5, False, None, False),
        ("report_overdose", 0.4, False, None, False),
        ("forget_me", 0.56, False, "baclofen", True),
        ("ask_bot", 0.7, False, None, False),
        ("affirm", 0.4, False, None, False),
    ],
)
def test_a_question_without_any_medicine_must_be_sure(
    intent: str, confidence: float, named: bool, known: str | None, guessed: bool
) -> None:
    entities = mentions("x", "x") if named else []
    assert is_only_guessed({"name": intent, "confidence": confidence}, entities, known) is guessed


@pytest.mark.parametrize(
    ("names", "one"),
    [
        ([("lioresal", "baclofen"), ("baclofen", "baclofen")], True),
        ([("Baclofen", "baclofen"), ("baclofen", "baclofen")], False),
        ([("lyrica", "pregabalin"), ("gabapentin", "gabapentin")], False),
        ([("baclofen", "baclofen")], False),
    ],
)
def test_a_brand_and_its_medicine_are_one(names: list[tuple[str, str]], one: bool) -> None:
    medicines = [{"name": name, "value": value} for name, value in names]
    assert are_one_medicine(medicines) is one
