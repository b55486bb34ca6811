"""Text messages, from the phone through Twilio's signed request to Rasa and back."""

from __future__ import annotations

import re

import httpx
import pytest

from medassist.channels.sms import HELP, START, STOP
from medassist.channels.words import Words
from medassist.regions import read_regions
from medassist.settings import ROOT
from tests.channels import said
from tests.channels.conftest import Clinic
from tests.channels.providers.twilio import GSM, OUR_NUMBER, SECOND_NUMBER, TOKEN, segments


def test_a_question_is_answered(clinic: Clinic, eventually) -> None:
    phone = clinic.phone()
    phone.say("can I drink wine with baclofen?")
    eventually(lambda: phone.inbox == ["You said: can I drink wine with baclofen?"])
    assert clinic.twilio.wrong == []


def test_the_conversation_does_not_bear_the_phone_number(clinic: Clinic, eventually) -> None:
    phone = clinic.phone("+15550112233")
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    assert re.fullmatch(r"sms-[0-9a-f]{32}", clinic.turns.conversation)


def test_each_number_of_ours_is_a_conversation_of_its_own(clinic: Clinic, eventually) -> None:
    first = clinic.phone(our_number=OUR_NUMBER)
    second = clinic.phone(our_number=SECOND_NUMBER)
    first.say("one")
    second.say("two")
    eventually(lambda: len(clinic.twilio.sent) == 2)
    assert {(m["From"], m["Body"]) for m in clinic.twilio.sent} == {
        (OUR_NUMBER, "You said: one"),
        (SECOND_NUMBER, "You said: two"),
    }
    assert len({conversation for conversation, _ in clinic.turns.got}) == 2


# ----------------------------------------------------------------------- danger


@pytest.mark.parametrize(
    "card",
    [
        "utter_emergency",
        "utter_overdose_emergency",
        "utter_withdrawal_emergency",
        "utter_self_harm",
    ],
)
def test_the_emergency_card_comes_first_in_one_text_message(
    clinic: Clinic, eventually, card: str
) -> None:
    clinic.turns.script["she took 40 pills"] = [
        said.fixed(card, "sms"),
        {"text": "I have put this on the list of the clinic's staff. Don't wait for them."},
    ]
    phone = clinic.phone()
    phone.say("she took 40 pills")
    eventually(lambda: len(phone.inbox) == 2)
    assert phone.inbox[0].startswith("Call ")
    assert len(phone.inbox[0]) <= 160
    assert segments(phone.inbox[0]) == 1
    assert set(phone.inbox[0]) <= set(GSM)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"NumMedia": "1", "MediaContentType0": "image/jpeg"}, "I can't open pictures."),
        ({"NumMedia": "1", "MediaContentType0": "image/webp"}, "I can't read stickers."),
        ({"NumMedia": "1", "MediaContentType0": "audio/ogg"}, "I can't listen to voice messages."),
        ({"NumMedia": "1", "MediaContentType0": "video/mp4"}, "I can't watch videos."),
        ({"NumMedia": "1", "MediaContentType0": "text/vcard"}, "I can't open contact cards."),
        ({"NumMedia": "1", "MediaContentType0": "application/pdf"}, "I can't open files."),
        ({"Latitude": "51.5", "Longitude": "-0.1"}, "I can't see where you are."),
        ({}, "I can't find any words in your message."),
    ],
)
def test_a_message_without_words_gets_a_plain_reply(
    clinic: Clinic, eventually, fields: dict[str, str], words: str
) -> None:
    phone = clinic.phone()
    phone.say("", **fields)
    eventually(lambda: phone.inbox == [f"{words} Please type it in words."])
    assert clinic.turns.got == []


@pytest.mark.parametrize("how", ["by triage", "by an open case"])
def test_a_picture_in_danger_gets_the_emergency_line_first(
    clinic: Clinic, eventually, how: str
) -> None:
    if how == "by triage":
        clinic.turns.sets["she is blue"] = {"level": "emergency"}
    phone = clinic.phone()
    phone.say("she is blue")
    eventually(lambda: len(phone.inbox) == 1)
    if how == "by an open case":
        clinic.open_case(clinic.turns.conversation)
    phone.say("", NumMedia="1", MediaContentType0="image/jpeg")
    eventually(lambda: len(phone.inbox) == 2)
    assert phone.inbox[1].startswith("If someone is in danger, call 911 now. I can't open pictures")
    assert segments(phone.inbox[1]) == 1


def test_words_that_come_with_a_picture_are_read(clinic: Clinic, eventually) -> None:
    phone = clinic.phone()
    phone.say("is this the right pill?", NumMedia="1", MediaContentType0="image/jpeg")
    eventually(lambda: len(phone.inbox) == 2)
    assert phone.inbox[0] == "You said: is this the right pill?"
    assert "I read your words, but I can't open pictures." in phone.inbox[1]


