"""Who of the staff holds which conversation: our record of it.

Whether the bot is quiet is the slot `handover` in Rasa; whoever sets it says so here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection, Engine

from medassist.cases.cases import CaseError, changing, held_by, require_free_for
from medassist.cases.events import add_event, as_utc
from medassist.storage.tables import handovers, now

RETRY_SECONDS = 60
"""When an idle handover is tried again that could not be ended."""


@dataclass(frozen=True)
class Handover:
    """A conversation held by staff; `used_at` is when they last did something in it. Times UTC.

    `ended_by` is staff or timeout, None while it goes on.
    """

    id: int
    conversation: str
    channel: str
    case_id: int
    staff: str
    began_at: datetime
    used_at: datetime
    ended_at: datetime | None
    ended_by: str | None


def _handover(row: Any) -> Handover:
    values = dict(row._mapping)
    return Handover(**{k: as_utc(v) if isinstance(v, datetime) else v for k, v in values.items()})


def _current(connection: Connection, conversation: str) -> Handover | None:
    row = connection.execute(
        select(handovers)
        .where(handovers.c.conversation == conversation, handovers.c.ended_at.is_(None))
        .order_by(handovers.c.id.desc())
    ).first()
    return _handover(row) if row else None


def current(engine: Engine, conversation: str) -> Handover | None:
    """Who holds a conversation now, if anyone."""
    with engine.connect() as connection:
        return _current(connection, conversation)


def begin(engine: Engine, case_id: int, account: str) -> Handover:
    """Record that somebody stepped in; the case becomes theirs. Doing so twice is harmless.

    Whoever has taken over the case takes over the conversation too. Raises CaseError when the
    case is closed, or somebody else has it or the conversation.
    """
    with changing(engine, case_id) as (connection, case):
        require_free_for(case, account)
        going_on = _current(connection, case.conversation)
        if going_on and going_on.staff == account:
            return going_on
        if going_on and case.holder != account:
            raise CaseError(f"{going_on.staff} is talking with this patient.")
        if going_on:
            connection.execute(
                update(handovers)
                .where(handovers.c.id == going_on.id)
                .values(ended_at=now(), ended_by="staff")
            )
        held_by(connection, case, account)
        connection.execute(
            insert(handovers).values(
                conversation=case.conversation,
                channel=case.channel,
                case_id=case_id,
                staff=account,
            )
        )
        add_event(connection, case_id, "handover_began", {}, account)
        begun = _current(connection, case.conversation)
        assert begun is not None
        return begun


def touch(engine: Engine, conversation: str) -> None:
    """Staff did something in the conversation: the time-out starts anew."""
    with engine.begin() as connection:
        connection.execute(
            update(handovers)
            .where(handovers.c.conversation == conversation, handovers.c.ended_at.is_(None))
            .values(used_at=now())
        )


def end(engine: Engine, conversation: str, by: str) -> Handover | None:
    """Record that the bot has the conversation again; None if staff did not hold it.

    `by` is staff or timeout. The case stays with whoever has it.
    """
    if by not in ("staff", "timeout"):
        raise ValueError(f"a handover is ended by staff or timeout, not {by!r}")
    going_on = current(engine, conversation)
    if going_on is None:
        return None
    with engine.begin() as connection:
        ended = connection.execute(
            update(handovers)
            .where(handovers.c.id == going_on.id, handovers.c.ended_at.is_(None))
            .values(ended_at=now(), ended_by=by)
        ).rowcount
        if ended != 1:
            return None
        add_event(
            connection,
            going_on.case_id,
            "handover_ended",
            {"by": by},
            going_on.staff if by == "staff" else None,
        )
        row = connection.execute(select(handovers).where(handovers.c.id == going_on.id)).one()
    return _handover(row)


def idle(engine: Engine, seconds: int, at: datetime | None = None) -> list[Handover]:
    """The handovers in which staff have done nothing for this long, longest first."""
    query = (
        select(handovers)
        .where(
            handovers.c.ended_at.is_(None),
            handovers.c.used_at <= (at or now()) - timedelta(seconds=seconds),
        )
        .order_by(handovers.c.used_at)
    )
    with engine.connect() as connection:
        return [_handover(row) for row in connection.execute(query)]


def take_idle(engine: Engine, handover: Handover, seconds: int, at: datetime | None = None) -> bool:
    """Whether the caller is the one to end this idle handover now.

    It becomes idle again after RETRY_SECONDS, in case the caller fails to end it.
    """
    again = (at or now()) - timedelta(seconds=seconds) + timedelta(seconds=RETRY_SECONDS)
    with engine.begin() as connection:
        taken = connection.execute(
            update(handovers)
            .where(
                handovers.c.id == handover.id,
                handovers.c.used_at == handover.used_at,
                handovers.c.ended_at.is_(None),
            )
            .values(used_at=again)
        ).rowcount
    return bool(taken == 1)
