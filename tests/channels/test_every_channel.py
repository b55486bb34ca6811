"""What every channel promises, each against its provider's stand-in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from medassist.web.console.conversation import read_conversation
from tests.channels import said
from tests.channels.conftest import CHANNELS, Clinic
from tests.conftest import wait_until

pytestmark = pytest.mark.parametrize("channel", CHANNELS)


def nothing_more(person: Any, so_far: int) -> bool:
    return not wait_until(lambda: len(person.inbox) > so_far, 0.4, 0.05)


def test_a_question_is_answered(clinic: Clinic, eventually, channel: str) -> None:
    person = clinic.person(channel)
    person.say("can I drink wine?")
    eventually(lambda: person.inbox == ["You said: can I drink wine?"])
    assert person.provider.wrong == []
    assert clinic.turns.conversation.startswith(f"{channel}-")


def test_in_an_emergency_the_card_comes_first(clinic: Clinic, eventually, channel: str) -> None:
    card = said.fixed("utter_overdose_emergency", "sms" if channel == "sms" else None)
    clinic.turns.script["she took 40"] = [card, {"text": "I have put this on the list."}]
    person = clinic.person(channel)
    person.say("she took 40")
    eventually(lambda: len(person.inbox) == 2)
    assert person.inbox[0].startswith("Call 911 now")
    assert person.inbox[1] == "I have put this on the list."
    assert person.provider.wrong == []


def test_an_answer_comes_with_its_sources_and_choices(
    clinic: Clinic, eventually, channel: str
) -> None:
    clinic.turns.script["how much?"] = [said.answer(points=4)]
    person = clinic.person(channel)
    person.say("how much?")

    def all_there() -> bool:
        sent = str(list(person.provider.sent))
        source = "bot.clinic.example/read/" if channel == "sms" else "baclofen_tablets"
        return source in sent and "Can I drink alcohol with baclofen?" in sent

    eventually(all_there)
    assert "less" in "".join(person.inbox)
    assert "not" in "".join(person.inbox)
    assert person.provider.wrong == []


def test_a_bare_number_is_a_choice_only_where_choices_have_numbers(
    clinic: Clinic, eventually, channel: str
) -> None:
    clinic.turns.script["odd"] = [said.fixed("utter_safety_question")]
    person = clinic.person(channel)
    person.say("odd")
    eventually(lambda: len(person.inbox) == 1)
    numbered = "2 No" in person.inbox[0]
    person.say("2")
    eventually(lambda: len(clinic.turns.got) == 2)
    assert clinic.turns.texts[-1] == ("No" if numbered else "2")
    assert numbered == (channel in ("sms", "whatsapp"))


def test_words_of_a_person_come_back_as_they_were(clinic: Clinic, eventually, channel: str) -> None:
    text = "5 < 6 & 7 > 6, is <b>that</b> *so* or _not_? https://x.example/a_b_c?d=1&e=2"
    person = clinic.person(channel)
    person.say(text)
    eventually(lambda: len(person.inbox) == 1)
    shown = person.inbox[0].translate({ord("∗"): "*", ord("ˍ"): "_"})
    assert shown == f"You said: {text}"
    assert person.provider.wrong == []


def test_text_that_starts_with_a_slash_is_text(clinic: Clinic, eventually, channel: str) -> None:
    person = clinic.person(channel)
    person.say("/restart")
    eventually(lambda: person.inbox == ["You said: /restart"])


def test_a_very_long_reply_is_cut_where_the_provider_wants_it(
    clinic: Clinic, eventually, channel: str
) -> None:
    words = " ".join(f"word{n}" for n in range(700))
    clinic.turns.script["long"] = [{"text": words}]
    person = clinic.person(channel)
    person.say("long")
    eventually(lambda: person.inbox)
    last = "read/" if channel == "sms" else "word699"
    eventually(lambda: last in person.inbox[-1])
    assert person.provider.wrong == []
    if channel != "sms":
        assert " ".join(person.inbox).split() == words.split()


def test_typing_is_shown_where_the_provider_can_show_it(
    clinic: Clinic, eventually, channel: str
) -> None:
    person = clinic.person(channel)
    person.say("hello")
    eventually(lambda: person.inbox == ["You said: hello"])
    shown = {"telegram": ["typing"], "messenger": ["typing_on"]}
    typing = getattr(person.provider, "actions", [])
    assert typing == shown.get(channel, [])
    assert person.provider.calls == len(person.provider.sent) + len(typing)


def test_the_words_of_carriers_count_in_text_messages_only(
    clinic: Clinic, eventually, channel: str
) -> None:
    person = clinic.person(channel)
    for word in ("HELP", "START", "STOP", "and now?"):
        person.say(word)
    eventually(lambda: clinic.turns.texts[-1:] == ["and now?"])
    ours = ["and now?"] if channel == "sms" else ["HELP", "START", "STOP", "and now?"]
    assert clinic.turns.texts == ours


def test_a_picture_gets_a_plain_reply(clinic: Clinic, eventually, channel: str) -> None:
    person = clinic.person(channel)
    person.send_picture()
    eventually(lambda: person.inbox == ["I can't open pictures. Please type it in words."])
    assert clinic.turns.got == []


def test_a_picture_in_danger_gets_the_emergency_line(
    clinic: Clinic, eventually, channel: str
) -> None:
    clinic.turns.sets["she is blue"] = {"level": "emergency"}
    person = clinic.person(channel)
    person.say("she is blue")
    eventually(lambda: len(person.inbox) == 1)
    person.send_picture()
    eventually(lambda: len(person.inbox) == 2)
    assert person.inbox[1].startswith("If someone is in danger, call 911 now.")


def test_staff_who_hold_the_conversation_see_what_was_sent(
    clinic: Clinic, eventually, channel: str
) -> None:
    person = clinic.person(channel)
    person.say("hello")
    eventually(lambda: len(person.inbox) == 1)
    conversation = clinic.turns.conversation
    clinic.rasa.push(conversation, said.handover(True))
    person.send_picture()
    eventually(lambda: len(person.inbox) == 2)
    assert "staff see that you sent a picture, but they can't open it here" in person.inbox[1]
    told = "The patient sent a picture. It is not fetched and not kept here."

    def seen() -> list[str]:
        return [line.text for line in read_conversation(clinic.rasa.tracker(conversation)).lines]

    eventually(lambda: told in seen())
    assert person.provider.wrong == []


def test_a_forged_request_is_refused(clinic: Clinic, eventually, channel: str) -> None:
    person = clinic.person(channel)
    statuses = [answer.status_code for answer in person.forged()]
    assert statuses
    assert set(statuses) <= {401, 403}
    person.say("mine")
    eventually(lambda: person.inbox == ["You said: mine"])
    assert clinic.turns.texts == ["mine"]


def test_a_late_request_is_refused_where_the_provider_signs_the_time(
    clinic: Clinic, eventually, channel: str
) -> None:
    person = clinic.person(channel)
    statuses = {answer.status_code for answer in person.late()}
    assert statuses <= {401, 403}
    assert bool(statuses) == (channel in ("slack", "generic"))
    person.say("mine")
    eventually(lambda: clinic.turns.texts == ["mine"])


def test_a_storm_of_repeats_is_answered_once(clinic: Clinic, eventually, channel: str) -> None:
    person = clinic.person(channel)
    message = person.say("hello")
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: person.repeat(message), range(12)))
    assert {answer.status_code for answer in answers} <= {200, 202}
    eventually(lambda: person.inbox == ["You said: hello"])
    assert nothing_more(person, 1)
    clinic.restart_rasa()
    assert person.repeat(message).status_code in (200, 202)
    assert nothing_more(person, 1)
    assert clinic.turns.texts == ["hello"]


@pytest.mark.parametrize("how", ["refuses connections", "answers with an error"])
def test_while_the_provider_is_away_nothing_is_lost_or_doubled(
    clinic: Clinic, eventually, channel: str, how: str
) -> None:
    person = clinic.person(channel)
    served = clinic.served_provider(channel)
    if how == "refuses connections":
        served.stop()
    else:
        person.provider.down = True
    for n in range(3):
        person.say(f"message {n}")
    eventually(lambda: len(clinic.turns.got) == 3, 15)
    person.provider.down = False
    if how == "refuses connections":
        served.start()
    eventually(lambda: person.inbox == [f"You said: message {n}" for n in range(3)], 20)
    assert nothing_more(person, 3)


def test_words_of_staff_arrive_once_with_their_name(
    clinic: Clinic, eventually, channel: str
) -> None:
    person = clinic.person(channel)
    person.say("hello")
    eventually(lambda: len(person.inbox) == 1)
    conversation = clinic.turns.conversation
    began = {"handover": "began", "staff": {"name": "Kim", "id": "h-1"}}
    line = {"event": "bot", "text": "Kim from the clinic is here.", "data": {"custom": began}}
    assert clinic.rasa.push(conversation, [*said.handover(True), line]).status_code == 200
    person.say("are you there?")
    eventually(lambda: clinic.turns.texts[-1] == "are you there?")
    for _ in range(2):
        clinic.rasa.push(conversation, said.staff_reply("Yes. How many did you take?", "s-1"))
    clinic.rasa.push(conversation, said.handover(False))
    person.say("40")
    eventually(lambda: len(person.inbox) >= 4)
    assert person.inbox == [
        "You said: hello",
        "Kim from the clinic is here.",
        "Kim (clinic): Yes. How many did you take?",
        "You said: 40",
    ]


def test_a_delivery_that_fails_for_good_reaches_the_case(
    clinic: Clinic, eventually, channel: str
) -> None:
    person = clinic.person(channel)
    person.say("hello")
    eventually(lambda: len(person.inbox) == 1)
    case = clinic.open_case(clinic.turns.conversation, channel)
    provider = person.provider
    if channel in ("sms", "whatsapp"):
        provider.opted_out.add(person.number)
    for attribute in ("blocked", "gone", "refusing", "window_closed"):
        if hasattr(provider, attribute) and channel != "sms":
            setattr(provider, attribute, True)
    clinic.rasa.push(clinic.turns.conversation, said.staff_reply("Please call us.", "s-2"))
    eventually(lambda: clinic.undelivered(case))
    detail = clinic.undelivered(case)[0]
    assert detail["reason"].endswith(".")
    assert len(person.inbox) == 1


def test_a_channel_that_is_off_has_no_routes(clinic: Clinic, channel: str) -> None:
    from medassist.settings import load_settings
    from tests.channels.conftest import MESSAGING

    connector = next(kind for kind in MESSAGING if kind.name() == channel)(load_settings({}))
    blueprint = connector.blueprint(lambda _message: None)
    assert not blueprint._future_routes
    assert connector.get_output_channel() is None
