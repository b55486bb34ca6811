"""What was kept long enough goes, by itself; what is young, open or wanted stays."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Engine

from medassist.cases.cases import add_note, claim, find_case, open_case, reopen, resolve
from medassist.cases.contacts import barrier, contact_at, find_contact, opt_out
from medassist.privacy import daily, retention
from medassist.privacy.retention import BATCH, Retention, StoppedError, rules, run_if_due
from medassist.privacy_settings import PrivacySettings
from medassist.settings import SettingsError, load_settings
from medassist.storage.rasa_tables import events
from medassist.storage.tables import (
    audit_log,
    case_events,
    cases,
    contacts,
    content_gaps,
    handovers,
    metadata,
    notifications,
    now,
    staff_sessions,
)
from tests.cases.receivers import running
from tests.conftest import wait_until
from tests.privacy.held import fill
from tests.staff.conversations import write

KEEP = PrivacySettings()
FOREVER = PrivacySettings(**{field.name: None for field in fields(PrivacySettings)})


def ago(days: float) -> datetime:
    return now() - timedelta(days=days)


def count(engine: Engine, table) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar() or 0)


def a_case(engine: Engine, conversation: str, closed_days_ago: float | None = None) -> int:
    """A case with a history, an alert and a handover, closed so long ago or still open."""
    case = open_case(
        engine, conversation=conversation, channel="website", level="emergency", kind="overdose",
        detail={"words": "help"}, targets=["webhook"],
    )  # fmt: skip
    claim(engine, case, "kim")
    with engine.begin() as connection:
        row = {"conversation": conversation, "channel": "website", "case_id": case, "staff": "kim"}
        connection.execute(insert(handovers).values(**row, ended_at=now()))
    if closed_days_ago is not None:
        resolve(engine, case, "kim", "advised")
        with engine.begin() as connection:
            mine = update(cases).where(cases.c.id == case)
            connection.execute(mine.values(closed_at=ago(closed_days_ago)))
    return case


@pytest.mark.parametrize("what", [rule.what for rule in rules(KEEP)])
def test_a_row_goes_when_its_days_are_over_and_not_before(
    what: str, database: Engine, tracker: Engine
) -> None:
    (rule,) = [rule for rule in rules(KEEP) if rule.what == what]
    assert rule.days is not None
    event = a_case(database, "web-1")
    with database.begin() as connection:
        connection.execute(notifications.delete())
        account = fill(metadata.tables["accounts"], "kim", now())
        connection.execute(metadata.tables["accounts"].insert().values(id=1, **account))
        for number, days in enumerate((rule.days + 1, rule.days - 0.5)):
            row = {**fill(rule.table, f"web-{number}", ago(days)), "given_up_at": ago(days)}
            row.update(event_id=event, account_id=1, target=f"t{number}")
            for key in ("digest", "token", "key", "number"):
                row[key] = f"{key}-{number}"
            known = {name: value for name, value in row.items() if name in rule.table.c}
            connection.execute(insert(rule.table).values(**known))
    assert Retention(database, tracker, KEEP).run()[what] == 1
    assert count(database, rule.table) == 1
    assert Retention(database, tracker, KEEP).run()[what] == 0


def test_an_alert_that_is_still_tried_stays(database: Engine, tracker: Engine) -> None:
    a_case(database, "web-1")
    with database.begin() as connection:
        connection.execute(update(notifications).values(created_at=ago(1000)))
    assert Retention(database, tracker, KEEP).run()["alerts"] == 0


def test_closed_cases_go_with_all_that_belongs_to_them_and_open_ones_never(
    database: Engine, tracker: Engine
) -> None:
    old, young = a_case(database, "web-1", 731), a_case(database, "web-2", 729)
    still_open = a_case(database, "web-3")
    with database.begin() as connection:
        connection.execute(
            update(cases).where(cases.c.id == still_open).values(opened_at=ago(4000))
        )
    assert Retention(database, tracker, KEEP).run()["closed cases"] == 1
    for table in (cases, case_events, handovers):
        column = table.c.id if table is cases else table.c.case_id
        with database.connect() as connection:
            left = set(connection.execute(select(column)).scalars())
        assert left == {young, still_open}, table.name
    assert count(database, notifications) == 2
    assert find_case(database, still_open).status == "open"
    assert old not in left


def test_a_conversation_goes_as_a_whole_after_its_last_message(
    database: Engine, tracker: Engine
) -> None:
    write(tracker, ago(200), "old", conversation="over")
    write(tracker, ago(91), "older than 90 days", conversation="over")
    write(tracker, ago(200), "old", conversation="going on")
    write(tracker, ago(89), "young", conversation="going on")
    assert Retention(database, tracker, KEEP).run()["conversations"] == 1
    with tracker.connect() as connection:
        left = connection.execute(select(events.c.sender_id)).scalars().all()
    assert left == ["going on"] * 4


def test_the_conversation_of_an_open_case_stays_until_it_is_closed(
    database: Engine, tracker: Engine
) -> None:
    case = a_case(database, "web-1")
    write(tracker, ago(500), "help", conversation="web-1")
    assert Retention(database, tracker, KEEP).run()["conversations"] == 0
    resolve(database, case, "kim", "advised")
    assert Retention(database, tracker, KEEP).run()["conversations"] == 1


def test_an_address_goes_with_its_conversation_but_a_wish_for_no_messages_stays(
    database: Engine, tracker: Engine
) -> None:
    people = {
        who: contact_at(database, "sms", "+15550100100", f"+1555010020{n}").conversation
        for n, who in enumerate(("gone", "opted out", "open case", "still stored", "young"))
    }
    with database.begin() as connection:
        old = update(contacts).where(contacts.c.conversation != people["young"])
        connection.execute(old.values(first_at=ago(200), heard_at=ago(91)))
    opt_out(database, people["opted out"])
    a_case(database, people["open case"])
    write(tracker, ago(10), "staff wrote", conversation=people["still stored"])
    assert Retention(database, tracker, KEEP).run()["addresses"] == 1
    left = {who for who, conversation in people.items() if find_contact(database, conversation)}
    assert left == set(people) - {"gone"}
    assert barrier(database, people["opted out"])


def test_what_is_to_be_kept_for_ever_stays(database: Engine, tracker: Engine) -> None:
    a_case(database, "web-1", 30_000)
    write(tracker, ago(9_000), "old", conversation="web-1")
    gaps(database, 1, days=30_000)
    removed = Retention(database, tracker, FOREVER).run()
    assert sum(removed.values()) == 0


def gaps(engine: Engine, number: int, days: float = 400) -> None:
    row = {"conversation": "web-1", "medicine": "ibuprofen", "topic": "dose", "question": "how"}
    with engine.begin() as connection:
        connection.execute(insert(content_gaps), [{**row, "asked_at": ago(days)}] * number)


def test_work_that_is_stopped_goes_on_where_it_was_and_blocks_no_writer(
    database: Engine, tracker: Engine
) -> None:
    gaps(database, 3 * BATCH)
    case = a_case(database, "web-2")
    asked = 0

    def go_on() -> bool:
        nonlocal asked
        asked += 1
        add_note(database, case, "kim", "a write in the middle of it")
        return asked <= 2

    with pytest.raises(StoppedError):
        Retention(database, tracker, KEEP, go_on=go_on).run()
    assert count(database, content_gaps) == BATCH
    Retention(database, tracker, KEEP).run()
    assert count(database, content_gaps) == 0


def test_of_many_workers_one_does_the_job_once_a_day(database: Engine, tracker: Engine) -> None:
    gaps(database, 10)
    done: list[bool] = []
    together = threading.Barrier(4)

    def worker() -> None:
        together.wait()
        done.append(run_if_due(database, tracker, KEEP, threading.Event()))

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, False, False, True]
    assert count(database, content_gaps) == 0
    assert not run_if_due(database, tracker, KEEP, threading.Event())
    tomorrow = now() + timedelta(days=1, minutes=1)
    assert daily.claim(database, retention.JOB, tomorrow) is not None


def test_a_worker_that_died_loses_the_job_and_one_that_lives_keeps_it(database: Engine) -> None:
    start = now()
    dead = daily.claim(database, "job", start)
    assert dead is not None
    assert daily.claim(database, "job", start + timedelta(seconds=60)) is None
    assert dead.keep(start + timedelta(seconds=60))
    assert daily.claim(database, "job", start + timedelta(seconds=150)) is None
    other = daily.claim(database, "job", start + timedelta(seconds=300))
    assert other is not None
    assert not dead.keep(start + timedelta(seconds=301))
    assert not dead.done(start + timedelta(seconds=301))
    assert other.done(start + timedelta(seconds=302))


def test_a_worker_that_fails_or_is_told_to_stop_gives_the_job_back(
    database: Engine, tracker: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    stop.set()
    assert not run_if_due(database, tracker, KEEP, stop)

    def fail(_self: Retention) -> Callable[[], None]:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(Retention, "run", fail)
        with pytest.raises(RuntimeError):
            run_if_due(database, tracker, KEEP, threading.Event())
    assert run_if_due(database, tracker, KEEP, threading.Event())


def test_a_case_that_is_reopened_at_the_same_moment_stays(
    database: Engine, tracker: Engine
) -> None:
    case = a_case(database, "web-1", 800)

    def go_on() -> bool:
        if find_case(database, case).status == "closed":
            reopen(database, case, "kim")
        return True

    Retention(database, tracker, KEEP, go_on=go_on).run()
    assert find_case(database, case).status == "open"


def test_the_alert_worker_does_it_without_being_asked(
    database: Engine, tracker: Engine, tmp_path: Path
) -> None:
    gaps(database, 5)
    write(tracker, ago(40), "old", conversation="web-1")
    url = tracker.url.render_as_string(hide_password=False)
    with running(
        database, tmp_path,
        MEDASSIST_TRACKER_DATABASE_URL=url, MEDASSIST_KEEP_CONVERSATIONS_DAYS="30",
    ) as worker:  # fmt: skip
        assert wait_until(lambda: count(database, content_gaps) + count(tracker, events) == 0)
        assert wait_until(lambda: "5 questions without an answer" in worker.said())
        assert worker.end() == 0


@pytest.mark.parametrize("bad", ["0", "-1", "90.5", "ninety", "36501", "9" * 40, "²"])
def test_days_that_are_none_are_refused_in_one_line(bad: str) -> None:
    with pytest.raises(SettingsError, match="MEDASSIST_KEEP_CASES_DAYS must be whole days"):
        load_settings({"MEDASSIST_KEEP_CASES_DAYS": bad})


def test_days_can_be_chosen_and_for_ever_is_a_word() -> None:
    chosen = load_settings(
        {"MEDASSIST_KEEP_CASES_DAYS": "3650", "MEDASSIST_KEEP_AUDIT_DAYS": "Forever"}
    ).privacy
    assert chosen == replace(KEEP, cases=3650, audit=None)


def test_sign_ins_and_audit_entries_are_kept_apart(database: Engine, tracker: Engine) -> None:
    """A sign-in goes after a day, what was done in it stays for years."""
    with database.begin() as connection:
        row = {"account": "kim", "role": "admin", "action": "sign_in", "outcome": "done"}
        connection.execute(insert(audit_log).values(**row, at=ago(2000)))
        connection.execute(
            insert(metadata.tables["accounts"]).values(id=1, name="kim", shown_as="K", role="admin")
        )
        connection.execute(
            insert(staff_sessions).values(
                digest="d", account_id=1, csrf_token="t", began_at=ago(2), used_at=now()
            )
        )
    Retention(database, tracker, KEEP).run()
    assert (count(database, staff_sessions), count(database, audit_log)) == (0, 1)
