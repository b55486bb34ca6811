"""Erasing what is kept of one conversation: one function, for the person and for staff alike."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError

from medassist.storage.rasa_tables import (
    erased,
    events,
    has_conversations,
    lock_conversation,
    rasa_metadata,
)
from medassist.storage.tables import (
    case_events,
    cases,
    contacts,
    content_gaps,
    erasures,
    full_replies,
    incoming_messages,
    labels,
    now,
    outgoing_messages,
    thumbs,
)

PERSON = "the person"
"""Who erased it, when the person typed "delete my data"."""

ERASED_DETAIL: Mapping[str, str] = {"erased": "at the person's request"}
"""What takes the place of the words in a case's history."""

_WORDS = {
    "questions without an answer": content_gaps,
    "thumbs": thumbs,
    "labels": labels,
    "replies behind links": full_replies,
}
"""Tables of which nothing is left."""

_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that is easily taken for another


class ErasureError(Exception):
    """It was not erased; one plain line says why."""


class NothingHeldError(ErasureError):
    """Nothing is held that could be erased."""


class StillWaitingError(ErasureError):
    """A message of the conversation is waiting to be read or sent."""


@dataclass(frozen=True)
class Receipt:
    """That a conversation was erased. `counts` says how many rows of what; `at` is UTC."""

    number: str
    at: datetime
    conversation: str
    by: str
    counts: Mapping[str, int]


def erase(
    engine: Engine,
    tracker: Engine,
    conversation: str,
    *,
    by: str,
    in_own_turn: bool = False,
    even_waiting: bool = False,
) -> Receipt:
    """Erase one conversation from our database (`engine`) and from Rasa's (`tracker`).

    A case stays as a fact (level, kind, times, who of the staff), open or closed, without words.
    A person's address goes too, unless they asked for no more messages: then it alone stays, tied
    to nothing else. `in_own_turn`: the person asked for it in this conversation, so that what
    waits to be sent, such as the receipt, still goes out; their address goes after it
    (medassist/channels/speaker.py). Done again after a failure, it goes on where it stopped.

    Raises StillWaitingError when a message waits to be read or sent (unless `even_waiting`, which
    drops it), NothingHeldError when there was nothing.
    """
    with engine.begin() as connection:
        if not in_own_turn:
            _let_nobody_write(connection, conversation)
            if not even_waiting:
                _require_nothing_waits(connection, conversation)
        counts = _erase_ours(connection, conversation, all_of_it=not in_own_turn)
    counts["messages and steps of the chat"] = erase_events(tracker, conversation)
    if not in_own_turn and not any(counts.values()):
        raise NothingHeldError("Nothing is held of this conversation.")
    receipt = Receipt(_new_number(), now(), conversation, by, counts)
    with engine.begin() as connection:
        connection.execute(
            insert(erasures).values(
                number=receipt.number, at=receipt.at, conversation=conversation, by=by,
                counts=counts,
            )
        )  # fmt: skip
    _empty_the_write_ahead_log(engine)
    _empty_the_write_ahead_log(tracker)
    return receipt


def erase_events(tracker: Engine, conversation: str) -> int:
    """Remove all that Rasa has stored of a conversation; returns how many events.

    A turn that is running now is not stored any more when it ends.
    """
    if not has_conversations(tracker):
        return 0
    rasa_metadata.create_all(tracker, tables=[erased])
    with tracker.begin() as connection:
        return erase_stored(connection, conversation)


def erase_stored(connection: Connection, conversation: str) -> int:
    """The same in a transaction of the caller."""
    lock_conversation(connection, conversation)
    mark = {"times": erased.c.times + 1, "at": time.time()}
    mine = erased.c.sender_id == conversation
    if not connection.execute(update(erased).where(mine).values(**mark)).rowcount:
        new = insert(erased).values(sender_id=conversation, times=1, at=mark["at"])
        connection.execute(new)
    gone = connection.execute(delete(events).where(events.c.sender_id == conversation))
    return int(gone.rowcount)


def _let_nobody_write(connection: Connection, conversation: str) -> None:
    """Take the contact's row: a new message must take it too, and waits or meets them anew."""
    mine = contacts.c.conversation == conversation
    connection.execute(update(contacts).where(mine).values(line=contacts.c.line))


def _require_nothing_waits(connection: Connection, conversation: str) -> None:
    for table, what in ((incoming_messages, "read"), (outgoing_messages, "sent")):
        waiting = select(table.c.id).where(
            table.c.conversation == conversation, table.c.done_at.is_(None)
        )
        if connection.execute(waiting.limit(1)).first():
            raise StillWaitingError(
                f"A message of this conversation is waiting to be {what}. Try again in a minute, "
                "or use --even-waiting to drop it too."
            )


