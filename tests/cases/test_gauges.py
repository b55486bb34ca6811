"""The gauges say how the queue and the outboxes stand, and how fast staff are."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, update
from sqlalchemy.engine import Engine

from medassist.cases.alerts import delivered, take_next
from medassist.cases.cases import acknowledge, claim, open_case, resolve
from medassist.cases.gauges import Gauges
from medassist.metrics import exposition
from medassist.storage.database import open_database
from medassist.storage.tables import cases, notifications, now, outgoing_messages

Key = tuple[str, tuple[tuple[str, str], ...]]


def measured(engine: Engine) -> dict[Key, float]:
    text = exposition([Gauges(engine)]).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def key(name: str, **labels: str) -> Key:
    return (f"medassist_{name}", tuple(sorted(labels.items())))


def opened(engine: Engine, conversation: str, level: str, minutes: float = 0) -> int:
    case = open_case(
        engine, conversation=conversation, channel="website", level=level, kind="danger_sign",
        detail={"words": "zebracorn"}, targets=["webhook"],
    )  # fmt: skip
    since = now() - timedelta(minutes=minutes)
    with engine.begin() as connection:
        connection.execute(
            update(cases).where(cases.c.id == case).values(opened_at=since, level_since=since)
        )
    return case


def test_open_cases_are_counted_by_level_until_they_are_resolved(database: Engine) -> None:
    opened(database, "a", "emergency")
    done = opened(database, "b", "emergency")
    opened(database, "c", "urgent")
    found = measured(database)
    assert found[key("open_cases", level="emergency")] == 2
    assert found[key("open_cases", level="urgent")] == 1
    assert found[key("open_cases", level="routine")] == 0
    claim(database, done, "kim")
    resolve(database, done, "kim", "advised", "")
    assert measured(database)[key("open_cases", level="emergency")] == 1


def test_the_oldest_that_nobody_has_acknowledged_waits(database: Engine) -> None:
    oldest = opened(database, "a", "emergency", minutes=10)
    opened(database, "b", "emergency", minutes=4)
    name = "oldest_unacknowledged_seconds"
    assert 600 <= measured(database)[key(name, level="emergency")] < 700
    acknowledge(database, oldest, "kim")
    assert 240 <= measured(database)[key(name, level="emergency")] < 340
    assert measured(database)[key(name, level="urgent")] == 0


def test_how_long_staff_took_is_counted_once_in_its_bucket(database: Engine) -> None:
    case = opened(database, "a", "urgent", minutes=4)
    before = measured(database)
    acknowledge(database, case, "kim")
    acknowledge(database, case, "lee")
    after = measured(database)

    def grown(name: str, **labels: str) -> float:
        at = key(name, **labels)
        return after[at] - before.get(at, 0)

    assert grown("acknowledge_seconds_count", level="urgent") == 1
    assert grown("acknowledge_seconds_bucket", level="urgent", le="180.0") == 0
    assert grown("acknowledge_seconds_bucket", level="urgent", le="300.0") == 1


def test_each_outbox_says_what_waits_and_how_long(database: Engine) -> None:
    opened(database, "a", "emergency")
    opened(database, "b", "urgent")
    since = now() - timedelta(seconds=90)
    with database.begin() as connection:
        connection.execute(update(notifications).values(created_at=since))
        connection.execute(
            insert(outgoing_messages).values(key="k", channel="sms", conversation="c", content={})
        )
    found = measured(database)
    assert found[key("outbox_waiting", queue="alerts")] == 2
    assert 90 <= found[key("outbox_oldest_seconds", queue="alerts")] < 190
    assert found[key("outbox_waiting", queue="outgoing")] == 1
    assert found[key("outbox_waiting", queue="incoming")] == 0
    while alert := take_next(database, "webhook"):
        delivered(database, alert)
    found = measured(database)
    assert found[key("outbox_waiting", queue="alerts")] == 0
    assert found[key("outbox_oldest_seconds", queue="alerts")] == 0


def test_nobody_s_words_or_names_are_in_the_metrics(database: Engine) -> None:
    acknowledge(database, opened(database, "web-secret", "emergency"), "kim")
    text = exposition([Gauges(database)]).decode()
    assert not [word for word in ("zebracorn", "web-secret", "kim") if word in text]


def test_without_a_database_there_is_an_answer_that_says_so(tmp_path: Path) -> None:
    gone = open_database(f"sqlite:///{tmp_path / 'empty.db'}")
    assert measured(gone)[key("database_reachable")] == 0


def test_a_database_that_hangs_holds_up_nobody(monkeypatch) -> None:
    monkeypatch.setattr("medassist.cases.gauges.SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg2://x@127.0.0.1:{silent.getsockname()[1]}/x"
        gauges = Gauges(open_database(url))
        found = [family.name for family in gauges.collect()]
        assert found == ["medassist_database_reachable"]
        threads = len(os.listdir("/proc/self/task"))
        for _ in range(3):
            list(gauges.collect())
        assert len(os.listdir("/proc/self/task")) <= threads, "readings pile up"
