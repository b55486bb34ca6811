"""An emergency that nobody sees alerts again and the patient is told; silent staff are relieved."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, update
from sqlalchemy.engine import Engine

from medassist.cases.alerts import deliveries
from medassist.cases.cases import acknowledge, claim, find_case, history, open_case, resolve
from medassist.cases.clinics import Clinics
from medassist.cases.clocks import Clocks, alert_again, back_words, unseen_words
from medassist.cases.handovers import begin, current, end, touch
from medassist.cases.hours import Clinic
from medassist.cases.patient import NotToldError, Patients
from medassist.medicines.reading import HIGHEST_GRADE_DANGER, reading_grade
from medassist.settings import load_settings
from medassist.storage.tables import accounts, cases, handovers
from tests.cases.receivers import RASA_SECRET, RasaApi, Receiver, running
from tests.conftest import wait_until

CLINIC = Clinic(
    name="the clinic",
    zone=ZoneInfo("America/New_York"),
    hours=(((9 * 60, 17 * 60),),) * 5 + ((), ()),
    holidays={},
)


@pytest.fixture
def rasa() -> Iterator[RasaApi]:
    started = RasaApi().start()
    yield started
    started.stop()


def opened(
    database: Engine, conversation: str = "web-1", level: str = "emergency", **more: Any
) -> int:
    return open_case(
        database,
        **{
            "conversation": conversation,
            "channel": "website",
            "level": level,
            "kind": "overdose",
            "detail": {"words": "she took them all"},
            "targets": ("webhook",),
            **more,
        },
    )


class Hand:
    """The clocks of one worker, with their hand moved by the test."""

    def __init__(self, database: Engine, rasa: RasaApi, **settings: str) -> None:
        self.settings = load_settings(
            {
                "MEDASSIST_RASA_PORT": str(rasa.port),
                "MEDASSIST_INTERNAL_SECRET": RASA_SECRET,
                "MEDASSIST_ALERT_WEBHOOK_URL": "http://127.0.0.1:9/hook",
                "MEDASSIST_ALERT_WEBHOOK_SECRET": "s",
                **settings,
            }
        )
        self.patients = Patients(self.settings)
        self.clocks = Clocks(
            database, self.settings, Clinics(self.settings, [CLINIC]), self.patients
        )


@pytest.fixture
def hand(database: Engine, rasa: RasaApi) -> Iterator[Hand]:
    made = Hand(database, rasa)
    yield made
    made.patients.close()


def since(database: Engine, case_id: int) -> datetime:
    return find_case(database, case_id).level_since


def events(database: Engine, case_id: int) -> list[str]:
    return [e["event"] for e in history(database, case_id)]


def after(database: Engine, case_id: int, seconds: float) -> datetime:
    return since(database, case_id) + timedelta(seconds=seconds)


def test_an_emergency_is_alerted_again_once_per_period_until_somebody_has_seen_it(
    database: Engine,
) -> None:
    case_id = opened(database)

    def again(seconds: float) -> list[int]:
        return alert_again(database, 300, ("webhook",), after(database, case_id, seconds))

    assert again(299) == []
    assert again(300) == [case_id]
    assert again(301) == []
    assert again(599) == []
    assert again(600) == [case_id]
    acknowledge(database, case_id, "kim")
    assert again(900) == []
    assert events(database, case_id) == [
        "opened",
        "unacknowledged",
        "unacknowledged",
        "acknowledged",
    ]
    assert len(deliveries(database, case_id)) == 3


def test_an_urgent_or_closed_case_has_no_clock(database: Engine) -> None:
    urgent = opened(database, "u", "urgent")
    closed = opened(database, "c")
    resolve(database, closed, "kim", "false_alarm")
    assert alert_again(database, 300, ("webhook",), after(database, urgent, 86400)) == []


def test_the_clock_starts_when_the_case_becomes_an_emergency(database: Engine) -> None:
    case_id = opened(database, level="urgent")
    acknowledge(database, case_id, "kim")
    with database.begin() as connection:
        hour_ago = since(database, case_id) - timedelta(hours=1)
        connection.execute(update(cases).values(opened_at=hour_ago, level_since=hour_ago))
    opened(database)
    assert alert_again(database, 300, (), after(database, case_id, 299)) == []
    assert alert_again(database, 300, (), after(database, case_id, 300)) == [case_id]


def test_the_patient_is_told_honestly_and_once(database: Engine, rasa: RasaApi, hand: Hand) -> None:
    case_id = opened(database)
    rasa.wrote("web-1")
    hand.clocks.tick(after(database, case_id, 299))
    assert rasa.sent == []
    for seconds in (300, 301, 600, 900):
        hand.clocks.tick(after(database, case_id, seconds))
    ((conversation, event),) = rasa.sent
    assert conversation == "web-1"
    assert event["text"].startswith("Nobody from the clinic has seen this yet.")
    assert "call 911 now" in event["text"]
    custom = event["data"]["custom"]
    assert (custom["notice"], custom["level"]) == ("unseen", "emergency")
    assert custom["id"]
    assert events(database, case_id).count("patient_told") == 1
    assert events(database, case_id).count("unacknowledged") == 3


def test_a_patient_whose_case_was_seen_in_time_is_not_told(
    database: Engine, rasa: RasaApi, hand: Hand
) -> None:
    case_id = opened(database)
    rasa.wrote("web-1")
    claim(database, case_id, "kim")
    hand.clocks.tick(after(database, case_id, 301))
    assert rasa.sent == []


def test_a_worker_killed_after_telling_does_not_tell_twice(
    database: Engine, rasa: RasaApi, hand: Hand
) -> None:
    case_id = opened(database)
    rasa.wrote("web-1")
    told = {"notice": "unseen", "level": "emergency"}
    hand.clocks.tick(after(database, case_id, 300))
    ((_, event),) = rasa.sent
    first = event["data"]["custom"]["id"]
    # Another worker that finds the message in the chat, but no record of it.
    assert not hand.patients.tell_patient("web-1", "again", {**told, "id": first})
    assert len(rasa.sent) == 1


def test_a_patient_is_told_as_soon_as_rasa_is_back(
    database: Engine, rasa: RasaApi, hand: Hand
) -> None:
    case_id = opened(database)
    rasa.wrote("web-1")
    rasa.down = True
    hand.clocks.tick(after(database, case_id, 300))
    hand.clocks.tick(after(database, case_id, 310))
    assert rasa.sent == []
    rasa.down = False
    hand.clocks.tick(after(database, case_id, 320))
    assert len(rasa.sent) == 1
    assert events(database, case_id)[-1] == "patient_told"


def test_a_patient_who_could_not_be_told_is_said_on_the_case_and_tried_in_the_next_period(
    database: Engine, rasa: RasaApi, hand: Hand
) -> None:
    case_id = opened(database)
    rasa.wrote("web-1")
    rasa.down = True
    for seconds in range(300, 600, 5):
        hand.clocks.tick(after(database, case_id, seconds))
    last = history(database, case_id)[-1]
    assert last["event"] == "patient_not_told"
    assert last["detail"]["reason"] == "Rasa answered with status 500"
    rasa.down = False
    hand.clocks.tick(after(database, case_id, 600))
    assert events(database, case_id)[-1] == "patient_told"


def test_an_erased_chat_is_not_brought_back_to_tell_something(
    database: Engine, rasa: RasaApi, hand: Hand
) -> None:
    case_id = opened(database)
    for seconds in (300, 600, 900):
        hand.clocks.tick(after(database, case_id, seconds))
    assert rasa.trackers == {}
    assert events(database, case_id).count("patient_not_told") == 1


def test_a_note_at_the_desk_has_no_patient_to_tell(
    database: Engine, rasa: RasaApi, hand: Hand
) -> None:
    case_id = opened(database, "desk-1", channel="desk", kind="note")
    hand.clocks.tick(after(database, case_id, 300))
    assert events(database, case_id) == ["opened", "unacknowledged"]
    assert rasa.sent == []


def test_silent_staff_are_relieved_by_the_bot(database: Engine, rasa: RasaApi, hand: Hand) -> None:
    with database.begin() as connection:
        connection.execute(
            insert(accounts).values(name="kim", shown_as="Kim, nurse", role="triage")
        )
    case_id = opened(database, level="urgent")
    rasa.wrote("web-1")
    rasa.slots["web-1"] = {"handover": True}
    began = begin(database, case_id, "kim").used_at
    hand.clocks.tick(began + timedelta(seconds=1799))
    assert rasa.sent == []
    hand.clocks.tick(began + timedelta(seconds=1800))
    assert rasa.slots["web-1"] == {"handover": False}
    ((_, event),) = rasa.sent
    assert event["text"].startswith("Kim, nurse has left this chat.")
    custom = event["data"]["custom"]
    assert (custom["handover"], custom["staff"]["name"]) == ("ended", "Kim, nurse")
    assert current(database, "web-1") is None
    assert events(database, case_id)[-1] == "handover_ended"
    hand.clocks.tick(began + timedelta(seconds=3600))
    assert len(rasa.sent) == 1


def test_staff_who_write_keep_the_conversation(database: Engine, rasa: RasaApi, hand: Hand) -> None:
    case_id = opened(database, level="urgent")
    rasa.wrote("web-1")
    began = begin(database, case_id, "kim").used_at
    with database.begin() as connection:
        earlier = began - timedelta(seconds=1700)
        connection.execute(update(handovers).values(used_at=earlier))
    touch(database, "web-1")
    hand.clocks.tick(began + timedelta(seconds=200))
    assert rasa.sent == []
    assert current(database, "web-1") is not None


def test_while_rasa_is_down_the_record_says_truly_that_staff_hold_the_chat(
    database: Engine, rasa: RasaApi, hand: Hand
) -> None:
    case_id = opened(database, level="urgent")
    rasa.wrote("web-1")
    began = begin(database, case_id, "kim").used_at
    rasa.down = True
    hand.clocks.tick(began + timedelta(seconds=1800))
    assert current(database, "web-1") is not None
    rasa.down = False
    hand.clocks.tick(began + timedelta(seconds=1830))
    assert rasa.sent == []
    hand.clocks.tick(began + timedelta(seconds=1860))
    assert len(rasa.sent) == 1
    assert current(database, "web-1") is None


def test_a_handover_of_an_erased_chat_ends_without_a_word(
    database: Engine, rasa: RasaApi, hand: Hand
) -> None:
    case_id = opened(database, level="urgent")
    began = begin(database, case_id, "kim").used_at
    hand.clocks.tick(began + timedelta(seconds=1800))
    assert current(database, "web-1") is None
    assert rasa.trackers == {}


def test_a_wrong_secret_is_said_as_such(database: Engine, rasa: RasaApi) -> None:
    wrong = Hand(database, rasa, MEDASSIST_INTERNAL_SECRET="guessed-by-somebody")
    with pytest.raises(NotToldError, match="status 401"):
        wrong.patients.tell_patient("web-1", "hello", {"id": "1"})
    wrong.patients.close()


@pytest.mark.parametrize("at", ["2026-01-07T15:00:00+00:00", "2026-01-10T15:00:00+00:00"])
def test_the_words_are_easy_to_read(at: str) -> None:
    words = unseen_words(CLINIC, "911", datetime.fromisoformat(at))
    assert ("They are back on Monday at 9:00." in words) is at.startswith("2026-01-10")
    assert reading_grade(words) <= HIGHEST_GRADE_DANGER
    assert reading_grade(back_words("Kim", "911")) <= HIGHEST_GRADE_DANGER


def test_two_workers_alert_again_and_tell_the_patient_once(
    database: Engine, rasa: RasaApi, tmp_path: Path
) -> None:
    receiver = Receiver().start()
    settings = {
        "MEDASSIST_ALERT_WEBHOOK_URL": receiver.url,
        "MEDASSIST_ALERT_WEBHOOK_SECRET": "s",
        "MEDASSIST_RASA_PORT": str(rasa.port),
        "MEDASSIST_ACKNOWLEDGE_SECONDS": "2",
        "MEDASSIST_HANDOVER_IDLE_SECONDS": "2",
    }
    rasa.wrote("web-1")
    rasa.wrote("web-2")
    with (
        running(database, tmp_path, **settings) as one,
        running(database, tmp_path, **settings) as two,
    ):
        assert wait_until(lambda: all("Alerts go to" in w.said() for w in (one, two)))
        case_id = opened(database)
        held = opened(database, "web-2", "urgent")
        begin(database, held, "kim")
        assert wait_until(lambda: events(database, case_id).count("unacknowledged") >= 3)
        acknowledge(database, case_id, "kim")
        assert wait_until(lambda: current(database, "web-2") is None)
        assert end(database, "web-2", "staff") is None
        wanted = len(deliveries(database, case_id)) + len(deliveries(database, held))
        assert wait_until(lambda: len(receiver.received) == wanted)
    receiver.stop()
    assert sorted(conversation for conversation, _ in rasa.sent) == ["web-1", "web-2"]
    assert events(database, case_id).count("patient_told") == 1
    assert len(set(receiver.keys())) == len(receiver.keys())
    times = [e["at"] for e in history(database, case_id) if e["event"] == "unacknowledged"]
    assert all(b - a >= timedelta(seconds=1.9) for a, b in itertools.pairwise(times))