def _erase_ours(connection: Connection, conversation: str, all_of_it: bool) -> dict[str, int]:
    """What our tables hold. Without `all_of_it` the running turn's messages and address stay."""
    counts = {}
    for what, table in _WORDS.items():
        gone = connection.execute(delete(table).where(table.c.conversation == conversation))
        counts[what] = int(gone.rowcount)
    counts["entries in cases' histories"] = _erase_histories(connection, conversation)
    counts["messages received and sent"] = 0
    for queue in (incoming_messages, outgoing_messages):
        rows = queue.c.conversation == conversation
        values: dict[str, Any] = {"conversation": "", "content": None}
        if queue is outgoing_messages:  # of an incoming one, its repeat must be known
            values.update(provider_id=None, error=None)
        if all_of_it:
            values["done_at"] = now()
        else:
            rows = and_(rows, queue.c.done_at.is_not(None))
        gone = connection.execute(update(queue).where(rows).values(**values))
        counts["messages received and sent"] += int(gone.rowcount)
    if all_of_it:
        counts["addresses"] = forget_address(connection, conversation)
    return counts


def _erase_histories(connection: Connection, conversation: str) -> int:
    """Empty the histories of the conversation's cases; open pages of staff notice it."""
    own = select(cases.c.id).where(cases.c.conversation == conversation)
    rows = connection.execute(
        select(case_events.c.id, case_events.c.case_id, case_events.c.detail).where(
            case_events.c.case_id.in_(own), case_events.c.event != "erased"
        )
    ).all()
    held = [row for row in rows if row.detail != ERASED_DETAIL]
    for row in held:
        emptied = update(case_events).where(case_events.c.id == row.id)
        connection.execute(emptied.values(detail=dict(ERASED_DETAIL)))
    for case_id in sorted({row.case_id for row in held}):
        connection.execute(insert(case_events).values(case_id=case_id, event="erased", detail={}))
    return len(held)


def forget_address(connection: Connection, conversation: str) -> int:
    """Remove the address of a conversation; returns whether there was one (1 or 0).

    A wish for no more messages must be kept, for the carriers want it: the address then stays
    under a new name, so that nothing leads from it to what the person wrote or to a case.
    """
    mine = contacts.c.conversation == conversation
    row = connection.execute(select(contacts.c.channel, contacts.c.opted_out_at).where(mine))
    contact = row.first()
    if contact is None:
        return 0
    if contact.opted_out_at is None:
        connection.execute(delete(contacts).where(mine))
        return 1
    bare: dict[str, Any] = {"heard_at": None, "choices": None, "erased_at": None}
    name = f"{contact.channel}-{uuid.uuid4().hex}"
    changed = update(contacts).where(mine).values(conversation=name, **bare)
    connection.execute(changed)
    return 1


def _new_number() -> str:
    """A receipt's number; it can be read out over the telephone."""
    return f"{now():%Y%m%d}-{''.join(secrets.choice(_LETTERS) for _ in range(8))}"


def _empty_the_write_ahead_log(engine: Engine) -> None:
    """SQLite's log still holds the pages as they were; nothing is lost by emptying it.

    Nobody waits for it: while others read, it stays, and is overwritten later.
    """
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
        connection.exec_driver_sql("PRAGMA busy_timeout=200")
        with suppress(OperationalError):
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql(f"PRAGMA busy_timeout={usual}")


def conversations_at(engine: Engine, channel: str, person: str) -> list[str]:
    """The conversations of a person on a channel, by their number or id there."""
    wanted = select(contacts.c.conversation).where(
        contacts.c.channel == channel, contacts.c.address == person.strip()
    )
    with engine.connect() as connection:
        return list(connection.execute(wanted.order_by(contacts.c.id)).scalars())


def conversation_of_case(engine: Engine, case_id: int) -> str | None:
    """The conversation that a case is about; None when there is no such case."""
    with engine.connect() as connection:
        query = select(cases.c.conversation).where(cases.c.id == case_id)
        found: str | None = connection.execute(query).scalar()
        return found


def receipts(engine: Engine, since: datetime | None = None) -> list[Receipt]:
    """Every receipt since a moment, oldest first. After a restore they say what to erase again."""
    query = select(erasures).order_by(erasures.c.id)
    if since is not None:
        query = query.where(erasures.c.at >= since)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return [Receipt(r.number, r.at, r.conversation, r.by, r.counts) for r in rows]
