"""What patients thought of an answer: a thumb up or down, and a word why."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from medassist.storage.tables import now, thumbs

LONGEST_WHY = 500
"""Characters of the word why."""


@dataclass(frozen=True)
class Thumb:
    """One person's thumb for one reply of their conversation."""

    message_id: str
    up: bool
    why: str = ""
    answer_id: str = ""
    medicine: str = ""
    topic: str = ""


def record_thumb(engine: Engine, conversation: str, thumb: Thumb) -> None:
    """Keep a thumb; a second one for the same reply takes the place of the first."""
    values = {
        "answer_id": thumb.answer_id,
        "medicine": thumb.medicine,
        "topic": thumb.topic,
        "up": thumb.up,
        "why": thumb.why[:LONGEST_WHY],
        "at": now(),
    }
    the_same = (thumbs.c.conversation == conversation) & (thumbs.c.message_id == thumb.message_id)
    change = update(thumbs).where(the_same).values(**values)
    with engine.begin() as connection:
        if connection.execute(change).rowcount:
            return
    try:
        with engine.begin() as connection:
            connection.execute(
                insert(thumbs).values(
                    conversation=conversation, message_id=thumb.message_id, **values
                )
            )
    except IntegrityError:  # another tab was quicker
        with engine.begin() as connection:
            connection.execute(change)


def thumbs_of(engine: Engine, conversation: str) -> list[Thumb]:
    """Every thumb of a conversation."""
    query = select(
        thumbs.c.message_id,
        thumbs.c.up,
        thumbs.c.why,
        thumbs.c.answer_id,
        thumbs.c.medicine,
        thumbs.c.topic,
    ).where(thumbs.c.conversation == conversation)
    with engine.connect() as connection:
        return [Thumb(**row._mapping) for row in connection.execute(query)]


def forget_thumbs(engine: Engine, conversation: str) -> None:
    """Remove every thumb of a conversation."""
    with engine.begin() as connection:
        connection.execute(delete(thumbs).where(thumbs.c.conversation == conversation))
