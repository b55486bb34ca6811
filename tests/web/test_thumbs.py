"""Thumbs over HTTP: for answers of one's own conversation, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from medassist.settings import Settings
from medassist.storage.database import open_database
from medassist.storage.tables import metadata, thumbs
from tests.web.patient import Patient
from tests.web.rasa_stand_in import ANSWER, StandInRasa
from tests.web.served import Served
from tests.web.test_front_door import eventually, sender_of


def thumb(patient: Patient, **body: Any) -> httpx.Response:
    body = {"message": "message-one.0", "up": True, **body}
    return patient.http.post("/chat/thumbs", json=body, headers=patient.headers)


@pytest.fixture
def asked(patient: Patient, rasa: StandInRasa) -> Patient:
    """Somebody who got a vetted answer."""
    rasa.script["missed"] = [ANSWER]
    patient.say("missed", id="message-one")
    assert eventually(lambda: len(patient.history()) == 2)
    return patient


def rows(settings: Settings) -> list[Any]:
    engine = open_database(settings.database_url)
    with engine.connect() as connection:
        found = connection.execute(select(thumbs)).all()
    engine.dispose()
    return found


def test_a_thumb_is_kept_with_what_the_answer_is(asked: Patient, settings: Settings) -> None:
    assert thumb(asked, up=False, why="  too short ").status_code == 200
    (row,) = rows(settings)
    assert (row.conversation, row.message_id) == (sender_of(asked.key), "message-one.0")
    assert (row.answer_id, row.medicine, row.topic) == (
        "baclofen.missed_dose",
        "baclofen",
        "missed_dose",
    )
    assert (row.up, row.why) == (False, "too short")
    history = asked.http.get("/chat/history", headers=asked.headers).json()
    assert history["thumbs"] == {"message-one.0": {"up": False, "why": "too short"}}


def test_the_last_thumb_counts(asked: Patient, settings: Settings) -> None:
    for up in (False, True):
        assert thumb(asked, up=up).status_code == 200
    assert [row.up for row in rows(settings)] == [True]


def test_a_thumb_outlives_a_restart_of_the_front_door(
    asked: Patient, front_door: Served, settings: Settings
) -> None:
    front_door.stop()
    front_door.start()
    assert thumb(asked, message="message-one.0").status_code == 200
    assert len(rows(settings)) == 1


def test_what_the_answer_is_comes_from_our_record_not_from_the_browser(
    asked: Patient, settings: Settings
) -> None:
    thumb(asked, answer_id="other", medicine="other", topic="other")
    assert rows(settings)[0].answer_id == "baclofen.missed_dose"


def test_nobody_can_give_a_thumb_in_another_persons_conversation(
    asked: Patient, new_patient: Callable[[], Patient], settings: Settings
) -> None:
    assert thumb(new_patient()).status_code == 404
    assert rows(settings) == []


@pytest.mark.parametrize("message", ["message-one", "message-one.1", "x", "", "%" * 5000])
def test_what_is_no_vetted_answer_gets_no_thumb(
    asked: Patient, settings: Settings, message: str
) -> None:
    response = thumb(asked, message=message)
    assert response.status_code == 404
    assert "can't find the answer" in response.json()["error"]
    assert rows(settings) == []


@pytest.mark.parametrize(
    "body", [{"message": 5}, {"up": "yes"}, {"up": None}, {"why": 5}, {"up": 1}]
)
def test_what_is_no_thumb_is_refused(asked: Patient, body: dict[str, Any]) -> None:
    assert thumb(asked, **body).status_code == 400


def test_a_long_why_is_refused_with_the_limit(asked: Patient) -> None:
    assert thumb(asked, why="x" * 500).status_code == 200
    refused = thumb(asked, why="x" * 501)
    assert refused.status_code == 413
    assert "500 characters" in refused.json()["error"]


def test_without_a_key_there_is_no_thumb(asked: Patient) -> None:
    body = {"message": "message-one.0", "up": True}
    assert asked.http.post("/chat/thumbs", json=body).status_code == 401


def test_nobody_can_give_thumbs_without_end(asked: Patient) -> None:
    codes = [thumb(asked).status_code for _ in range(31)]
    assert codes == [200] * 30 + [429]


def test_without_the_database_the_chat_goes_on_and_the_thumb_is_refused_in_plain_words(
    asked: Patient, settings: Settings
) -> None:
    engine = open_database(settings.database_url)
    metadata.drop_all(engine)
    engine.dispose()
    refused = thumb(asked)
    assert refused.status_code == 503
    assert "can't save" in refused.json()["error"]
    assert len(asked.history()) == 2
