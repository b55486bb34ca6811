"""The history of a case: rows that are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.engine import Connection, Engine

from medassist.storage.tables import case_events

_LOOK_BACK = 1000
"""Ids; a row is committed before this many later ones are made."""


def as_utc(moment: datetime) -> datetime:
    """A time from the database as UTC; SQLite gives it back without its zone."""
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def add_event(
    connection: Connection,
    case_id: int,
    event: str,
    detail: Mapping[str, Any] | None = None,
    account: str | None = None,
) -> int:
    """Add a row to the history of a case; returns the row's id."""
    row = insert(case_events).values(
        case_id=case_id, event=event, detail=dict(detail or {}), account=account
    )
    return int(connection.execute(row).inserted_primary_key[0])


def history(engine: Engine, case_id: int) -> list[dict[str, Any]]:
    """What happened to a case, oldest first: id, case_id, event, account, detail, at."""
    query = select(case_events).where(case_events.c.case_id == case_id).order_by(case_events.c.id)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return [{**row._mapping, "at": as_utc(row.at)} for row in rows]


def newest_change(engine: Engine) -> int:
    """A number that grows whenever anything happens to any case; it means nothing else.

    It is not the highest id alone: PostgreSQL may show a row after one with a higher id.
    """
    with engine.connect() as connection:
        newest = connection.execute(select(func.max(case_events.c.id))).scalar() or 0
        recent = connection.execute(
            select(func.count())
            .select_from(case_events)
            .where(case_events.c.id > newest - _LOOK_BACK, case_events.c.id <= newest)
        ).scalar()
    return int(newest * (_LOOK_BACK + 1) + (recent or 0))
