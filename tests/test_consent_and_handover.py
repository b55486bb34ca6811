"""Who may answer: the robot once the person agreed, staff while they hold the conversation."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from medassist.cases.cases import history, open_cases
from medassist.storage.database import open_database
from medassist.web.conversation_key import sender_id
from tests.conftest import Bot
from tests.web.patient import Patient

AGREE = "I keep this chat"


class Visitor:
    """A patient on the website of a running medassist."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.patient = Patient(bot.settings.front_door_url)
        self.sender = sender_id(self.patient.key)
        self._listening = self.patient.listen()

    def says(self, text: str) -> list[dict[str, Any]]:
        """Everything that comes back within three quiet seconds after the first reply."""
        self.patient.say(text)
        replies = [self._listening.reply(20)]
        while True:
            try:
                replies.append(self._listening.reply(3))
            except queue.Empty:
                return replies

    def hears_nothing_after(self, text: str) -> bool:
        self.patient.say(text)
        return self._listening.nothing_more(5)

    def is_held(self, held: bool) -> None:
        """Staff step in, or hand back."""
        response = httpx.post(
            f"{self.bot.settings.rasa_url}/conversations/{self.sender}/tracker/events",
            params={"token": self.bot.settings.internal_secret},
            json=[{"event": "slot", "name": "handover", "value": held}],
        )
        response.raise_for_status()

    def case(self) -> Any:
        engine = open_database(self.bot.settings.database_url)
        return next((c for c in open_cases(engine) if c.conversation == self.sender), None)


@pytest.fixture
def visitor(bot: Bot) -> Iterator[Visitor]:
    visitor = Visitor(bot)
    yield visitor
    visitor.patient.close()


def said(replies: list[dict[str, Any]]) -> str:
    return "\n".join(reply["text"] for reply in replies)


def test_an_ordinary_question_is_answered_once_the_person_agreed(visitor: Visitor) -> None:
    asked = visitor.says("what is baclofen used for")
    assert AGREE in said(asked)
    assert "spasticity" not in said(asked)
    assert [b["title"] for b in asked[-1]["buttons"]] == ["I agree", "No"]
    agreed = visitor.says("I agree")
    assert "spasticity" in said(agreed)
    assert agreed[-1]["custom"]["medicine"] == "baclofen"
    assert AGREE not in said(visitor.says("and with alcohol?"))


def test_danger_does_not_wait_for_consent(visitor: Visitor) -> None:
    replies = visitor.says("i took 30 baclofen and i feel so sleepy")
    assert replies[0]["text"].startswith("Call 911 now")
    assert AGREE not in said(replies)


def test_something_urgent_does_not_wait_for_consent(visitor: Visitor) -> None:
    replies = visitor.says("i ran out of my baclofen two days ago")
    assert AGREE not in said(replies)
    assert "call" in said(replies).lower()


def test_without_consent_only_danger_is_answered(visitor: Visitor) -> None:
    visitor.says("what is baclofen used for")
    refused = visitor.says("No")
    assert "I still watch for danger" in said(refused)
    assert AGREE in said(visitor.says("can i drive on baclofen"))
    assert visitor.says("he cant breathe")[0]["text"].startswith("Call 911 now")


def test_a_person_can_be_asked_for_and_data_deleted_without_consent(visitor: Visitor) -> None:
    assert AGREE not in said(visitor.says("I want to talk to a person"))
    assert AGREE not in said(visitor.says("delete my data"))


def test_the_robot_is_quiet_while_staff_hold_the_conversation(visitor: Visitor) -> None:
    visitor.says("hello")
    visitor.is_held(True)
    assert visitor.hears_nothing_after("what is baclofen used for")
    visitor.is_held(False)
    assert AGREE in said(visitor.says("what is baclofen used for"))


def test_an_emergency_gets_its_card_while_staff_hold_the_conversation(visitor: Visitor) -> None:
    visitor.says("hello")
    visitor.is_held(True)
    replies = visitor.says("now my dad is blue and not breathing")
    assert replies[0]["text"].startswith("Call 911 now")
    assert visitor.case().level == "emergency"
    assert visitor.hears_nothing_after("ok thanks")


def test_something_urgent_reaches_the_case_quietly_while_staff_hold_the_conversation(
    visitor: Visitor,
) -> None:
    visitor.says("I want to talk to a person")
    visitor.is_held(True)
    assert visitor.hears_nothing_after("i ran out of my baclofen two days ago")
    case = visitor.case()
    assert case.level == "urgent"
    engine = open_database(visitor.bot.settings.database_url)
    assert history(engine, case.id)[-1]["detail"]["words"].startswith("i ran out")
