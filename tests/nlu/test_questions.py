"""Two questions in one message are two answers, the more dangerous first."""

from __future__ import annotations

import pytest
from rasa.shared.nlu.training_data.message import Message

from medassist.nlu.parts import asks, clauses
from medassist.nlu.questions import in_order, of_clause


def intent(name: str, confidence: float = 0.95) -> dict[str, object]:
    return {"name": name, "confidence": confidence}


def order(whole: dict[str, object], *of_clauses: dict[str, object]) -> list[object]:
    return [chosen["name"] for chosen in in_order(whole, of_clauses)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("what is it for and can i drink on it", ["what is it for", "can i drink on it"]),
        (
            "I missed my dose and feel dizzy, can I take two?",
            ["I missed my dose", "feel dizzy", "can I take two?"],
        ),
        ("i have kidney disease can i take it", ["i have kidney disease", "can i take it"]),
        ("how long can i take it for", []),
        ("i want to know if i can take it", []),
        ("can i take ibuprofen and tylenol", []),
        ("Hi. What is it?", []),
    ],
)
def test_a_message_is_split_where_another_question_begins(text: str, parts: list[str]) -> None:
    assert clauses(text) == parts


def test_the_more_dangerous_question_is_answered_first() -> None:
    asked = order(intent("ask_dose", 0.5), intent("ask_uses"), intent("ask_missed_dose"))
    assert asked == ["ask_missed_dose", "ask_uses"]


def test_a_symptom_comes_before_the_question_beside_it() -> None:
    asked = order(
        intent("ask_missed_dose", 0.9), intent("ask_missed_dose"), intent("report_side_effect")
    )
    assert asked == ["report_side_effect", "ask_missed_dose"]


def test_at_most_three_are_answered() -> None:
    many = [intent(f"ask_{topic}") for topic in ("uses", "dose", "about", "product", "storage")]
    assert len(order(intent("ask_uses"), *many)) == 3


def test_a_clause_that_is_not_sure_adds_nothing() -> None:
    assert order(intent("ask_uses"), intent("ask_uses"), intent("ask_dose", 0.6)) == ["ask_uses"]


def test_a_question_behind_a_greeting_or_a_muddle_is_answered() -> None:
    assert order(intent("greet"), intent("greet"), intent("ask_uses")) == ["ask_uses"]
    assert order(intent("nlu_fallback", 0.3), intent("ask_uses")) == ["ask_uses"]


@pytest.mark.parametrize("whole", ["report_overdose", "out_of_scope", "ask_human", "forget_me"])
def test_reports_and_other_matters_are_not_changed(whole: str) -> None:
    assert order(intent(whole), intent("ask_uses"), intent("ask_dose")) == [whole]


@pytest.mark.parametrize(
    "clause", ["can i drink on it", "Also how long till it works", "with food?"]
)
def test_a_question_is_known_by_its_form(clause: str) -> None:
    assert asks(clause)


@pytest.mark.parametrize("clause", ["my elderly aunt is on baclofen.", "I missed my dose"])
def test_what_only_tells_is_no_question(clause: str) -> None:
    assert not asks(clause)


@pytest.mark.parametrize(
    ("ranking", "taken"),
    [
        ([("out_of_scope", 0.4), ("report_side_effect", 0.3)], "report_side_effect"),
        ([("out_of_scope", 0.4), ("ask_dose", 0.3)], "out_of_scope"),
        ([("ask_dose", 0.4), ("report_side_effect", 0.3)], "ask_dose"),
    ],
)
def test_a_symptom_beside_a_question_is_our_business(
    ranking: list[tuple[str, float]], taken: str
) -> None:
    ranked = [{"name": name, "confidence": confidence} for name, confidence in ranking]
    clause = Message({"text": "feel dizzy", "intent": ranked[0], "intent_ranking": ranked})
    assert of_clause(clause)["name"] == taken
