"""The audit log: who of the staff saw and did what. Rows are only ever added."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, or_, select
from sqlalchemy.engine import Engine

from medassist.staff.accounts import utc
from medassist.storage.tables import audit_log

OUTCOMES = ("done", "refused", "failed")


@dataclass(frozen=True)
class Entry:
    """One thing that somebody saw or did, or tried to."""

    id: int
    at: datetime
    account: str
    role: str
    action: str
    object: str
    outcome: str
    address: str


def record(
    engine: Engine,
    *,
    account: str,
    role: str,
    action: str,
    object: str = "",
    outcome: str = "done",
    address: str = "",
) -> None:
    """Add an entry. `object` names what it was about by number or name, never by its words."""
    with engine.begin() as connection:
        connection.execute(
            insert(audit_log).values(
                account=account[:100],
                role=role[:20],
                action=action[:100],
                object=object[:255],
                outcome=outcome,
                address=address[:64],
            )
        )


def entries(
    engine: Engine,
    *,
    account: str = "",
    action: str = "",
    object: str = "",
    outcome: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Entry]:
    """The newest entries that fit, newest first; `before` is an id to page on from."""
    query = select(audit_log).order_by(audit_log.c.id.desc()).limit(limit)
    for column, wanted in (
        (audit_log.c.account, account),
        (audit_log.c.action, action),
        (audit_log.c.outcome, outcome),
    ):
        if wanted:
            query = query.where(column == wanted)
    if object:
        query = query.where(
            or_(
                audit_log.c.object == object,
                audit_log.c.object.startswith(f"{object} ", autoescape=True),
            )
        )
    if since is not None:
        query = query.where(audit_log.c.at >= since)
    if until is not None:
        query = query.where(audit_log.c.at < until)
    if before is not None:
        query = query.where(audit_log.c.id < before)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return [Entry(**{**row._mapping, "at": utc(row.at)}) for row in rows]
