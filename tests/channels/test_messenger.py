"""Messenger: the challenge, several pages, quick replies, echoes."""

from __future__ import annotations

import httpx
import pytest

from tests.channels import said
from tests.channels.conftest import Clinic
from tests.channels.providers.messenger import VERIFY_TOKEN
from tests.conftest import wait_until


@pytest.mark.parametrize(
    ("mode", "token", "status"),
    [("subscribe", VERIFY_TOKEN, 200), ("subscribe", "wrong", 403), ("other", VERIFY_TOKEN, 403)],
)
def test_meta_s_challenge_is_answered_if_it_knows_our_word(
    clinic: Clinic, mode: str, token: str, status: int
) -> None:
    asked = {"hub.mode": mode, "hub.verify_token": token, "hub.challenge": "1158201444"}
    url = f"{clinic.front_door.url}/webhooks/messenger/events"
    answer = httpx.get(url, params=asked, trust_env=False)
    assert answer.status_code == status
    assert answer.text == ("1158201444" if status == 200 else "")


def test_each_page_answers_with_its_own_token(clinic: Clinic, eventually) -> None:
    from tests.channels.providers.messenger import Person

    for page in ("1029384756", "5647382910"):
        person = Person(clinic.front_door.url, clinic.stand_ins["messenger"], page)
        person.say("hello")
        eventually(lambda person=person: person.inbox == ["You said: hello"])
        assert person.sent[0]["page"] == page


def test_a_page_that_is_not_ours_is_not_answered(clinic: Clinic) -> None:
    from tests.channels.providers.messenger import Person

    person = Person(clinic.front_door.url, clinic.stand_ins["messenger"], "999")
    person.say("hello")
    assert not wait_until(lambda: clinic.turns.got, 0.4, 0.05)


def test_short_choices_are_quick_replies(clinic: Clinic, eventually) -> None:
    clinic.turns.script["hm"] = [said.fixed("utter_safety_question")]
    person = clinic.person("messenger")
    person.say("hm")
    eventually(lambda: person.sent)
    replies = person.sent[0]["message"]["quick_replies"]
    assert [r["title"] for r in replies] == ["Yes", "No"]


def test_long_choices_are_numbered_and_a_tap_sends_their_words(clinic: Clinic, eventually) -> None:
    clinic.turns.script["hm"] = [said.answer()]
    person = clinic.person("messenger")
    person.say("hm")
    eventually(lambda: person.sent)
    last = person.sent[-1]["message"]
    assert "2 Can I drink alcohol with baclofen?" in last["text"]
    assert [r["title"] for r in last["quick_replies"]] == ["1", "2"]
    payload = last["quick_replies"][1]["payload"]
    person.post(person.message(text="2", quick_reply={"payload": payload}))
    eventually(lambda: clinic.turns.texts[-1] == "Can I drink alcohol with baclofen?")


@pytest.mark.parametrize(
    "event",
    [
        {"message": {"mid": "m_e1", "text": "mine", "is_echo": True}},
        {"delivery": {"mids": ["m_1"], "watermark": 1}},
        {"read": {"watermark": 1}},
        {"reaction": {"emoji": "x"}},
    ],
)
def test_echoes_and_reports_are_not_answered(clinic: Clinic, event: dict) -> None:
    person = clinic.person("messenger")
    assert person.post(person.events(**event)).status_code == 200
    assert not wait_until(lambda: clinic.turns.got, 0.4, 0.05)


def test_the_get_started_button_is_read(clinic: Clinic, eventually) -> None:
    person = clinic.person("messenger")
    person.post(person.events(postback={"mid": "m_p1", "title": "Get started", "payload": "Hello"}))
    eventually(lambda: clinic.turns.texts == ["Hello"])
