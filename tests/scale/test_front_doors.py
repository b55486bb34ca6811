"""Several front doors are one: what is sent at one is seen at the other, and limits hold together."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from medassist.web.app import create_app
from medassist.web.pace import Pace
from tests.conftest import free_port
from tests.scale.conftest import OwnRedis
from tests.web.conftest import settings_in
from tests.web.patient import Patient
from tests.web.rasa_stand_in import ERASED, StandInRasa
from tests.web.served import Served
from tests.web.test_front_door import eventually

PACE = Pace(give_up_reaching=3.0, try_again=0.1, slow=8.0, lost=16.0, heartbeat=0.2, deaf=0.3)


class TwoDoors:
    """Two front doors, and a Rasa that hands its replies to the second only."""

    def __init__(self, directory: Path, redis_url: str, **more: str) -> None:
        rasa_port = str(free_port())
        self.settings = [
            settings_in(
                directory, MEDASSIST_RASA_PORT=rasa_port, MEDASSIST_REDIS_URL=redis_url, **more
            )
            for _ in range(2)
        ]
        self.rasa = StandInRasa(self.settings[1].front_door_url)
        self.rasa_server = Served(self.rasa.app, int(rasa_port))
        self.doors = [
            Served(lambda settings=settings: create_app(settings, PACE), settings.front_door_port)
            for settings in self.settings
        ]
        for server in (self.rasa_server, *self.doors):
            server.start()
        self._patients: list[Patient] = []

    def patient(self) -> list[Patient]:
        """Somebody with a page at each front door."""
        pages = [Patient(door.url) for door in self.doors]
        pages[1].key = pages[0].key
        self._patients += pages
        return pages

    def stop(self) -> None:
        for patient in self._patients:
            patient.close()
        for server in (*self.doors, self.rasa_server):
            server.stop()


@pytest.fixture(scope="module")
def two_doors(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[TwoDoors]:
    doors = TwoDoors(tmp_path_factory.mktemp("doors"), redis_url)
    yield doors
    doors.stop()


def test_a_page_at_one_door_sees_what_is_said_at_the_other(two_doors: TwoDoors) -> None:
    a, b = two_doors.patient()
    streams = [a.listen(), b.listen()]
    a.say("hello", id="message-one")
    assert [stream.reply(20)["id"] for stream in streams] == ["message-one.0"] * 2
    b.say("hello again", id="message-two")
    assert [stream.reply(20)["id"] for stream in streams] == ["message-two.0"] * 2
    assert all(stream.nothing_more() for stream in streams)


def test_a_burst_through_both_doors_reaches_rasa_in_order(two_doors: TwoDoors) -> None:
    pages = two_doors.patient()
    said = [f"burst message {number}" for number in range(12)]
    for text, page in zip(said, itertools.cycle(pages)):
        assert page.say(text).status_code == 202
    assert eventually(lambda: len(got(two_doors, "burst message")) >= 12, 30)
    assert got(two_doors, "burst message") == said


def test_a_message_sent_to_both_doors_is_answered_once(two_doors: TwoDoors) -> None:
    pages = two_doors.patient()
    stream = pages[0].listen()
    both = [
        threading.Thread(target=page.say, args=("sent twice", "message-twice")) for page in pages
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert stream.reply(20)["id"] == "message-twice.0"
    assert stream.nothing_more(1.0)
    assert got(two_doors, "sent twice") == ["sent twice"]


def test_the_limit_of_a_conversation_holds_for_both_doors_together(two_doors: TwoDoors) -> None:
    pages = two_doors.patient()
    statuses = [page.say("quick").status_code for page in pages * 11]
    assert statuses == [202] * 20 + [429] * 2
    again = pages[1].say("quick")
    assert 0 < int(again.headers["Retry-After"]) <= 60


def test_the_words_of_a_failed_turn_are_said_once_at_both_doors(two_doors: TwoDoors) -> None:
    pages = two_doors.patient()
    two_doors.rasa.failing_turns.add("this breaks")
    two_doors.rasa.script["this breaks"] = []
    streams = [page.listen() for page in pages]
    pages[0].say("this breaks")
    replies = [stream.reply(20) for stream in streams]
    assert replies[0]["id"] == replies[1]["id"]
    assert replies[0]["custom"]["front_door"] == "failed"
    assert all(stream.nothing_more(0.5) for stream in streams)


def test_what_was_erased_at_one_door_is_not_remembered_at_the_other(two_doors: TwoDoors) -> None:
    a, b = two_doors.patient()
    two_doors.rasa.script["delete my data"] = [{"text": "It is deleted.", "custom": ERASED}]
    stream = a.listen()
    a.say("my secret")
    assert stream.reply(20)["text"] == "You said: my secret"
    assert eventually(lambda: "my secret" in str(b.history()), 20)
    a.say("delete my data")
    assert stream.reply(20)["custom"] == ERASED
    assert eventually(lambda: "my secret" not in str(a.history()) + str(b.history()), 20)


def test_the_limit_of_an_address_holds_for_both_doors_together(
    tmp_path: Path, own_redis: OwnRedis
) -> None:
    doors = TwoDoors(tmp_path, own_redis.url, MEDASSIST_NEW_CONVERSATIONS="3")
    try:
        pages = doors.patient()  # two conversations
        statuses = [
            page.http.post("/chat/conversations").status_code for page in (pages[0], *pages)
        ]
        assert statuses == [201, 429, 429]
    finally:
        doors.stop()


def test_without_redis_each_door_goes_on_and_later_they_hear_each_other_again(
    tmp_path: Path, own_redis: OwnRedis, caplog: pytest.LogCaptureFixture
) -> None:
    doors = TwoDoors(tmp_path, own_redis.url)
    try:
        with caplog.at_level(logging.WARNING):
            a, b = doors.patient()
            own_redis.kill()
            stream = a.listen()
            assert a.say("no redis", id="message-one").status_code == 202
            assert stream.reply(20)["id"] == "message-one.0"  # found in Rasa's record
            stream = b.listen()
            assert stream.reply(20)["id"] == "message-one.0"  # Rasa had handed it over here
            assert b.say("nor here", id="message-two").status_code == 202
            assert stream.reply(20)["id"] == "message-two.0"
            own_redis.start()
            assert eventually(lambda: said(caplog).count("Redis is back.") == 2, 40)
            streams = [a.listen(), b.listen()]
            assert eventually(lambda: reaches(a, streams), 40)
        away = [line for line in said(caplog) if line.startswith("Redis cannot be reached")]
        assert 1 <= len(away) <= 4  # once a door, once more if it was down while coming back
    finally:
        doors.stop()


def reaches(page: Patient, streams: list) -> bool:
    """Whether a reply to a message at one door comes to every stream."""
    assert page.say("are you there", id=None).status_code in (202, 429)
    return all(not stream.nothing_more(3.0) for stream in streams)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "medassist.redis_link"]


def got(doors: TwoDoors, beginning: str) -> list[str]:
    return [m["text"] for m in doors.rasa.got if m["text"].startswith(beginning)]
