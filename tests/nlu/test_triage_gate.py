"""Which rule of the dialogue a message meets: its intent, after triage had its say."""

from __future__ import annotations

import pytest
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message

from medassist.nlu.tokens import MessageTokenizer
from medassist.nlu.triage import TRIAGE, TriageGate, as_entities, intent_of
from medassist.triage.assess import Assessment, Level, Triage
from medassist.triage.findings import Opinion
from medassist.triage.opinion import READER
from tests.triage.conftest import SAFETY


def assessment(level: Level, **more: object) -> Assessment:
    return Assessment(level=level, rule="because", rule_id=str(more.pop("rule_id", "x")), **more)  # type: ignore[arg-type]


def ranked(*names: str) -> list[dict[str, object]]:
    return [{"name": name, "confidence": 0.5} for name in names]


def chosen(made: Assessment, *names: str) -> str | None:
    return intent_of(made, {"name": names[0], "confidence": 0.5}, ranked(*names))


def test_doubt_meets_the_safety_question() -> None:
    doubted = assessment(Level.URGENT, doubt=True)
    assert chosen(doubted, "ask_dose") == "report_emergency"
    assert chosen(doubted, "report_withdrawal") == "report_emergency"


def test_words_that_may_be_suicidal_get_their_own_card() -> None:
    assert chosen(assessment(Level.URGENT, doubt=True), "report_self_harm") == "report_self_harm"


def test_a_card_of_the_rules_wins_over_the_classifier() -> None:
    made = assessment(Level.EMERGENCY, kind="overdose")
    assert chosen(made, "ask_dose", "report_withdrawal") == "report_overdose"


def test_an_emergency_of_the_second_reader_takes_the_likeliest_card() -> None:
    made = assessment(Level.EMERGENCY, rule_id=READER)
    assert (
        chosen(made, "ask_dose", "report_side_effect", "report_withdrawal") == "report_withdrawal"
    )
    assert chosen(made, "ask_dose", "ask_uses") == "report_emergency"


def test_a_question_that_should_be_heard_of_today_stays_a_question() -> None:
    made = assessment(Level.URGENT, rule_id=READER)
    assert chosen(made, "ask_side_effects", "report_side_effect") == "ask_side_effects"
    assert chosen(made, "inform", "report_self_harm") == "report_side_effect"
    assert chosen(made, "ask_human", "report_self_harm") == "ask_human"


@pytest.mark.parametrize(("question", "intent"), [("forget", "affirm"), (None, "report_overdose")])
def test_in_an_emergency_that_stands_only_the_question_about_deleting_is_answered(
    question: str | None, intent: str
) -> None:
    made = assessment(Level.EMERGENCY, kind="overdose", carried=True)
    said = {"name": "affirm", "confidence": 0.9}
    assert intent_of(made, said, ranked("affirm"), question) == intent


@pytest.mark.parametrize("alarming", ["report_emergency", "report_overdose", "report_self_harm"])
def test_what_only_sounds_alarming_is_answered_as_the_next_likeliest(alarming: str) -> None:
    made = assessment(Level.ROUTINE)
    assert chosen(made, alarming, "report_withdrawal", "ask_overdose") == "ask_overdose"
    assert chosen(made, alarming) == "nlu_fallback"


def test_a_question_during_a_standing_emergency_is_answered_as_what_it_is() -> None:
    made = assessment(Level.EMERGENCY, carried=True, kind="overdose")
    assert chosen(made, "ask_uses") == "ask_uses"
    assert chosen(made, "inform") == "report_overdose"


def test_a_no_to_the_safety_question_is_heard_also_while_something_stands() -> None:
    standing = assessment(Level.URGENT, carried=True, kind="emergency")
    assert chosen(standing, "deny") == "deny"
    assert chosen(assessment(Level.EMERGENCY, carried=True, kind="overdose"), "deny") == (
        "report_overdose"
    )


def test_an_emergency_never_gets_the_words_for_a_mild_symptom() -> None:
    made = assessment(Level.EMERGENCY, kind="side_effect")
    assert chosen(made, "report_side_effect") == "report_emergency"


def test_hopeless_words_in_doubt_get_the_crisis_card() -> None:
    made = assessment(Level.URGENT, doubt=True, kind="self_harm")
    assert chosen(made, "ask_dose") == "report_self_harm"


def test_a_name_that_was_asked_for_is_taken_while_something_urgent_stands() -> None:
    made = assessment(Level.URGENT, carried=True, kind="withdrawal")
    assert chosen(made, "inform") == "inform"


def test_amount_and_person_become_details_of_the_message() -> None:
    triage = Triage.load(SAFETY)
    made = as_entities(triage.assess("my daughter swallowed 3 of my 10 mg tablets"))
    told = {entity["entity"]: entity["value"] for entity in made}
    assert told["level"] == "emergency"
    assert told["person"] == "child"
    assert "3" in told["amount"]


class DrownedReader:
    """Sees danger in a passage read alone, and none of it in a long message."""

    def read(self, message: Message, assessment: Assessment) -> Opinion:
        text = message.get(TEXT)
        seen = 0.95 if "mirror" in text and len(text) < 120 else 0.01
        return Opinion(emergency=seen, urgent=seen)


def test_each_passage_of_a_long_message_is_read_alone() -> None:
    calm = "We were two weeks at the sea and the children loved every minute of it. "
    message = Message(
        {TEXT: f"{calm * 3}The mirror does not fog when I hold it to him. {calm * 3}"}
    )
    MessageTokenizer(MessageTokenizer.get_default_config()).process([message])
    TriageGate(None, None, DrownedReader()).process([message])  # type: ignore[arg-type]
    assert message.get(TRIAGE)["level"] == "emergency"
    assert message.get(TRIAGE)["opinion"]["passage"] == 0.95
