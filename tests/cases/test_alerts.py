"""The outbox: written with the case, taken by one worker at a time, never forgotten in silence."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from medassist.cases.alert_words import AlertWording
from medassist.cases.alerts import (
    GIVE_UP_SECONDS,
    LEASE_SECONDS,
    QUIET_SECONDS,
    Alert,
    delivered,
    deliveries,
    failed,
    give_up_old,
    renew,
    take_next,
    target_of,
    targets_in_force,
)
from medassist.cases.cases import acknowledge, history, open_case, open_cases, resolve
from medassist.settings import load_settings
from medassist.storage.tables import case_events, notifications, now

TARGETS = ("webhook", "slack:1")


def opened(
    database: Engine,
    conversation: str = "a",
    level: str = "emergency",
    kind: str = "overdose",
    targets: tuple[str, ...] = TARGETS,
) -> int:
    return open_case(
        database,
        conversation=conversation,
        channel="website",
        level=level,
        kind=kind,
        detail={"words": "she took them all"},
        targets=targets,
    )


def taken(database: Engine, target: str = "webhook", seconds: float = 0) -> Alert:
    alert = take_next(database, target, now() + timedelta(seconds=seconds))
    assert alert is not None
    return alert


def told_events(database: Engine) -> list[str]:
    """The events in the outbox of the webhook."""
    query = (
        select(case_events.c.event)
        .join(notifications, notifications.c.event_id == case_events.c.id)
        .where(notifications.c.target == "webhook")
        .order_by(notifications.c.id)
    )
    with database.connect() as connection:
        return list(connection.execute(query).scalars())


def test_a_case_and_its_alerts_are_written_together(database: Engine) -> None:
    case_id = opened(database)
    assert [d.target for d in deliveries(database, case_id)] == list(TARGETS)


def test_a_case_whose_alert_cannot_be_written_is_not_written_either(database: Engine) -> None:
    with pytest.raises(IntegrityError):
        opened(database, targets=("webhook", "webhook"))
    assert open_cases(database) == []


@pytest.mark.parametrize(
    ("level", "kind", "told"),
    [
        ("emergency", "overdose", True),
        ("urgent", "side_effect", True),
        ("routine", "person", True),
        ("routine", "note", False),
    ],
)
def test_staff_are_told_of_danger_and_of_a_wish_for_a_person(
    database: Engine, level: str, kind: str, told: bool
) -> None:
    opened(database, level=level, kind=kind)
    assert told_events(database) == (["opened"] if told else [])


def test_a_case_that_gets_worse_is_told_again(database: Engine) -> None:
    opened(database, level="urgent")
    opened(database, level="emergency")
    assert told_events(database) == ["opened", "raised"]


def test_further_messages_of_the_same_kind_are_quiet_for_a_moment_only(database: Engine) -> None:
    for _ in range(5):
        opened(database)
    assert told_events(database) == ["opened"]
    with database.begin() as connection:
        earlier = now() - timedelta(seconds=QUIET_SECONDS + 1)
        connection.execute(update(notifications).values(created_at=earlier))
    opened(database)
    assert told_events(database) == ["opened", "added"]


def test_another_kind_of_danger_is_never_quiet(database: Engine) -> None:
    opened(database, kind="overdose")
    opened(database, kind="self_harm")
    opened(database, level="routine", kind="person")
    assert told_events(database) == ["opened", "added", "added"]


def test_the_targets_are_those_of_the_settings_and_hold_no_secret(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = "mailtos://nurse:hush@clinic.example slack://hush/hush/hush"
    monkeypatch.setenv("MEDASSIST_ALERT_URLS", urls)
    monkeypatch.setenv("MEDASSIST_ALERT_WEBHOOK_URL", "https://clinic.example/hush")
    monkeypatch.setenv("MEDASSIST_ALERT_WEBHOOK_SECRET", "hush")
    case_id = open_case(
        database, conversation="a", channel="website", level="urgent", kind="overdose", detail={}
    )
    targets = [d.target for d in deliveries(database, case_id)]
    assert targets == list(targets_in_force(load_settings()))
    assert [t.split(":")[0] for t in targets] == ["webhook", "mailtos", "slack"]
    assert "hush" not in str(targets)
    assert target_of("slack://a") != target_of("slack://b")


@pytest.mark.parametrize("minutes", [1, 10, 60])
def test_an_alert_does_not_wait_for_a_clock_that_was_put_back(
    database: Engine, minutes: int
) -> None:
    opened(database)
    alert = take_next(database, "webhook", now() - timedelta(minutes=minutes))
    assert alert is not None
    assert alert.event == "opened"


def test_after_the_clock_was_put_back_an_hour_a_failed_alert_is_tried_again(
    database: Engine,
) -> None:
    opened(database)
    for _ in range(8):  # the pauses have grown to their longest
        with database.begin() as connection:
            connection.execute(update(notifications).values(next_try_at=now()))
        alert = take_next(database, "webhook")
        assert alert is not None
        failed(database, alert, "no answer")
    assert take_next(database, "webhook") is None
    assert take_next(database, "webhook", now() - timedelta(hours=1)) is not None


def test_an_alert_that_arrived_stays_done_when_the_clock_is_put_back(database: Engine) -> None:
    opened(database)
    alert = take_next(database, "webhook")
    assert alert is not None
    delivered(database, alert)
    assert take_next(database, "webhook", now() - timedelta(hours=1)) is None


def test_an_alert_is_taken_once_until_its_lease_runs_out(database: Engine) -> None:
    opened(database)
    first = taken(database)
    assert take_next(database, "webhook") is None
    assert take_next(database, "webhook", now() + timedelta(seconds=LEASE_SECONDS - 1)) is None
    again = taken(database, seconds=LEASE_SECONDS + 1)
    assert (again.id, again.tries) == (first.id, 2)


def test_a_lease_that_is_renewed_does_not_run_out(database: Engine) -> None:
    opened(database)
    first = taken(database)
    renew(database, first, now() + timedelta(seconds=LEASE_SECONDS))
    assert take_next(database, "webhook", now() + timedelta(seconds=LEASE_SECONDS + 1)) is None


def test_many_takers_at_once_never_take_the_same(database: Engine) -> None:
    for number in range(12):
        opened(database, f"c{number}", targets=("webhook",))

    def take_all(_worker: int) -> list[int]:
        mine = []
        while alert := take_next(database, "webhook"):
            mine.append(alert.id)
        return mine

    with ThreadPoolExecutor(4) as pool:
        ids = [i for mine in pool.map(take_all, range(4)) for i in mine]
    assert len(ids) == 12
    assert len(set(ids)) == 12


def test_targets_do_not_wait_for_each_other(database: Engine) -> None:
    opened(database)
    taken(database, "webhook")
    assert taken(database, "slack:1").target == "slack:1"
    assert take_next(database, "gone:1") is None


def test_emergencies_go_first(database: Engine) -> None:
    opened(database, "u", "urgent")
    opened(database, "p", "routine", "person")
    opened(database, "e", "emergency")
    assert [taken(database).level for _ in range(3)] == ["emergency", "urgent", "routine"]


def test_what_was_delivered_is_not_sent_again(database: Engine) -> None:
    case_id = opened(database)
    delivered(database, taken(database))
    assert take_next(database, "webhook", now() + timedelta(days=30)) is None
    assert deliveries(database, case_id)[0].delivered_at is not None


def test_what_was_delivered_after_its_lease_is_recorded_all_the_same(database: Engine) -> None:
    opened(database)
    slow = taken(database)
    other = taken(database, seconds=LEASE_SECONDS + 1)
    delivered(database, slow)
    failed(database, other, "no answer")
    assert take_next(database, "webhook", now() + timedelta(days=1)) is None


def test_a_failure_is_tried_again_at_growing_intervals(database: Engine) -> None:
    case_id = opened(database)
    waits = []
    at = now()
    for _ in range(10):
        alert = take_next(database, "webhook", at)
        assert alert is not None
        failed(database, alert, "answered with status 500", at)
        wait = next(s for s in range(1, 1000) if _is_due(database, at + timedelta(seconds=s)))
        waits.append(wait)
        at += timedelta(seconds=wait)
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]
    assert deliveries(database, case_id)[0].error == "answered with status 500"


def _is_due(database: Engine, at) -> bool:
    due = select(notifications.c.id).where(
        notifications.c.target == "webhook", notifications.c.next_try_at <= at
    )
    with database.connect() as connection:
        return connection.execute(due).first() is not None


def test_after_a_day_it_is_given_up_and_the_case_says_so(database: Engine) -> None:
    case_id = opened(database, targets=("webhook", "removed:1"))
    failed(database, taken(database), "answered with status 500")
    day = now() + timedelta(seconds=GIVE_UP_SECONDS)
    assert give_up_old(database, day - timedelta(minutes=1)) == 0
    assert give_up_old(database, day) == 2
    assert give_up_old(database, day) == 0
    assert take_next(database, "webhook", day + timedelta(days=1)) is None
    given_up = [e["detail"] for e in history(database, case_id) if e["event"] == "alert_given_up"]
    assert [(d["target"], d["error"]) for d in given_up] == [
        ("webhook", "answered with status 500"),
        ("removed:1", None),
    ]


def test_the_words_of_the_patient_are_in_an_alert_only_where_set_so(database: Engine) -> None:
    case_id = opened(database)
    alert = taken(database)
    discreet = AlertWording("https://chat.example.org", with_words=False)
    open_hearted = AlertWording("https://chat.example.org", with_words=True)
    for said in (discreet.title(alert), discreet.text(alert), str(discreet.payload(alert))):
        assert "took" not in said
        assert "EMERGENCY" in said.upper()
        assert str(case_id) in said
    assert "she took them all" in open_hearted.text(alert)
    assert open_hearted.payload(alert)["words"] == "she took them all"
    assert f"https://chat.example.org/staff/cases/{case_id}" in discreet.text(alert)


def test_a_late_alert_says_how_the_case_stands_now(database: Engine) -> None:
    wording = AlertWording("http://127.0.0.1:8000", with_words=False)
    case_id = opened(database, targets=("webhook", "b", "c"))
    assert "nobody has acknowledged it" in wording.text(taken(database))
    acknowledge(database, case_id, "kim")
    assert "acknowledged by kim" in wording.text(taken(database, "b"))
    resolve(database, case_id, "kim", "advised")
    assert "closed since" in wording.text(taken(database, "c"))


def test_an_alert_about_erased_words_goes_out_without_them(database: Engine) -> None:
    opened(database)
    with database.begin() as connection:
        connection.execute(update(case_events).values(detail={"erased": "at the person's request"}))
    alert = taken(database)
    assert (alert.words, alert.level, alert.kind) == (None, "emergency", "overdose")
