"""WhatsApp over Twilio: its 24 hours, its marks, its numbers."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import update

from medassist.cases.contacts import Contact, barrier, barrier_to
from medassist.storage.tables import contacts, now
from tests.channels import said
from tests.channels.conftest import Clinic


def test_staff_are_told_that_the_24_hours_are_over(clinic: Clinic, eventually) -> None:
    phone = clinic.phone(channel="whatsapp")
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    conversation = clinic.turns.conversation
    case = clinic.open_case(conversation, "whatsapp")
    assert barrier(clinic.engine, conversation) is None
    with clinic.engine.begin() as connection:
        connection.execute(update(contacts).values(heard_at=now() - timedelta(hours=24, minutes=1)))
    assert "24 hours" in (barrier(clinic.engine, conversation) or "")
    calls = clinic.twilio.calls
    clinic.rasa.push(conversation, said.staff_reply("Please call us.", "w-1"))
    eventually(lambda: clinic.undelivered(case))
    assert clinic.undelivered(case)[0]["text"] == "Please call us."
    assert clinic.twilio.calls == calls
    phone.say("I am here again")
    eventually(lambda: phone.inbox[-1] == "You said: I am here again")
    assert barrier(clinic.engine, conversation) is None


@pytest.mark.parametrize(("hours", "stands"), [(23.99, False), (24.01, True)])
@pytest.mark.parametrize("channel", ["whatsapp", "messenger", "sms", "telegram"])
def test_only_meta_s_channels_have_the_window(channel: str, hours: float, stands: bool) -> None:
    at = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
    heard = at - timedelta(hours=hours)
    contact = Contact("c", channel, "line", "address", heard, None, (), None)
    wanted = stands and channel in ("whatsapp", "messenger")
    assert (barrier_to(contact, at) is not None) == wanted


def test_twilio_s_own_refusal_is_told_in_plain_words(clinic: Clinic, eventually) -> None:
    phone = clinic.phone(channel="whatsapp")
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    case = clinic.open_case(clinic.turns.conversation, "whatsapp")
    clinic.twilio.window_closed = True
    phone.say("more")
    eventually(lambda: clinic.undelivered(case))
    assert "24 hours" in clinic.undelivered(case)[0]["reason"]


def test_stop_is_a_word_like_any_other(clinic: Clinic, eventually) -> None:
    phone = clinic.phone(channel="whatsapp")
    phone.say("stop")
    eventually(lambda: phone.inbox == ["You said: stop"])


def test_choices_are_numbers_that_work(clinic: Clinic, eventually) -> None:
    clinic.turns.script["hm"] = [said.answer()]
    phone = clinic.phone(channel="whatsapp")
    phone.say("hm")
    eventually(lambda: phone.inbox)
    assert phone.inbox[0].endswith("2 Can I drink alcohol with baclofen?")
    phone.say("1")
    eventually(lambda: clinic.turns.texts[-1] == "How do I stop baclofen safely?")


def test_no_mark_of_ours_makes_words_bold_or_struck(clinic: Clinic, eventually) -> None:
    clinic.turns.script["hm"] = [{"text": "*a* _b_ ~c~ `d` https://x.example/_e_*f*"}]
    phone = clinic.phone(channel="whatsapp")
    phone.say("hm")
    eventually(lambda: phone.inbox)
    marked, address = phone.inbox[0].split(" https://")
    assert not set(marked) & set("*_~`")
    assert address == "x.example/_e_*f*"


def test_sms_and_whatsapp_of_one_number_are_two_conversations(clinic: Clinic, eventually) -> None:
    clinic.phone("+15550144444", "sms").say("one")
    clinic.phone("+15550144444", "whatsapp").say("two")
    eventually(lambda: len(clinic.turns.got) == 2)
    assert {c.split("-")[0] for c, _ in clinic.turns.got} == {"sms", "whatsapp"}
