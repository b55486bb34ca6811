"""How many messages of one person are read: as many a minute as on the website."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.engine import Engine

from medassist.storage.tables import incoming_messages

MESSAGES_A_MINUTE = 20
_MINUTE = timedelta(minutes=1)


def beyond_limit(engine: Engine, conversation: str, id: int) -> tuple[bool, bool]:
    """Whether a message of the inbox is beyond the limit, and whether the one before it was.

    It is read from when the messages came, so that every process and every run says the same.
    """
    table = incoming_messages
    query = (
        select(table.c.received_at)
        .where(table.c.conversation == conversation, table.c.id <= id)
        .order_by(table.c.id.desc())
        .limit(MESSAGES_A_MINUTE + 2)
    )
    with engine.connect() as connection:
        moments = list(connection.execute(query).scalars())

    def is_beyond(number: int) -> bool:
        earlier = number + MESSAGES_A_MINUTE
        return len(moments) > earlier and moments[number] - moments[earlier] < _MINUTE

    return is_beyond(0), is_beyond(1)
