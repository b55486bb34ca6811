"""Telegram: updates of all kinds, its keyboard, its wish to be left alone for a while."""

from __future__ import annotations

import pytest

from tests.channels import said
from tests.channels.conftest import Clinic
from tests.conftest import wait_until


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"sticker": {"file_id": "x"}}, "I can't read stickers."),
        ({"voice": {"file_id": "x"}}, "I can't listen to voice messages."),
        ({"video_note": {"file_id": "x"}}, "I can't watch videos."),
        ({"document": {"file_id": "x"}}, "I can't open files."),
        ({"location": {"latitude": 1, "longitude": 2}}, "I can't see where you are."),
        ({"contact": {"phone_number": "1"}}, "I can't open contact cards."),
        ({"dice": {"emoji": "x", "value": 1}}, "I can't read this kind of message."),
    ],
)
def test_what_holds_no_words_gets_a_plain_reply(
    clinic: Clinic, eventually, message: dict, words: str
) -> None:
    person = clinic.person("telegram")
    assert person.post(person.update(**message)).status_code == 200
    eventually(lambda: person.inbox == [f"{words} Please type it in words."])


def test_an_edited_message_is_read_anew(clinic: Clinic, eventually) -> None:
    person = clinic.person("telegram")
    person.post(person.update(text="I took 2"))
    person.post(person.update(edited=True, text="I took 20"))
    eventually(lambda: clinic.turns.texts == ["I took 2", "I took 20"])


def test_a_caption_is_read(clinic: Clinic, eventually) -> None:
    person = clinic.person("telegram")
    person.post(person.update(photo=[{"file_id": "x"}], caption="is this it?"))
    eventually(lambda: len(person.inbox) == 2)
    assert person.inbox[0] == "You said: is this it?"


def test_in_a_group_the_bot_says_nothing(clinic: Clinic) -> None:
    person = clinic.person("telegram")
    group = {"id": -100, "type": "supergroup", "title": "Family"}
    assert person.post(person.update(chat=group, text="hello")).status_code == 200
    assert not wait_until(lambda: clinic.turns.got, 0.4, 0.05)


def test_start_is_a_greeting(clinic: Clinic, eventually) -> None:
    person = clinic.person("telegram")
    person.say("/start")
    eventually(lambda: len(person.inbox) == 1)
    assert person.inbox[0].startswith("I am a robot")
    assert clinic.turns.got == []


def test_choices_are_keys_that_type_their_own_words(clinic: Clinic, eventually) -> None:
    clinic.turns.script["hm"] = [said.answer()]
    person = clinic.person("telegram")
    person.say("hm")
    eventually(lambda: person.sent)
    keys = person.sent[0]["reply_markup"]
    assert [row[0]["text"] for row in keys["keyboard"]] == [
        "How do I stop baclofen safely?", "Can I drink alcohol with baclofen?"
    ]  # fmt: skip
    assert keys["one_time_keyboard"]
    person.say("thanks")
    eventually(lambda: len(person.sent) == 2)
    assert person.sent[1]["reply_markup"] == {"remove_keyboard": True}


def test_sources_are_links(clinic: Clinic, eventually) -> None:
    clinic.turns.script["hm"] = [said.answer()]
    person = clinic.person("telegram")
    person.say("hm")
    eventually(lambda: person.sent)
    assert person.sent[0]["links"] == [source["url"] for source in said.SOURCES]


def test_telegram_s_wish_to_wait_is_respected(clinic: Clinic, eventually) -> None:
    person = clinic.person("telegram")
    person.provider.slow_down = 1
    person.say("hello")
    eventually(lambda: person.inbox == ["You said: hello"])


def test_a_person_who_blocked_the_bot_is_told_to_the_case(clinic: Clinic, eventually) -> None:
    person = clinic.person("telegram")
    person.say("hello")
    eventually(lambda: person.inbox)
    case = clinic.open_case(clinic.turns.conversation, "telegram")
    person.provider.blocked = True
    clinic.rasa.push(clinic.turns.conversation, said.staff_reply("Call us.", "t-1"))
    eventually(lambda: clinic.undelivered(case))
    assert clinic.undelivered(case) == [
        {"reason": "The person has blocked our bot on Telegram.", "text": clinic.undelivered(case)[0]["text"]}
    ]  # fmt: skip
    assert "Call us." in clinic.undelivered(case)[0]["text"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"update_id": 1}', b'{"message": 5}']
)
def test_an_update_without_sense_does_no_harm(clinic: Clinic, body: bytes) -> None:
    import httpx

    from tests.channels.providers.telegram import SECRET

    url = f"{clinic.front_door.url}/webhooks/telegram/updates"
    head = {"X-Telegram-Bot-Api-Secret-Token": SECRET, "Content-Type": "application/json"}
    assert httpx.post(url, content=body, headers=head, trust_env=False).status_code == 200
