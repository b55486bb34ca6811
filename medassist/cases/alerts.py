"""The outbox: what staff must be told outside the console, once for each event and target.

A row is written in the transaction that writes the event, so neither exists without the other.
Whoever delivers takes a row first (a lease that runs out by itself), so that several workers
never send the same one at once, and a row whose worker died is taken again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import and_, case, insert, or_, select, update
from sqlalchemy.engine import Connection, Engine

from medassist.cases.events import add_event, as_utc
from medassist.settings import Settings
from medassist.storage.tables import case_events, cases, notifications, now

WEBHOOK = "webhook"
"""The target's name of the signed webhook."""

LEASE_SECONDS = 30
"""How long a taken row is left alone; whoever is still sending renews it in time."""

GIVE_UP_SECONDS = 24 * 3600
"""After a day of failures nobody is helped by a late alert."""

QUIET_SECONDS = 120
"""Further messages of the same case, level and kind within this time raise no further alert."""

_FIRST_WAIT, _LONGEST_WAIT = 5, 900  # seconds
_DONE = datetime(9999, 12, 31, tzinfo=timezone.utc)
"""When a finished row is tried next: the index on that column then finds only what is due."""


@dataclass(frozen=True)
class Alert:
    """One row of the outbox that was taken for sending, with what it is about.

    `event` is opened, raised, added, reopened or unacknowledged; `at` when it happened. `words`
    are the patient's, None when they are not known or erased.
    """

    id: int
    event_id: int
    target: str
    tries: int
    created_at: datetime
    case_id: int
    event: str
    level: str
    kind: str
    channel: str
    clinic: str
    status: str
    acknowledged_by: str | None
    at: datetime
    words: str | None


@dataclass(frozen=True)
class Delivery:
    """How an alert about a case stands at one target; all times UTC."""

    event_id: int
    target: str
    tries: int
    created_at: datetime
    delivered_at: datetime | None
    given_up_at: datetime | None
    error: str | None


def target_of(url: str) -> str:
    """The name of an Apprise URL in the outbox. The URL may hold a password, the name does not."""
    service = url.split(":", 1)[0].lower()[:40]
    return f"{service}:{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def targets_in_force(settings: Settings) -> tuple[str, ...]:
    """The names of all targets that these settings alert."""
    webhook = (WEBHOOK,) if settings.alert_webhook_url else ()
    return (*webhook, *(target_of(url) for url in settings.alert_urls))


def wants_alert(
    connection: Connection, case_id: int, event: str, level: str, kind: str, at: datetime
) -> bool:
    """Whether staff are told of an event now: one of level urgent or above, or a wish for a person.

    A case that is new or has risen always is told. A further message is not when one of the same
    level and kind was, moments ago: its alert leads to the same case.
    """
    if level not in ("emergency", "urgent") and kind != "person":
        return False
    if event in ("opened", "raised"):
        return True
    told = connection.execute(
        select(case_events.c.detail)
        .join(notifications, notifications.c.event_id == case_events.c.id)
        .where(
            case_events.c.case_id == case_id,
            notifications.c.created_at > at - timedelta(seconds=QUIET_SECONDS),
            notifications.c.created_at < at + timedelta(seconds=QUIET_SECONDS),
        )
    ).scalars()
    return not any(detail.get("level") == level and detail.get("kind") == kind for detail in told)


def write_alerts(connection: Connection, event_id: int, targets: Iterable[str]) -> None:
    """Put an event in the outbox, in the caller's transaction."""
    rows = [{"event_id": event_id, "target": target} for target in targets]
    if rows:
        connection.execute(insert(notifications), rows)


def _is_due(at: datetime) -> Any:
    """The condition on rows to be tried now.

    One that was never tried has nothing to wait for, and no wait is longer than the longest: a
    row that seems to wait so was written before the machine's clock went back. An emergency must
    not wait until the clock has caught up.
    """
    next_try = notifications.c.next_try_at
    longest = timedelta(seconds=_LONGEST_WAIT)
    return and_(
        next_try < _DONE,
        or_(next_try <= at, notifications.c.tries == 0, next_try > at + longest),
    )


