"""WhatsApp over Twilio: its 24 hours, its marks, its numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import update

from medassist.cases.contacts import Contact, barrier, barrier_to
from medassist.storage.tables import contacts, now
from tests.channels import said
from tests.channels.conftest import Clinic
from tests.channels.providers.twilio import TWO_BUTTONS, WRITE_BACK, WRITE_BACK_WORDS


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


def with_templates(clinic: Clinic, monkeypatch: pytest.MonkeyPatch, **templates: str) -> None:
    """The running connector of WhatsApp with these content SIDs."""
    connector = next(c for c in clinic.rasa.channels if c.name() == "whatsapp")
    twilio = replace(clinic.settings.channels.twilio, **templates)
    channels = replace(clinic.settings.channels, twilio=twilio)
    monkeypatch.setattr(connector, "settings", replace(clinic.settings, channels=channels))


def test_two_short_choices_are_buttons_where_the_clinic_has_made_the_template(
    clinic: Clinic, eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_templates(clinic, monkeypatch, two_buttons=TWO_BUTTONS)
    clinic.turns.script["odd"] = [said.fixed("utter_safety_question")]
    clinic.turns.script["how much?"] = [said.answer()]
    phone = clinic.phone(channel="whatsapp")
    phone.say("odd")
    eventually(lambda: len(phone.inbox) == 1)
    sent = clinic.twilio.sent[-1]
    assert (sent["ContentSid"], sent["Buttons"]) == (TWO_BUTTONS, "Yes|No")
    assert "If yes, call 911 now." in sent["Body"]
    phone.tap("No")
    eventually(lambda: clinic.turns.texts[-1] == "No")
    phone.say("how much?")  # its questions are longer than a button
    eventually(lambda: "Reply with a number" in phone.inbox[-1])
    assert clinic.twilio.wrong == []


def test_a_template_that_twilio_refuses_does_not_cost_the_words(
    clinic: Clinic, eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_templates(clinic, monkeypatch, two_buttons="HX" + "0" * 32)
    clinic.turns.script["odd"] = [said.fixed("utter_safety_question")]
    phone = clinic.phone(channel="whatsapp")
    phone.say("odd")
    eventually(lambda: len(phone.inbox) == 1)
    assert phone.inbox[0].endswith("If yes, call 911 now.\nPlease answer: Yes / No")
    assert clinic.twilio.wrong == ["21655 The ContentSid is invalid"]


def test_after_the_24_hours_a_reply_of_staff_asks_the_person_once_to_write_back(
    clinic: Clinic, eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_templates(clinic, monkeypatch, write_back=WRITE_BACK)
    phone = clinic.phone(channel="whatsapp")
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    conversation = clinic.turns.conversation
    case = clinic.open_case(conversation, "whatsapp")
    with clinic.engine.begin() as connection:
        connection.execute(update(contacts).values(heard_at=now() - timedelta(hours=25)))
    clinic.twilio.window_closed = True
    for number in range(2):
        clinic.rasa.push(conversation, said.staff_reply("Please call us.", f"wb-{number}"))
    eventually(lambda: len(clinic.undelivered(case)) == 2)
    eventually(lambda: phone.inbox == ["You said: hello", WRITE_BACK_WORDS])
    for detail in clinic.undelivered(case):
        assert detail["reason"].endswith("They have been asked to write back.")
        assert detail["text"] == "Please call us."
    assert clinic.twilio.wrong == []


@pytest.mark.parametrize("key", ["MEDASSIST_WHATSAPP_TWO_BUTTONS", "MEDASSIST_WHATSAPP_WRITE_BACK"])
def test_a_content_sid_that_is_none_is_refused_in_one_line(clinic: Clinic, key: str) -> None:
    from medassist.settings import SettingsError, load_settings
    from tests.channels.conftest import environment

    apis = dict.fromkeys(clinic.providers, "http://127.0.0.1:9")
    with pytest.raises(SettingsError, match=f"^{key} must be a content SID"):
        load_settings({**environment(clinic.settings.var, apis), key: "SM123"})
