"""What staff say reaches the person once, however often it comes and whatever it says."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from medassist.settings import Settings
from medassist.web.history import stored_messages, with_recent
from medassist.web.rasa_server import MaybeTakenError, RasaServer, UnreachableError
from tests.web.patient import Patient, push
from tests.web.rasa_stand_in import StandInRasa
from tests.web.served import Served
from tests.web.test_front_door import sender_of


def words_of_staff(text: str, name: str | None = None) -> dict[str, Any]:
    staff = {"name": "Kim", "id": name or str(uuid.uuid4())}
    return {"event": "bot", "text": text, "data": {"custom": {"staff": staff}}}


def append(settings: Settings, sender: str, *events: dict[str, Any]) -> None:
    async def post() -> None:
        rasa = RasaServer(settings)
        try:
            await rasa.append_events(sender, events)
        finally:
            await rasa.close()

    asyncio.run(post())


def test_words_of_staff_are_streamed_and_stored_under_one_id(
    patient: Patient, settings: Settings
) -> None:
    stream = patient.listen()
    patient.say("hello")
    stream.reply()
    append(settings, sender_of(patient.key), words_of_staff("Hello, how are you?", "abcd-1234"))
    live = stream.reply()
    assert live["id"] == "pushed.abcd-1234"
    assert live["custom"]["staff"]["name"] == "Kim"
    assert [m["id"] for m in patient.history()].count("pushed.abcd-1234") == 1


def test_two_equal_words_of_staff_are_both_shown(patient: Patient, settings: Settings) -> None:
    stream = patient.listen()
    sender = sender_of(patient.key)
    append(settings, sender, words_of_staff("ok"))
    append(settings, sender, words_of_staff("ok"))
    assert [stream.reply()["text"], stream.reply()["text"]] == ["ok", "ok"]
    assert stream.nothing_more()
    assert [m["text"] for m in patient.history()] == ["ok", "ok"]


def test_words_of_staff_sent_twice_under_one_id_are_shown_once(
    patient: Patient, settings: Settings
) -> None:
    stream = patient.listen()
    said = words_of_staff("Please call us.")
    append(settings, sender_of(patient.key), said)
    append(settings, sender_of(patient.key), said)
    stream.reply()
    assert stream.nothing_more()
    assert [m["text"] for m in patient.history()] == ["Please call us."]


def test_words_of_staff_do_not_shift_the_numbers_of_replies(
    patient: Patient, settings: Settings, rasa: StandInRasa
) -> None:
    rasa.script["two"] = [{"text": "first"}, {"text": "second"}]
    stream = patient.listen()
    patient.say("two", "message-one")
    assert [stream.reply()["id"] for _ in range(2)] == ["message-one.0", "message-one.1"]
    append(settings, sender_of(patient.key), words_of_staff("Kim here.", "abcd-1234"))
    patient.say("hello", "message-two")
    assert stream.reply()["id"] == "pushed.abcd-1234"
    stream.reply()
    assert [m["id"] for m in patient.history()] == [
        "message-one", "message-one.0", "message-one.1", "pushed.abcd-1234",
        "message-two", "message-two.0",
    ]  # fmt: skip


def test_our_own_pushed_words_have_a_name_too(patient: Patient, settings: Settings) -> None:
    stream = patient.listen()
    said = {"event": "bot", "text": "Nobody has seen this yet.",
            "data": {"custom": {"notice": "unseen", "id": "abcd-9999"}}}  # fmt: skip
    append(settings, sender_of(patient.key), said)
    assert stream.reply()["id"] == "pushed.abcd-9999"
    assert [m["id"] for m in patient.history()] == ["pushed.abcd-9999"]


@pytest.mark.parametrize("name", ["", "x", "a b c d e f g h", "<script>alert(1)", 7, None])
def test_a_name_that_is_none_is_not_used(
    patient: Patient, front_door: Served, name: object
) -> None:
    stream = patient.listen()
    reply = {"text": "hello", "custom": {"staff": {"name": "Kim", "id": name}}}
    assert push(front_door.url, sender_of(patient.key), reply).status_code == 200
    assert stream.reply()["id"].startswith("pushed.unnamed-")


def test_a_new_word_of_staff_that_repeats_a_stored_one_is_not_swallowed() -> None:
    events = {"events": [{**words_of_staff("ok", "first-ok"), "timestamp": 1.0}]}
    recent = [{"id": "pushed.second-ok", "who": "bot", "text": "ok"}]
    both = with_recent(stored_messages(events), recent)
    assert [m["id"] for m in both] == ["pushed.first-ok", "pushed.second-ok"]


def test_what_rasa_did_not_take_is_told_from_what_it_may_have_taken(
    patient: Patient, settings: Settings, rasa: StandInRasa, rasa_server: Served
) -> None:
    sender = sender_of(patient.key)
    rasa.lose_confirmations = True
    with pytest.raises(MaybeTakenError):
        append(settings, sender, words_of_staff("Kim here."))
    rasa_server.stop()
    with pytest.raises(UnreachableError) as caught:
        append(settings, sender, words_of_staff("Kim here."))
    assert not isinstance(caught.value, MaybeTakenError)
    rasa_server.start()
    assert [m["text"] for m in patient.history()] == ["Kim here."]


def test_a_conversation_with_a_strange_name_leads_nowhere_else(
    settings: Settings, rasa_server: Served, rasa: StandInRasa
) -> None:
    async def read() -> dict[str, Any]:
        server = RasaServer(settings)
        try:
            return await server.tracker("someone?include=#x")
        finally:
            await server.close()

    assert asyncio.run(read())["sender_id"] == "someone?include=#x"
