"""Messages in and out, kept in the database until they are dealt with, in each one's order.

Several processes may work on the same queue: a row is claimed before it is worked on, for a
short time that its worker prolongs, and only the oldest open row of a conversation can be.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, true, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from medassist.cases.contacts import contact_at
from medassist.storage.tables import (
    contacts,
    full_replies,
    incoming_messages,
    now,
    outgoing_messages,
)

CLAIM_SECONDS = 30.0
"""How long a claim holds when nobody prolongs it, such as after a crash."""

LONGEST_PAUSE = 3600.0
"""Seconds between two tries, at most: what a provider may ask for."""

LONGEST_LINE: int = contacts.c.line.type.length
LONGEST_ADDRESS: int = contacts.c.address.type.length


def storable(text: str) -> str:
    """Text as every database takes it: without nulls and halves of characters.

    One that could not be kept would be sent again and again by its provider.
    """
    return text.replace("\0", "").encode("utf-8", "replace").decode()


@dataclass(frozen=True)
class Incoming:
    """A message as a provider handed it over.

    `provider_id` tells it from every other; `line` is our number or page, `address` the person's.
    `kind` is "text", or what else it is (medassist/channels/words.py); `also` is what came along
    with the text.
    """

    provider_id: str
    line: str
    address: str
    text: str = ""
    kind: str = "text"
    also: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("provider_id", "line", "address", "text"):
            object.__setattr__(self, name, storable(getattr(self, name)))

    @property
    def fits(self) -> bool:
        """Whether the addresses are short enough to be kept; no provider's own are longer."""
        return len(self.line) <= LONGEST_LINE and len(self.address) <= LONGEST_ADDRESS

    @property
    def digest(self) -> str:
        """What a repeat is known by."""
        return hashlib.sha256(self.provider_id.encode()).hexdigest()


@dataclass(frozen=True)
class Waiting:
    """A row of a queue. `tries` counts the earlier ones."""

    id: int
    conversation: str
    content: Mapping[str, Any]
    tries: int
    digest: str = ""


class MessageQueue:
    """What both queues share: rows of one channel that are claimed, worked on and done."""

    table: Any

    def __init__(self, engine: Engine, channel: str) -> None:
        self.engine, self.channel = engine, channel

    def due(self, at: datetime) -> Any:
        """The condition on rows that may be worked on at this moment."""
        return true()

    def heads(self, limit: int) -> list[Waiting]:
        """The oldest open row of each conversation, if it is due and nobody works on it."""
        table, at = self.table, now()
        first = (
            select(func.min(table.c.id))
            .where(table.c.channel == self.channel, table.c.done_at.is_(None))
            .group_by(table.c.conversation)
        )
        query = select(table).where(table.c.id.in_(first), self._free(at), self.due(at))
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(table.c.id).limit(limit)).all()
        return [
            Waiting(r.id, r.conversation, r.content or {}, r.tries, r._mapping.get("digest") or "")
            for r in rows
        ]

    def _free(self, at: datetime) -> Any:
        """The condition on rows that nobody works on.

        A claim that seems to hold for longer than claims do is from before the clock went back.
        """
        until = self.table.c.claimed_until
        latest = at + timedelta(seconds=2 * CLAIM_SECONDS)
        return or_(until.is_(None), until < at, until > latest)

    def claim(self, row: Waiting) -> bool:
        """Take a row for a while; False when another process has it."""
        table, at = self.table, now()
        until = at + timedelta(seconds=CLAIM_SECONDS)
        with self.engine.begin() as connection:
            changed = connection.execute(
                update(table)
                .where(
                    table.c.id == row.id,
                    table.c.done_at.is_(None),
                    table.c.tries == row.tries,
                    self._free(at),
                )
                .values(claimed_until=until, tries=table.c.tries + 1)
            )
        return bool(changed.rowcount)

    def prolong(self, ids: Sequence[int]) -> None:
        """Keep the rows that are being worked on; one that was given back stays free."""
        table, until = self.table, now() + timedelta(seconds=CLAIM_SECONDS)
        with self.engine.begin() as connection:
            connection.execute(
                update(table)
                .where(table.c.id.in_(list(ids)), table.c.claimed_until.is_not(None))
                .values(claimed_until=until)
            )

    def release(self, row: Waiting) -> None:
        """Give a row back, to be taken up at once."""
        self.set(row)

    def set(self, row: Waiting, **values: Any) -> None:
        """Change a row and give it back."""
        with self.engine.begin() as connection:
            connection.execute(
                update(self.table)
                .where(self.table.c.id == row.id)
                .values(claimed_until=None, **values)
            )


