"""The figures are those of the period, on the clinic's clock, from bounded reading."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from rasa.core.tracker_store import SQLTrackerStore
from ruamel.yaml import YAML
from sqlalchemy import event, insert
from sqlalchemy.engine import Engine

from medassist.staff import figures, heard, labels
from medassist.staff.figures import Period
from medassist.storage.tables import cases, content_gaps, thumbs
from tests.staff.conversations import make_events, write

NEW_YORK = ZoneInfo("America/New_York")
NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 3), NEW_YORK)
NOON = datetime(2026, 11, 2, 17, tzinfo=timezone.utc)


@pytest.fixture
def conversations(database: Engine) -> Engine:
    make_events(database)
    return database


def read(engine: Engine, period: Period = NOVEMBER) -> list[heard.Message]:
    return heard.messages(engine, period.since, period.until)


def test_a_day_is_a_day_on_the_clinics_clock_also_when_the_clock_changes() -> None:
    # In New York the clock goes back on 1 November 2026: that day has 25 hours.
    assert NOVEMBER.since == datetime(2026, 11, 1, 4, tzinfo=timezone.utc)
    assert NOVEMBER.until == datetime(2026, 11, 4, 5, tzinfo=timezone.utc)


def test_messages_are_counted_by_day_and_channel(conversations: Engine) -> None:
    late = datetime(2026, 11, 3, 4, 30, tzinfo=timezone.utc)  # 23:30 on the 2nd in New York
    for at, channel, sender in (
        (NOVEMBER.since - timedelta(seconds=1), "website", "before"),
        (NOVEMBER.since, "website", "a"),
        (NOON, "sms", "b"),
        (late, "website", "a"),
        (NOVEMBER.until, "website", "after"),
    ):
        write(conversations, at, channel=channel, conversation=sender)
    counted = figures.volumes(read(conversations), NOVEMBER)
    assert counted.channels == ("website", "sms")
    assert counted.days == (
        (date(2026, 11, 1), (1, 0)),
        (date(2026, 11, 2), (1, 1)),
        (date(2026, 11, 3), (0, 0)),
    )
    assert (counted.messages, counted.conversations) == (3, 2)


def test_topics_and_what_was_not_understood(conversations: Engine) -> None:
    for intent in ("ask_dose", "ask_uses", "ask_dose", "nlu_fallback", None):
        write(conversations, NOON, intent=intent)
    found = read(conversations)
    assert figures.topics(found) == [("ask_dose", 2), ("ask_uses", 1)]
    assert figures.fallback_share(found) == 0.25  # what staff held was not read at all


def test_without_any_conversation_there_are_no_figures(database: Engine) -> None:
    assert read(database) == []
    assert heard.unsure_messages(database, NOVEMBER.since, NOVEMBER.until, set()) == []
    assert heard.message_at(database, 1) is None
    assert figures.fallback_share([]) == 0
    assert [e.cases for e in figures.escalations(database, NOVEMBER)] == [0, 0, 0]


def test_a_row_that_cannot_be_read_spoils_no_figures(conversations: Engine) -> None:
    write(conversations, NOON, text="a null character \0 in it")
    events = SQLTrackerStore.SQLEvent.__table__
    with conversations.begin() as connection:
        connection.execute(
            insert(events).values(
                sender_id="x", type_name="user", timestamp=NOON.timestamp(), data='{"text": NaN'
            )
        )
    assert [m.channel for m in read(conversations)] == ["unknown", "website"]


def test_a_period_in_a_long_history_is_found_without_reading_the_history(
    conversations: Engine,
) -> None:
    start = NOON - timedelta(days=300)
    events = SQLTrackerStore.SQLEvent.__table__
    rows = [
        {
            "sender_id": f"web-{n // 5}",
            "type_name": "user",
            "timestamp": (start + timedelta(hours=n)).timestamp(),
            "intent_name": "ask_dose",
            "data": json.dumps({"input_channel": "website", "text": "x"}),
        }
        for n in range(300 * 24 + 100)
        if n % 7  # ids have holes where patients deleted their data
    ]
    with conversations.begin() as connection:
        connection.execute(insert(events), rows)
    asked: list[str] = []
    event.listen(conversations, "before_cursor_execute", lambda *given: asked.append(given[2]))
    found = read(conversations)
    hours = [n for n in range(300 * 24 + 100) if n % 7]
    expected = sum(NOVEMBER.since <= start + timedelta(hours=n) < NOVEMBER.until for n in hours)
    assert expected > 50
    assert len(found) == expected
    halvings = [statement for statement in asked if "LIMIT" in statement]
    assert len(halvings) < 2 * 16


def test_only_so_many_messages_are_counted_and_they_are_the_newest(conversations: Engine) -> None:
    for minute in range(5):
        write(conversations, NOON + timedelta(minutes=minute))
    found = heard.messages(conversations, NOVEMBER.since, NOVEMBER.until, most=2)
    assert [m.at for m in found] == [NOON + timedelta(minutes=4), NOON + timedelta(minutes=3)]


def test_unsure_messages_are_found_until_they_are_labelled(conversations: Engine) -> None:
    write(conversations, NOON, "I am sure", confidence=0.9)
    unsure = write(conversations, NOON, "legs jump", confidence=0.49)
    unread = write(conversations, NOON, "whatsit", intent="nlu_fallback", confidence=0.2)
    write(conversations, NOON, "  ", confidence=0.1)
    write(conversations, NOON, "to staff", intent=None)
    write(conversations, NOVEMBER.until, "too late", confidence=0.1)

    def found() -> list[str]:
        seen = heard.unsure_messages(
            conversations, NOVEMBER.since, NOVEMBER.until, labels.labelled(conversations)
        )
        return [m.message_id for m in seen]

    assert found() == [unread, unsure]
    for intent in ("ask_dose", "ask_side_effects"):
        labels.give_label(
            conversations,
            conversation="web-1",
            message_id=unsure,
            text="legs jump",
            intent=intent,
            account="kim",
        )
    assert found() == [unread]
    given = labels.all_labels(conversations)
    assert [(x.text, x.intent, x.account) for x in given] == [
        ("legs jump", "ask_side_effects", "kim")
    ]


def test_labels_become_training_data_that_rasa_reads_as_the_same_words(tmp_path) -> None:
    from rasa.shared.nlu.training_data.formats.rasa_yaml import RasaYAMLReader

    at = NOON
    texts = ["two\nlines - and: colons", "[bac](medicine) 10mg", "/restart", "# no comment", "é €"]
    given = [labels.Label(text, "ask_dose", "kim", at) for text in texts]
    given += [
        labels.Label("other", "ask_uses", "kim", at),
        labels.Label("other", "ask_uses", "lee", at),
    ]
    text = labels.as_training_examples(given)
    assert YAML(typ="safe").load(text)["version"] == "3.1"
    data = RasaYAMLReader().reads(text)
    found = [
        (e.get("intent"), e.get("text"), e.get("entities") or []) for e in data.training_examples
    ]
    assert found == [
        ("ask_dose", "two lines - and: colons", []),
        ("ask_dose", "(bac)(medicine) 10mg", []),
        ("ask_dose", "/restart", []),
        ("ask_dose", "# no comment", []),
        ("ask_dose", "é €", []),
        ("ask_uses", "other", []),
    ]


def test_what_can_be_chosen_is_what_the_bot_knows() -> None:
    known = labels.known_intents()
    assert "ask_dose" in known
    assert "report_overdose" in known
    assert "nlu_fallback" not in known


def test_gaps_cases_and_thumbs_are_of_the_period(database: Engine) -> None:
    later = NOVEMBER.until
    with database.begin() as connection:
        for medicine, at in (("ibuprofen", NOON), ("ibuprofen", NOON), ("tizanidine", later)):
            connection.execute(
                insert(content_gaps).values(
                    conversation="w", medicine=medicine, topic="dose", question="?", asked_at=at
                )
            )
        for number, (up, at) in enumerate([(True, NOON), (False, NOON), (False, later)]):
            connection.execute(
                insert(thumbs).values(
                    conversation="w",
                    message_id=f"m{number}",
                    answer_id="dose",
                    medicine="baclofen",
                    topic="dose",
                    up=up,
                    why="because",
                    at=at,
                )
            )
        for wait, outcome in ((60, "advised"), (120, "advised"), (None, None)):
            seen = NOON + timedelta(seconds=wait) if wait else None
            connection.execute(
                insert(cases).values(
                    conversation="w",
                    channel="website",
                    level="emergency",
                    kind="overdose",
                    status="closed" if outcome else "open",
                    opened_at=NOON - timedelta(hours=1),
                    level_since=NOON,
                    acknowledged_at=seen,
                    outcome=outcome,
                )
            )
    assert figures.gaps(database, NOVEMBER) == [figures.Gap("ibuprofen", "dose", 2)]
    assert figures.opinions(database, NOVEMBER) == [figures.Opinion("baclofen", "dose", 1, 1)]
    assert [(why, up) for _at, _answer, why, up in figures.reasons(database, NOVEMBER)] == [
        ("because", False),
        ("because", True),
    ]
    emergency = figures.escalations(database, NOVEMBER)[0]
    assert emergency == figures.Escalations(
        "emergency", 3, 1, (("advised", 2),), 2, median_seconds=90, slowest_tenth_seconds=120
    )
