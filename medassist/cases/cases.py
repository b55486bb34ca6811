"""Opening a case and adding to its history. A case is never silently changed or removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Engine

from medassist.storage.tables import case_events, cases

_RANK = {"routine": 0, "urgent": 1, "emergency": 2}


@dataclass(frozen=True)
class Case:
    """Something staff must act on; `level` is emergency, urgent or routine."""

    id: int
    conversation: str
    channel: str
    level: str
    kind: str
    status: str
    opened_at: datetime


def open_case(
    engine: Engine,
    *,
    conversation: str,
    channel: str,
    level: str,
    kind: str,
    detail: Mapping[str, Any],
) -> int:
    """Open a case for a conversation, or add to the one it already has open; returns its id.

    `detail` is what raised it (the message's words and the assessment) and is kept in
    the case's history. A further event may raise the level of an open case, never lower it.
    """
    with engine.begin() as connection:
        current = connection.execute(
            select(cases)
            .where(cases.c.conversation == conversation, cases.c.status == "open")
            .order_by(cases.c.id.desc())
        ).first()
        if current is None:
            case_id = connection.execute(
                insert(cases).values(
                    conversation=conversation,
                    channel=channel,
                    level=level,
                    kind=kind,
                    status="open",
                )
            ).inserted_primary_key[0]
            event = "opened"
        else:
            case_id, event = current.id, "added"
            if _RANK[level] > _RANK[current.level]:
                event = "raised"
                connection.execute(
                    update(cases).where(cases.c.id == case_id).values(level=level, kind=kind)
                )
        connection.execute(
            insert(case_events).values(
                case_id=case_id, event=event, detail={"level": level, "kind": kind, **detail}
            )
        )
    return int(case_id)


def open_cases(engine: Engine) -> list[Case]:
    """Every open case, most dangerous first, then oldest."""
    with engine.connect() as connection:
        rows = connection.execute(select(cases).where(cases.c.status == "open")).all()
    found = [Case(**row._mapping) for row in rows]
    return sorted(found, key=lambda case: (-_RANK[case.level], case.id))


def history(engine: Engine, case_id: int) -> list[dict[str, Any]]:
    """What happened to a case, oldest first."""
    query = select(case_events).where(case_events.c.case_id == case_id).order_by(case_events.c.id)
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]