def take_next(engine: Engine, target: str, at: datetime | None = None) -> Alert | None:
    """Take the most pressing row that is due at a target, or None. Nobody else has it now."""
    at = at or now()
    rank = case((cases.c.level == "emergency", 0), (cases.c.level == "urgent", 1), else_=2)
    due = (
        select(
            notifications,
            case_events.c.case_id,
            case_events.c.event,
            case_events.c.detail,
            case_events.c.at,
            cases.c.level,
            cases.c.kind,
            cases.c.channel,
            cases.c.clinic,
            cases.c.status,
            cases.c.acknowledged_by,
        )
        .join(case_events, case_events.c.id == notifications.c.event_id)
        .join(cases, cases.c.id == case_events.c.case_id)
        .where(
            notifications.c.target == target,
            _is_due(at),
            notifications.c.delivered_at.is_(None),
            notifications.c.given_up_at.is_(None),
        )
        .order_by(rank, notifications.c.id)
        .limit(1)
    )
    while True:
        with engine.connect() as connection:
            row = connection.execute(due).first()
        if row is None:
            return None
        with engine.begin() as connection:
            taken = connection.execute(
                update(notifications)
                .where(
                    notifications.c.id == row.id,
                    notifications.c.tries == row.tries,
                    _is_due(at),
                    notifications.c.delivered_at.is_(None),
                    notifications.c.given_up_at.is_(None),
                )
                .values(tries=row.tries + 1, next_try_at=at + timedelta(seconds=LEASE_SECONDS))
            ).rowcount
        if taken == 1:  # otherwise another worker was faster: look for the next one
            return _alert(row)


def _alert(row: Any) -> Alert:
    return Alert(
        id=row.id,
        event_id=row.event_id,
        target=row.target,
        tries=row.tries + 1,
        created_at=as_utc(row.created_at),
        case_id=row.case_id,
        event=row.event,
        level=row.detail.get("level") or row.level,
        kind=row.detail.get("kind") or row.kind,
        channel=row.channel,
        clinic=row.clinic,
        status=row.status,
        acknowledged_by=row.acknowledged_by,
        at=as_utc(row.at),
        words=row.detail.get("words"),
    )


def renew(engine: Engine, alert: Alert, at: datetime | None = None) -> None:
    """Keep a row that is still being sent."""
    _change(engine, alert, next_try_at=(at or now()) + timedelta(seconds=LEASE_SECONDS))


def delivered(engine: Engine, alert: Alert, at: datetime | None = None) -> None:
    """The target has it; true even if the lease ran out meanwhile."""
    with engine.begin() as connection:
        connection.execute(
            update(notifications)
            .where(notifications.c.id == alert.id)
            .values(delivered_at=at or now(), next_try_at=_DONE, error=None)
        )


def failed(engine: Engine, alert: Alert, reason: str, at: datetime | None = None) -> None:
    """The target did not take it: it is tried again later. `reason` is one line, no secret."""
    wait = min(_FIRST_WAIT * 2 ** (alert.tries - 1), _LONGEST_WAIT)
    again = (at or now()) + timedelta(seconds=wait)
    _change(engine, alert, next_try_at=again, error=reason[:300])


def _change(engine: Engine, alert: Alert, **values: Any) -> None:
    """Change the row, unless its lease ran out and another worker took it meanwhile."""
    with engine.begin() as connection:
        connection.execute(
            update(notifications)
            .where(
                notifications.c.id == alert.id,
                notifications.c.tries == alert.tries,
                notifications.c.delivered_at.is_(None),
            )
            .values(**values)
        )


def give_up_old(engine: Engine, at: datetime | None = None) -> int:
    """End what could not be delivered for a day, and say so on its case; returns how many."""
    at = at or now()
    old = (
        select(notifications, case_events.c.case_id)
        .join(case_events, case_events.c.id == notifications.c.event_id)
        .where(
            notifications.c.next_try_at <= at,
            notifications.c.created_at <= at - timedelta(seconds=GIVE_UP_SECONDS),
            notifications.c.delivered_at.is_(None),
            notifications.c.given_up_at.is_(None),
        )
        .order_by(notifications.c.id)
    )
    with engine.connect() as connection:
        rows = connection.execute(old).all()
    ended = 0
    for row in rows:
        with engine.begin() as connection:
            changed = connection.execute(
                update(notifications)
                .where(
                    notifications.c.id == row.id,
                    notifications.c.tries == row.tries,
                    notifications.c.delivered_at.is_(None),
                    notifications.c.given_up_at.is_(None),
                )
                .values(given_up_at=at, next_try_at=_DONE)
            ).rowcount
            if changed == 1:
                detail = {"target": row.target, "error": row.error, "about_event": row.event_id}
                add_event(connection, row.case_id, "alert_given_up", detail)
                ended += 1
    return ended


def deliveries(engine: Engine, case_id: int) -> list[Delivery]:
    """How the alerts about a case stand, oldest first."""
    query = (
        select(notifications)
        .join(case_events, case_events.c.id == notifications.c.event_id)
        .where(case_events.c.case_id == case_id)
        .order_by(notifications.c.id)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return [
        Delivery(
            event_id=row.event_id,
            target=row.target,
            tries=row.tries,
            created_at=as_utc(row.created_at),
            delivered_at=row.delivered_at and as_utc(row.delivered_at),
            given_up_at=row.given_up_at and as_utc(row.given_up_at),
            error=row.error,
        )
        for row in rows
    ]