def test_what_the_channel_says_itself_stands_in_the_transcript(clinic: Clinic, eventually) -> None:
    phone = clinic.phone()
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    phone.say("", NumMedia="1", MediaContentType0="image/jpeg")
    eventually(lambda: len(phone.inbox) == 2)

    def lines() -> list[str]:
        events = clinic.rasa.tracker(clinic.turns.conversation)["events"]
        return [e["text"] for e in events if e["event"] == "bot"]

    eventually(lambda: lines()[-1].startswith("I can't open pictures."))


# ----------------------------------------------------------------------- fit for the channel


def test_a_long_answer_comes_in_at_most_three_numbered_parts(clinic: Clinic, eventually) -> None:
    clinic.turns.script["how much?"] = [said.answer(points=6, words="word " * 18 + "end")]
    phone = clinic.phone()
    phone.say("how much?")
    eventually(lambda: len(phone.inbox) == 3)
    parts = phone.inbox
    assert [part[:6] for part in parts] == ["(1/3) ", "(2/3) ", "(3/3) "]
    assert all(segments(part) <= 2 for part in parts)
    whole = "\n".join(parts)
    assert said.HELP in whole
    assert "not approved by a clinician" in whole
    assert "point 6" in whole or "All of it" in whole
    assert set(whole) <= set(GSM)


def test_the_link_leads_to_all_of_it_with_its_sources(clinic: Clinic, eventually) -> None:
    clinic.turns.script["how much?"] = [said.answer(points=6, words="word " * 40 + "end")]
    phone = clinic.phone()
    phone.say("how much?")
    eventually(lambda: len(phone.inbox) == 3)
    assert "point 6" not in "\n".join(phone.inbox)
    link = re.search(r"https://bot\.clinic\.example(/read/\S+)$", phone.inbox[-1])
    assert link
    page = httpx.get(f"{clinic.front_door.url}{link[1]}", trust_env=False)
    assert page.status_code == 200
    assert "point 6." in page.text
    assert "&lt;and&gt;" in page.text
    assert 'href="https://www.nhs.uk/medicines/baclofen_tablets/?a=1&amp;b=2"' in page.text
    assert page.headers["cache-control"] == "no-store"


def test_a_statement_about_sources_is_not_taken_for_the_list(clinic: Clinic, eventually) -> None:
    answer = said.answer(points=1)
    answer["text"] = f"Sources differ: one says this. Ask your prescriber.\n{answer['text']}"
    clinic.turns.script["how much?"] = [answer]
    phone = clinic.phone()
    phone.say("how much?")
    eventually(lambda: "All of it" in "".join(phone.inbox))
    assert "Sources differ: one says this." in phone.inbox[0]
    assert "US National Library of Medicine" not in "".join(phone.inbox)


def test_nobody_can_guess_a_link(clinic: Clinic) -> None:
    for token in ("A" * 16, "../../etc", "short"):
        page = httpx.get(f"{clinic.front_door.url}/read/{token}", trust_env=False)
        assert page.status_code == 404


def test_a_short_answer_keeps_its_sources_within_reach(clinic: Clinic, eventually) -> None:
    clinic.turns.script["how much?"] = [said.answer(points=1)]
    phone = clinic.phone()
    phone.say("how much?")
    link = "All of it, with sources: https://bot.clinic.example/read/"
    eventually(lambda: link in "".join(phone.inbox))


@pytest.mark.parametrize("reply", ["2", "2.", "#2", "(2)", "two", "Number 2", "option two"])
def test_a_number_stands_for_the_choice(clinic: Clinic, eventually, reply: str) -> None:
    clinic.turns.script["hm"] = [said.answer(points=1)]
    phone = clinic.phone()
    phone.say("hm")
    choices = "Reply with a number:\n1 How do I stop baclofen safely?\n2 Can I"
    eventually(lambda: choices in "\n".join(phone.inbox))
    phone.say(reply)
    eventually(lambda: len(clinic.turns.got) == 2)
    assert clinic.turns.texts[-1] == "Can I drink alcohol with baclofen?"


def test_a_further_reply_of_the_same_turn_leaves_the_choices(clinic: Clinic, eventually) -> None:
    clinic.turns.script["hm"] = [said.answer(points=1), {"text": "I told the staff."}]
    phone = clinic.phone()
    phone.say("hm")
    eventually(lambda: phone.inbox and phone.inbox[-1] == "I told the staff.")
    phone.say("1")
    eventually(lambda: len(clinic.turns.got) == 2)
    assert clinic.turns.texts[-1] == "How do I stop baclofen safely?"