class Inbox(MessageQueue):
    """The messages that came by one channel."""

    table = incoming_messages

    def accept(self, message: Incoming) -> bool:
        """Keep a message, and when it came; False when it is here already."""
        content = {"kind": message.kind, "text": message.text, "also": message.also}
        while True:
            contact = contact_at(self.engine, self.channel, message.line, message.address)
            heard = (
                update(contacts)
                .where(contacts.c.conversation == contact.conversation)
                .values(heard_at=now(), erased_at=None)
            )
            kept = insert(incoming_messages).values(
                channel=self.channel,
                digest=message.digest,
                conversation=contact.conversation,
                content={**content, **message.details},
            )
            try:
                with self.engine.begin() as connection:
                    if not connection.execute(heard).rowcount:
                        continue  # forgotten just now, at their own wish: they are met anew
                    connection.execute(kept)
            except IntegrityError:
                return False
            return True

    def done(self, row: Waiting) -> None:
        """The message is dealt with; its words are dropped."""
        self.set(row, done_at=now(), content=None)


class Outbox(MessageQueue):
    """The messages that leave by one channel."""

    table = outgoing_messages

    def due(self, at: datetime) -> Any:
        """The pause after a failed try is over, or was begun before the clock went back."""
        table = outgoing_messages
        longest = timedelta(seconds=LONGEST_PAUSE)
        next_try = table.c.next_try_at
        return or_(table.c.tries == 0, next_try <= at, next_try > at + longest)

    def put(
        self,
        conversation: str,
        key: str,
        contents: Sequence[Mapping[str, Any]],
        choices: Sequence[str] = (),
        full: tuple[str, Mapping[str, Any]] | None = None,
        refused: str | None = None,
    ) -> None:
        """Queue a reply's messages; what is queued under the same key and words is left alone.

        `choices` are those that a number in the next message stands for; `full` is a token and
        the whole reply for its link. With `refused` they are only recorded, not sent.
        """
        with self.engine.begin() as connection:
            for number, content in enumerate(contents):
                words = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
                own = f"{key}.{number}.{words[:12]}"
                known = select(outgoing_messages.c.id).where(outgoing_messages.c.key == own)
                if connection.execute(known).first():
                    continue
                connection.execute(
                    insert(outgoing_messages).values(
                        key=own,
                        channel=self.channel,
                        conversation=conversation,
                        content=None if refused else content,
                        done_at=now() if refused else None,
                        error=refused,
                    )
                )
            _offer(connection, conversation, key.rpartition(".")[0], choices)
            if full and not refused:
                token, content = full
                known = select(full_replies.c.token).where(full_replies.c.token == token)
                if not connection.execute(known).first():
                    connection.execute(
                        insert(full_replies).values(
                            token=token, conversation=conversation, content=content
                        )
                    )

    def delivered(self, row: Waiting, provider_id: str | None) -> None:
        """The provider took the message."""
        self.set(row, done_at=now(), provider_id=provider_id, error=None, content=None)

    def try_again(self, row: Waiting, seconds: float, error: str) -> None:
        """The provider did not take it; the next try is in `seconds`."""
        self.set(row, next_try_at=now() + timedelta(seconds=seconds), error=error[:300])

    def give_up(self, row: Waiting, error: str) -> None:
        """It will never arrive."""
        self.set(row, done_at=now(), error=error[:300], content=None)

    def is_empty_for(self, conversation: str) -> bool:
        """Whether nothing waits to be sent to this conversation."""
        table = outgoing_messages
        query = select(table.c.id).where(
            table.c.conversation == conversation, table.c.done_at.is_(None)
        )
        with self.engine.connect() as connection:
            return connection.execute(query.limit(1)).first() is None

    def replied_to(self, conversation: str, key: str) -> bool:
        """Whether anything was queued under keys that start with `key`."""
        table = outgoing_messages
        query = select(table.c.id).where(
            table.c.conversation == conversation, table.c.key.startswith(key, autoescape=True)
        )
        with self.engine.connect() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def report(self, id: int, reason: str) -> str | None:
        """A provider says that a message it took never arrived; whose it was, told only once."""
        table = outgoing_messages
        mine = table.c.id == id
        with self.engine.begin() as connection:
            row = connection.execute(
                select(table.c.id, table.c.conversation).where(
                    mine, table.c.channel == self.channel, table.c.error.is_(None)
                )
            ).first()
            if row is None:
                return None
            changed = connection.execute(
                update(table)
                .where(table.c.id == row.id, table.c.error.is_(None))
                .values(error=reason[:300])
            )
        return str(row.conversation) if changed.rowcount else None


def _offer(connection: Connection, conversation: str, turn: str, choices: Sequence[str]) -> None:
    """Note what numbers stand for now. A reply without choices ends those of an earlier turn."""
    mine = contacts.c.conversation == conversation
    if not choices:
        current = connection.execute(select(contacts.c.choices).where(mine)).scalar()
        if not current or current.get("turn") == turn:
            return
    offer = {"turn": turn, "said": list(choices)} if choices else None
    connection.execute(update(contacts).where(mine).values(choices=offer))


def forget_words(engine: Engine, conversation: str) -> None:
    """Drop what is kept of a conversation beside what still waits to be sent."""
    with engine.begin() as connection:
        connection.execute(delete(full_replies).where(full_replies.c.conversation == conversation))
        connection.execute(
            update(incoming_messages)
            .where(
                incoming_messages.c.conversation == conversation,
                incoming_messages.c.done_at.is_not(None),
            )
            .values(conversation="", content=None)
        )
