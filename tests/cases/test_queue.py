"""The queue shows who waits, for what, since when; most dangerous first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.engine import Engine

from medassist.cases.cases import acknowledge, add_note, claim, find_case, open_case, resolve
from medassist.cases.handovers import begin
from medassist.cases.queue import newest_change, queue
from medassist.storage.tables import case_events


def opened(database: Engine, conversation: str, level: str, **detail: Any) -> int:
    return open_case(
        database,
        conversation=conversation,
        channel="website",
        level=level,
        kind="overdose",
        detail=detail,
    )


def finding(text: str, start: int, context: str = "asserted", level: str = "emergency") -> dict:
    return {"text": text, "start": start, "context": context, "level": level}


def test_an_entry_shows_the_words_that_raised_the_level_and_what_is_known(
    database: Engine,
) -> None:
    opened(database, "a", "urgent", words="i ran out", medicine=None, situations=["kidney"])
    opened(
        database,
        "a",
        "emergency",
        words="she won't wake up",
        person="child",
        assessment={
            "findings": [
                finding("won't wake up", 4),
                finding("seizure", 30, context="negated"),
                finding("she is 8", 40, level="routine"),
                finding("won't wake up", 60),
            ],
            "amounts": [
                {"text": "30 tablets", "start": 20, "verdict": "above_daily"},
                {"text": "10 mg", "start": 2, "verdict": "ordinary"},
            ],
        },
    )
    opened(database, "a", "urgent", words="baclofen", medicine="baclofen", situations=["child"])
    (entry,) = queue(database)
    assert entry.words == "she won't wake up"
    assert entry.danger_words == ("won't wake up", "30 tablets")
    assert (entry.medicine, entry.situations, entry.person) == ("baclofen", ("child",), "child")
    assert entry.messages == 3
    assert not entry.acknowledged


def test_the_most_dangerous_then_the_longest_waiting_comes_first(database: Engine) -> None:
    for conversation, level in [("r", "routine"), ("u", "urgent"), ("e1", "emergency")]:
        opened(database, conversation, level, words="x")
    opened(database, "r", "emergency", words="x")
    opened(database, "e2", "emergency", words="x")
    assert [e.case.conversation for e in queue(database)] == ["e1", "r", "e2", "u"]


def test_an_emergency_is_overdue_from_its_last_second_until_somebody_has_seen_it(
    database: Engine,
) -> None:
    case_id = opened(database, "a", "emergency", words="x")
    since = find_case(database, case_id).level_since
    just_before = since + timedelta(seconds=299)
    due = since + timedelta(seconds=300)
    assert [e.overdue for e in queue(database, 300, just_before)] == [False]
    assert [e.overdue for e in queue(database, 300, due)] == [True]
    assert queue(database, 300)[0].acknowledge_by == due
    acknowledge(database, case_id, "kim")
    assert [(e.overdue, e.acknowledge_by) for e in queue(database, 300, due)] == [(False, None)]


def test_the_set_time_is_the_default(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDASSIST_ACKNOWLEDGE_SECONDS", "60")
    since = find_case(database, opened(database, "a", "emergency", words="x")).level_since
    assert queue(database)[0].acknowledge_by == since + timedelta(seconds=60)


def test_an_urgent_case_has_no_clock(database: Engine) -> None:
    since = find_case(database, opened(database, "a", "urgent", words="x")).level_since
    assert not queue(database, 300, since + timedelta(days=1))[0].overdue


def test_who_has_it_and_who_talks_is_shown(database: Engine) -> None:
    case_id = opened(database, "a", "urgent", words="x")
    claim(database, case_id, "kim")
    assert (queue(database)[0].case.holder, queue(database)[0].in_handover) == ("kim", None)
    begin(database, case_id, "kim")
    assert queue(database)[0].in_handover == "kim"


def test_a_closed_case_is_not_in_the_queue(database: Engine) -> None:
    resolve(database, opened(database, "a", "urgent", words="x"), "kim", "advised")
    assert queue(database) == []


def test_erased_words_stay_away_and_the_case_stays(database: Engine) -> None:
    opened(database, "a", "emergency", words="x", medicine="baclofen")
    with database.begin() as connection:
        connection.execute(update(case_events).values(detail={"erased": "at the person's request"}))
    (entry,) = queue(database)
    assert entry.erased
    assert (entry.words, entry.danger_words, entry.medicine) == (None, (), None)


def test_every_change_is_noticed(database: Engine) -> None:
    seen = [newest_change(database)]
    case_id = opened(database, "a", "urgent", words="x")
    seen.append(newest_change(database))
    add_note(database, case_id, "kim", "a note")
    seen.append(newest_change(database))
    acknowledge(database, case_id, "kim")
    seen.append(newest_change(database))
    assert seen == sorted(set(seen))
    assert newest_change(database) == seen[-1]


def test_a_change_that_becomes_visible_late_is_noticed_too(database: Engine) -> None:
    case_id = opened(database, "a", "urgent", words="x")
    row = {"case_id": case_id, "event": "note", "detail": {}}
    with database.begin() as connection:
        connection.execute(case_events.insert().values(id=50, **row))
    before = newest_change(database)
    with database.begin() as connection:  # as a slower transaction with a lower id would
        connection.execute(case_events.insert().values(id=49, **row))
    assert newest_change(database) > before