@pytest.mark.parametrize("reply", ["yes", "Yes", "1"])
def test_the_safety_question_is_answered_by_number_or_word(
    clinic: Clinic, eventually, reply: str
) -> None:
    clinic.turns.script["odd feeling"] = [said.fixed("utter_safety_question")]
    phone = clinic.person("sms")  # a late reply to an earlier test's number is not theirs
    phone.say("odd feeling")
    eventually(lambda: phone.inbox)
    assert phone.inbox[0].endswith("Reply with a number:\n1 Yes\n2 No")
    phone.say(reply)
    eventually(lambda: len(clinic.turns.got) == 2)
    assert clinic.turns.texts[-1].lower() == "yes"


@pytest.mark.parametrize("text", ["20", "2 pills", "7", "about two", "no one", "No. 2 of them"])
def test_a_number_that_is_no_choice_is_left_alone(clinic: Clinic, eventually, text: str) -> None:
    clinic.turns.script["hm"] = [said.answer(points=1)]
    phone = clinic.phone()
    phone.say("hm")
    eventually(lambda: phone.inbox)
    phone.say(text)
    eventually(lambda: len(clinic.turns.got) == 2)
    assert clinic.turns.texts[-1] == text


def test_a_number_after_a_message_without_choices_is_a_number(clinic: Clinic, eventually) -> None:
    clinic.turns.script["hm"] = [said.answer(points=1)]
    phone = clinic.phone()
    phone.say("hm")
    eventually(lambda: phone.inbox)
    question = said.staff_reply("How many did you take?", "aaaa-1")
    assert clinic.rasa.push(clinic.turns.conversation, question).status_code == 200
    eventually(lambda: phone.inbox[-1] == "Kim (clinic): How many did you take?")
    phone.say("2")
    eventually(lambda: len(clinic.turns.got) == 2)
    assert clinic.turns.texts[-1] == "2"


def test_a_message_that_is_too_long_is_told_so(clinic: Clinic, eventually) -> None:
    phone = clinic.phone()
    phone.say("a" * 5001)
    eventually(lambda: phone.inbox)
    assert phone.inbox[0].startswith("If someone is in danger, call 911 now. Your message is too")
    assert clinic.turns.got == []


# ----------------------------------------------------------------------- rules of the road


@pytest.mark.parametrize("word", ["STOP", "stop", "Stop.", "StopAll", "UNSUBSCRIBE", "cancel",
                                  "END", "quit", "opt out", "OPT-OUT", "revoke"])  # fmt: skip
def test_stop_is_obeyed_and_shown_to_staff(clinic: Clinic, eventually, word: str) -> None:
    from medassist.cases.contacts import barrier

    phone = clinic.phone()
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    case = clinic.open_case(clinic.turns.conversation)
    phone.say(word)
    eventually(lambda: ("opted_out", {}) in clinic.case_events(case))
    assert "sent STOP" in (barrier(clinic.engine, clinic.turns.conversation) or "")
    clinic.rasa.push(clinic.turns.conversation, said.staff_reply("Please call us.", "bbbb-1"))
    eventually(lambda: clinic.undelivered(case))
    assert clinic.undelivered(case)[0]["text"] == "Please call us."
    assert "sent STOP" in clinic.undelivered(case)[0]["reason"]
    assert phone.inbox == ["You said: hello"]
    assert clinic.turns.texts == ["hello"]


@pytest.mark.parametrize(
    "text", ["how do I stop baclofen", "can I cancel a dose", "the end is near"]
)
def test_a_sentence_with_such_a_word_is_a_question(clinic: Clinic, eventually, text: str) -> None:
    phone = clinic.phone()
    phone.say(text)
    eventually(lambda: phone.inbox == [f"You said: {text}"])


def test_after_stop_an_emergency_card_is_still_tried(clinic: Clinic, eventually) -> None:
    clinic.turns.script["I can't breathe"] = [
        said.fixed("utter_emergency", "sms"),
        {"text": "More."},
    ]
    phone = clinic.phone()
    phone.say("STOP")
    phone.say("I can't breathe")
    eventually(lambda: len(phone.inbox) == 1)
    assert phone.inbox[0].startswith("Call 911 now.")


def test_the_carriers_refusal_counts_as_an_opt_out(clinic: Clinic, eventually) -> None:
    from medassist.cases.contacts import barrier

    phone = clinic.phone()
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    case = clinic.open_case(clinic.turns.conversation)
    clinic.twilio.opted_out.add(phone.number)
    phone.say("more")
    eventually(lambda: clinic.undelivered(case))
    assert "sent STOP" in clinic.undelivered(case)[0]["reason"]
    assert barrier(clinic.engine, clinic.turns.conversation)


