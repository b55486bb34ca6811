"""What may be held of a person: a row in every table that knows conversations, full of a name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, DateTime, Float, Integer, MetaData, String, insert, select
from sqlalchemy.engine import Engine
from sqlalchemy.sql.schema import Column, Table

from medassist.cases.cases import add_note, claim, open_case
from medassist.storage.rasa_tables import events
from medassist.storage.tables import (
    cases,
    contacts,
    erasures,
    handovers,
    incoming_messages,
    metadata,
    now,
    outgoing_messages,
)
from tests.staff.conversations import write

NAME = "Zebedee"
PHONE = "+15550199123"

FACTS = {"cases", "handovers", "erasures"}
"""Tables whose rows stay as facts: nothing in them is in a person's own words."""


def value_for(column: Column, conversation: str, at: datetime) -> Any:
    """A value for a column: the name wherever words may stand."""
    if column.name == "conversation":
        return conversation
    if column.name == "channel":
        return "sms"
    if column.name in ("digest", "key"):  # made by a program, never of words
        return f"{conversation} {column.name}"
    if isinstance(column.type, JSON):
        return {"text": f"my name is {NAME}"}
    if isinstance(column.type, DateTime):
        return at
    if isinstance(column.type, Boolean):
        return True
    if isinstance(column.type, (Integer, Float)):
        return 1
    assert isinstance(column.type, String)
    return f"{NAME} {conversation} {column.name}"[: column.type.length or 200]


def fill(table: Table, conversation: str, at: datetime) -> dict[str, Any]:
    return {
        column.name: value_for(column, conversation, at)
        for column in table.columns
        if not (column.primary_key and isinstance(column.type, Integer)) and not column.foreign_keys
    }


def hold(
    engine: Engine,
    tracker: Engine,
    conversation: str = "sms-1",
    phone: str = PHONE,
    at: datetime | None = None,
) -> int:
    """Fill every table that knows conversations, and Rasa's; returns the number of an open case."""
    at = at or now()
    case = open_case(
        engine,
        conversation=conversation,
        channel="sms",
        level="emergency",
        kind="overdose",
        detail={"words": f"{NAME} took 30 tablets"},
        targets=["webhook"],
    )
    claim(engine, case, "kim")
    add_note(engine, case, "kim", f"I called {NAME} at {phone}")
    special = {
        contacts.name: {"channel": "sms", "address": phone, "opted_out_at": None, "erased_at": None}
    }
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            if "conversation" in table.c and table.name not in FACTS:
                row = {**fill(table, conversation, at), **special.get(table.name, {})}
                connection.execute(insert(table).values(**row))
        connection.execute(
            insert(handovers).values(
                conversation=conversation, channel="sms", case_id=case, staff="kim"
            )
        )
    for number in range(3):
        write(tracker, at, f"{NAME} asks {number}", conversation=conversation, channel="sms")
    return case


def every_row(*engines: Engine) -> list[tuple[str, str]]:
    """Every row of every table that there is, ours or not: the table's name, and all of the row."""
    found = []
    for engine in engines:
        tables = MetaData()
        tables.reflect(engine)
        with engine.connect() as connection:
            for table in tables.sorted_tables:
                found += [(table.name, str(row)) for row in connection.execute(select(table))]
    return found


def holding(words: str, *engines: Engine) -> list[tuple[str, str]]:
    return [(table, row) for table, row in every_row(*engines) if words in row]


def in_chat(words: str, tracker: Engine) -> int:
    """How many stored messages of the chat hold the words."""
    with tracker.connect() as connection:
        return sum(words in data for data in connection.execute(select(events.c.data)).scalars())


def wait_in(queue: Table, engine: Engine, conversation: str) -> None:
    """A message that waits in a queue."""
    row = {**fill(queue, conversation, now()), "done_at": None, "claimed_until": None}
    for unique in ("digest", "key"):
        if unique in row:
            row[unique] = f"waiting {conversation}"
    with engine.begin() as connection:
        connection.execute(insert(queue).values(**row))


__all__ = [
    "NAME", "PHONE", "cases", "erasures", "every_row", "fill", "hold", "holding", "in_chat",
    "incoming_messages", "outgoing_messages", "wait_in",
]  # fmt: skip
