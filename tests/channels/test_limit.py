"""Twenty messages a minute of one person are answered; danger is heard whatever their number."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from medassist.channels.limit import MESSAGES_A_MINUTE
from medassist.storage.tables import contacts, incoming_messages, now
from tests.channels import said
from tests.channels.conftest import CHANNELS, Clinic
from tests.conftest import wait_until

WORD = "You are sending messages faster than I can read them"


def has_sent_many(clinic: Clinic, eventually, channel: str, earlier: float = 0.0) -> Any:
    """Somebody who was answered once, and wrote as often as the limit allows."""
    person = clinic.person(channel)
    person.say("hello")
    eventually(lambda: len(person.inbox) == 1)
    at = now() - timedelta(seconds=earlier)
    rows = [
        {"channel": channel, "digest": f"{n:064d}", "received_at": at, "done_at": at, "tries": 1}
        for n in range(MESSAGES_A_MINUTE - 1)
    ]
    with clinic.engine.begin() as connection:
        conversation = connection.execute(select(contacts.c.conversation)).scalar_one()
        connection.execute(update(incoming_messages).values(received_at=at))
        connection.execute(
            insert(incoming_messages), [{**row, "conversation": conversation} for row in rows]
        )
    return person


def settled(clinic: Clinic) -> bool:
    """Whether every message was dealt with."""
    query = select(incoming_messages.c.id).where(incoming_messages.c.done_at.is_(None))
    with clinic.engine.connect() as connection:
        return connection.execute(query).first() is None


@pytest.mark.parametrize("channel", CHANNELS)
def test_beyond_the_limit_there_is_one_honest_word_and_then_silence(
    clinic: Clinic, eventually, channel: str
) -> None:
    person = has_sent_many(clinic, eventually, channel)
    for n in range(3):
        person.say(f"more {n}")
    eventually(lambda: settled(clinic))
    eventually(lambda: len(person.inbox) == 2)
    assert WORD in person.inbox[1]
    assert person.inbox[1].startswith("If someone is in danger, call 911 now.")
    assert clinic.turns.texts == ["hello"]
    assert not wait_until(lambda: len(person.inbox) > 2, 0.3, 0.05)


@pytest.mark.parametrize("channel", CHANNELS)
def test_danger_is_heard_beyond_the_limit(clinic: Clinic, eventually, channel: str) -> None:
    clinic.turns.sets["she is blue"] = {"level": "emergency"}
    clinic.turns.script["she is blue"] = "utter_emergency"
    person = has_sent_many(clinic, eventually, channel)
    person.say("and another")
    person.say("she is blue")
    eventually(lambda: len(person.inbox) == 3)
    assert WORD in person.inbox[1]
    assert person.inbox[2].startswith("Call 911 now")
    person.say("what now?")  # the conversation is dangerous: all of it is heard
    eventually(lambda: person.inbox[-1] == "You said: what now?")


def test_staff_who_hold_the_conversation_get_all_of_it(clinic: Clinic, eventually) -> None:
    person = has_sent_many(clinic, eventually, "sms")
    clinic.rasa.push(clinic.turns.conversation, said.handover(True))
    person.say("one more thing")
    eventually(lambda: clinic.turns.texts[-1] == "one more thing")
    assert len(person.inbox) == 1


def test_words_that_cannot_be_read_beforehand_are_heard(
    clinic: Clinic, eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_text: str) -> None:
        raise ValueError

    monkeypatch.setattr(clinic.agent, "parse_message", broken)
    person = has_sent_many(clinic, eventually, "sms")
    person.say("anything")
    eventually(lambda: person.inbox[-1] == "You said: anything")


def test_stop_counts_beyond_the_limit(clinic: Clinic, eventually) -> None:
    person = has_sent_many(clinic, eventually, "sms")
    person.say("STOP")
    eventually(lambda: settled(clinic))
    with clinic.engine.connect() as connection:
        assert connection.execute(select(contacts.c.opted_out_at)).scalar_one()


def test_a_minute_later_messages_are_answered_again(clinic: Clinic, eventually) -> None:
    person = has_sent_many(clinic, eventually, "sms", earlier=61)
    person.say("calm now")
    eventually(lambda: person.inbox[-1] == "You said: calm now")
