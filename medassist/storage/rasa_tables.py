"""Rasa's own table of conversations, as Rasa describes it, and our mark of what was erased.

Both are in the tracker store's database, which may be another than ours.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    func,
    inspect,
    select,
    update,
)
from sqlalchemy.engine import Connection, Engine

rasa_metadata = MetaData()

events = Table(
    "events",
    rasa_metadata,
    Column("id", Integer, primary_key=True),
    Column("sender_id", String(255), nullable=False, index=True),
    Column("type_name", String(255), nullable=False),
    Column("timestamp", Float),
    Column("intent_name", String(255)),
    Column("action_name", String(255)),
    Column("data", Text),
)
"""Every event of every conversation; `timestamp` is in seconds since 1970."""

erased = Table(
    "medassist_erased",
    rasa_metadata,
    Column("sender_id", String(255), primary_key=True),
    Column("times", Integer, nullable=False),
    Column("at", Float, nullable=False),
)
"""How often a conversation was erased. A turn that began before an erasure is not stored after
it. Rows are needed as long as a turn may run; retention removes them after a day."""


# Built once: every turn uses them several times.
_OF_CONVERSATION = erased.c.sender_id == bindparam("conversation")
_LOCK = select(func.pg_advisory_xact_lock(func.hashtext(bindparam("conversation"))))
_TOUCH = update(erased).where(_OF_CONVERSATION).values(times=erased.c.times)
_TIMES = select(erased.c.times).where(_OF_CONVERSATION)


def has_conversations(tracker: Engine) -> bool:
    """Whether Rasa has made its table yet."""
    return bool(inspect(tracker).has_table(events.name))


def lock_conversation(connection: Connection, conversation: str) -> None:
    """Let no other transaction store or erase events of this conversation meanwhile.

    The same lock for storing a turn and for erasing. On SQLite any write takes the whole file,
    even one that finds no row to change.
    """
    named = {"conversation": conversation}
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, named)
    connection.execute(_TOUCH, named)


def times_erased(connection: Connection, conversation: str) -> int:
    """How often this conversation was erased, as far as running turns may care."""
    return int(connection.execute(_TIMES, {"conversation": conversation}).scalar() or 0)