@pytest.mark.parametrize("word", ["START", "unstop", "Yes"])
def test_start_brings_the_messages_back(clinic: Clinic, eventually, word: str) -> None:
    from medassist.cases.contacts import barrier

    phone = clinic.phone()
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    case = clinic.open_case(clinic.turns.conversation)
    phone.say("STOP")
    phone.say(word)
    eventually(lambda: ("opted_in", {}) in clinic.case_events(case))
    assert barrier(clinic.engine, clinic.turns.conversation) is None
    eventually(lambda: len(phone.inbox) == 2)


@pytest.mark.parametrize("word", ["HELP", "help!", "Info"])
def test_help_is_answered_as_carriers_want_with_the_emergency_line_first(
    clinic: Clinic, eventually, word: str
) -> None:
    phone = clinic.phone()
    phone.say(word)
    eventually(lambda: phone.inbox)
    assert phone.inbox[0].startswith("If someone is in danger, call 911 now.")
    assert "STOP" in phone.inbox[0]
    assert clinic.turns.got == []


def test_help_in_danger_reaches_triage_and_staff_as_well(clinic: Clinic, eventually) -> None:
    phone = clinic.phone()
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    clinic.open_case(clinic.turns.conversation)
    phone.say("HELP")
    eventually(lambda: clinic.turns.texts == ["hello", "HELP"])


@pytest.mark.parametrize("region", read_regions(ROOT / "data"))
def test_the_channels_own_words_fit_into_one_text_message(region: str) -> None:
    words = Words(read_regions(ROOT / "data")[region].emergency.say)
    for text in (words.help, words.welcome, words.failed, words.unreadable("voice", True)):
        assert segments(text) == 1, text


def test_no_prompt_of_ours_asks_for_a_carriers_word() -> None:
    prompts = [
        button["title"]
        for response in said.RESPONSES.values()
        for reply in response
        for button in reply.get("buttons") or []
    ]
    assert prompts
    # "Yes" is Twilio's word for START: it is asked for by its number, and works as a word too.
    asked = {re.sub(r"\W", "", prompt).lower() for prompt in prompts} - {"yes"}
    assert not asked & (STOP | START | HELP)


# ----------------------------------------------------------------------- only the provider


def test_an_unsigned_or_wrongly_signed_request_is_refused(clinic: Clinic, eventually) -> None:
    phone = clinic.phone()
    form = phone.form("she took 40 pills")
    from tests.channels.providers.twilio import PUBLIC_URL, signature

    url = f"{PUBLIC_URL}/webhooks/sms/messages"
    forged = [
        {"X-Twilio-Signature": ""},
        {"X-Twilio-Signature": "no signature"},
        {"X-Twilio-Signature": signature(url, form, "f" * 32)},
        {"X-Twilio-Signature": signature(url, {**form, "Body": "other"})},
        {"X-Twilio-Signature": signature(url.replace("sms", "whatsapp"), form)},
        {"X-Twilio-Signature": signature("http://127.0.0.1/webhooks/sms/messages", form)},
    ]
    for headers in forged:
        assert phone.post(form, **headers).status_code == 403, headers
    phone.say("hello")
    eventually(lambda: phone.inbox == ["You said: hello"])
    assert clinic.turns.texts == ["hello"]


def test_empty_fields_count_in_the_signature(clinic: Clinic) -> None:
    phone = clinic.phone()
    form = phone.form("hello")
    assert form["FromZip"] == ""
    assert phone.post(form).status_code == 200


def test_a_message_for_a_number_that_is_not_ours_is_refused(clinic: Clinic) -> None:
    phone = clinic.phone(our_number="+15550999999")
    assert phone.post(phone.form("hello")).status_code == 404


def test_a_failure_report_reaches_the_case_once(clinic: Clinic, eventually) -> None:
    phone = clinic.phone()
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    case = clinic.open_case(clinic.turns.conversation)
    sent = clinic.twilio.sent[0]
    report = {"MessageSid": sent["sid"], "MessageStatus": "undelivered", "ErrorCode": "30005",
              "To": phone.number, "From": OUR_NUMBER}  # fmt: skip
    assert phone.report(sent["StatusCallback"], report, "f" * len(TOKEN)).status_code == 403
    assert clinic.undelivered(case) == []
    delivered = {**report, "MessageStatus": "delivered"}
    assert phone.report(sent["StatusCallback"], delivered).status_code == 204
    assert clinic.undelivered(case) == []
    for _ in range(3):
        assert phone.report(sent["StatusCallback"], report).status_code == 204
    assert clinic.undelivered(case) == [{"reason": "The phone number is unknown to its carrier."}]
