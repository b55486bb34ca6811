"""What staff must know of a conversation's channel: words that never arrived, an opt-out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.engine import Engine

from medassist.storage.tables import case_events, cases


def tell_case(engine: Engine, conversation: str, event: str, detail: Mapping[str, Any]) -> bool:
    """Add an event of the channel to the open case of a conversation; False when it has none.

    `event` is "undelivered" (`detail` has "reason", and "text" if staff wrote it), "opted_out"
    or "opted_in".
    """
    with engine.begin() as connection:
        case_id = connection.execute(
            select(cases.c.id)
            .where(cases.c.conversation == conversation, cases.c.status == "open")
            .order_by(cases.c.id.desc())
        ).scalar()
        if case_id is None:
            return False
        connection.execute(
            insert(case_events).values(case_id=case_id, event=event, detail=dict(detail))
        )
    return True


def open_level(engine: Engine, conversation: str) -> str | None:
    """The level of the conversation's open case: emergency, urgent or routine; None without one."""
    with engine.connect() as connection:
        level: str | None = connection.execute(
            select(cases.c.level)
            .where(cases.c.conversation == conversation, cases.c.status == "open")
            .order_by(cases.c.id.desc())
        ).scalar()
    return level
