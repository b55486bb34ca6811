"""What patients wrote, from the table in which Rasa keeps the conversations. Only read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import case, func, inspect, select
from sqlalchemy.engine import Connection, Engine

from medassist.storage.rasa_tables import events

MOST_MESSAGES = 50_000
"""The newest messages of a period that are counted."""

MOST_LOOKED_AT = 5_000
"""The newest messages of a period among which unsure ones are looked for."""

UNSURE = 0.5
"""Below this confidence in the likeliest topic the classifier was unsure."""

FALLBACK = "nlu_fallback"

_LATE_SECONDS = 3600.0  # a turn is stored as a whole, so rows are in order of time but for this


@dataclass(frozen=True)
class Message:
    """A message of a patient, without its words."""

    conversation: str
    at: datetime
    intent: str
    channel: str


@dataclass(frozen=True)
class UnsureMessage:
    """A message whose topic the classifier was unsure of. `likeliest` are its best guesses."""

    event_id: int
    conversation: str
    message_id: str
    at: datetime
    text: str
    channel: str
    likeliest: tuple[tuple[str, float], ...]


def _first_id(connection: Connection, moment: float) -> int:
    """The first row from about this time on, found by halving: the times have no index."""
    low, high = connection.execute(select(func.min(events.c.id), func.max(events.c.id))).one()
    if low is None:
        return 0
    high += 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            select(events.c.id, events.c.timestamp)
            .where(events.c.id >= middle)
            .order_by(events.c.id)
            .limit(1)
        ).first()
        if row is None or (row.timestamp or 0) >= moment:
            high = middle
        else:
            low = row.id + 1
    return int(low)


def _in_period(connection: Connection, since: datetime, until: datetime) -> list[Any]:
    start, end = since.timestamp(), until.timestamp()
    return [
        events.c.id >= _first_id(connection, start - _LATE_SECONDS),
        events.c.id < _first_id(connection, end + _LATE_SECONDS),
        events.c.timestamp >= start,
        events.c.timestamp < end,
        events.c.type_name == "user",
    ]


def _channel(engine: Engine) -> Any:
    """The channel in a row's JSON, without reading all of it into Python."""
    if engine.dialect.name == "sqlite":
        readable = func.json_valid(events.c.data) == 1
        return case((readable, func.json_extract(events.c.data, "$.input_channel")), else_=None)
    # As text: as JSON, one row with a null character would fail the whole query.
    return func.substring(events.c.data, '"input_channel": "([^"]*)"')


def messages(
    engine: Engine, since: datetime, until: datetime, most: int = MOST_MESSAGES
) -> list[Message]:
    """The newest messages of a period, at most `most`, newest first."""
    if not inspect(engine).has_table("events"):
        return []
    with engine.connect() as connection:
        query = (
            select(
                events.c.sender_id,
                events.c.timestamp,
                events.c.intent_name,
                _channel(engine).label("channel"),
            )
            .where(*_in_period(connection, since, until))
            .order_by(events.c.id.desc())
            .limit(most)
        )
        return [
            Message(
                conversation=row.sender_id,
                at=datetime.fromtimestamp(row.timestamp, timezone.utc),
                intent=row.intent_name or "",
                channel=row.channel or "unknown",
            )
            for row in connection.execute(query)
        ]


def _guesses(data: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    ranking = (data.get("parse_data") or {}).get("intent_ranking") or []
    return tuple(
        (str(guess["name"]), float(guess.get("confidence") or 0))
        for guess in ranking
        if guess.get("name") and guess["name"] != FALLBACK
    )


def _as_unsure(row: Any) -> UnsureMessage | None:
    data = json.loads(row.data)
    text = data.get("text") or ""
    guesses = _guesses(data)
    if not text.strip() or not guesses:
        return None
    return UnsureMessage(
        event_id=row.id,
        conversation=row.sender_id,
        message_id=str(data.get("message_id") or f"event-{row.id}")[:120],
        at=datetime.fromtimestamp(row.timestamp, timezone.utc),
        text=text,
        channel=str(data.get("input_channel") or "unknown"),
        likeliest=guesses[:3],
    )


def unsure_messages(
    engine: Engine,
    since: datetime,
    until: datetime,
    skip: set[tuple[str, str]],
    most: int = 50,
) -> list[UnsureMessage]:
    """Messages that the classifier was unsure of, newest first.

    `skip` are conversation and message id of those that are labelled. At most `MOST_LOOKED_AT`
    messages are looked at.
    """
    if not inspect(engine).has_table("events"):
        return []
    found: list[UnsureMessage] = []
    with engine.connect() as connection:
        query = (
            select(events.c.id, events.c.sender_id, events.c.timestamp, events.c.data)
            .where(*_in_period(connection, since, until))
            .order_by(events.c.id.desc())
            .limit(MOST_LOOKED_AT)
        )
        rows = connection.execution_options(yield_per=200).execute(query)
        for row in rows:
            message = _as_unsure(row)
            if message is None or message.likeliest[0][1] >= UNSURE:
                continue
            if (message.conversation, message.message_id) not in skip:
                found.append(message)
            if len(found) == most:
                break
    return found


def message_at(engine: Engine, event_id: int) -> UnsureMessage | None:
    """The message in this row; None when it is gone (the patient may have deleted it)."""
    query = select(events.c.id, events.c.sender_id, events.c.timestamp, events.c.data).where(
        events.c.id == event_id, events.c.type_name == "user"
    )
    if not inspect(engine).has_table("events"):
        return None
    with engine.connect() as connection:
        row = connection.execute(query).first()
    return _as_unsure(row) if row is not None else None
