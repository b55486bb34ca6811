"""Who a conversation on a messaging channel is with, and what stands between us and them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from medassist.privacy.erasure import forget_address
from medassist.storage.tables import contacts, now

REPLY_WINDOWS = {"whatsapp": timedelta(hours=24), "messenger": timedelta(hours=24)}
"""How long after a person's last message their provider lets us write to them (rules of Meta)."""

_PROVIDERS = {"whatsapp": "WhatsApp", "messenger": "Messenger"}


@dataclass(frozen=True)
class Contact:
    """A person's address on a channel. `line` is our number or page that they wrote to.

    `heard_at` is when they last wrote, `opted_out_at` when they asked for no more messages
    (UTC). `choices` are the answers that our latest message offered.
    """

    conversation: str
    channel: str
    line: str
    address: str
    heard_at: datetime | None
    opted_out_at: datetime | None
    choices: tuple[str, ...]
    erased_at: datetime | None


def _as_utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=timezone.utc) if moment and moment.tzinfo is None else moment


def _contact(row: Any) -> Contact:
    return Contact(
        conversation=row.conversation,
        channel=row.channel,
        line=row.line,
        address=row.address,
        heard_at=_as_utc(row.heard_at),
        opted_out_at=_as_utc(row.opted_out_at),
        choices=tuple((row.choices or {}).get("said") or ()),
        erased_at=_as_utc(row.erased_at),
    )


def contact_at(engine: Engine, channel: str, line: str, address: str) -> Contact:
    """The contact with this address; a new one gets a conversation with a random name."""
    wanted = select(contacts).where(
        contacts.c.channel == channel, contacts.c.line == line, contacts.c.address == address
    )
    with engine.connect() as connection:
        row = connection.execute(wanted).first()
    if row is None:
        new = insert(contacts).values(
            conversation=f"{channel}-{uuid.uuid4().hex}",
            channel=channel,
            line=line,
            address=address,
        )
        try:
            with engine.begin() as connection:
                connection.execute(new)
        except IntegrityError:  # another process met them at the same moment
            pass
        with engine.connect() as connection:
            row = connection.execute(wanted).one()
    return _contact(row)


def find_contact(engine: Engine, conversation: str) -> Contact | None:
    """The contact of a conversation, if it is on a messaging channel."""
    with engine.connect() as connection:
        row = connection.execute(
            select(contacts).where(contacts.c.conversation == conversation)
        ).first()
    return _contact(row) if row else None


def _set(engine: Engine, conversation: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(
            update(contacts).where(contacts.c.conversation == conversation).values(**values)
        )


def opt_out(engine: Engine, conversation: str) -> None:
    """The person wants no more messages."""
    _set(engine, conversation, opted_out_at=now())


def opt_in(engine: Engine, conversation: str) -> None:
    """The person wants messages again."""
    _set(engine, conversation, opted_out_at=None)


def forget_contact_when_told(engine: Engine, conversation: str) -> None:
    """The person had their data deleted: their address goes once they have been told so."""
    _set(engine, conversation, erased_at=now(), choices=None)


def forget_contact(engine: Engine, conversation: str) -> None:
    """Remove the address, unless they have written again. A wish for no more messages stays."""
    mine = (contacts.c.conversation == conversation, contacts.c.erased_at.is_not(None))
    with engine.begin() as connection:
        taken = update(contacts).where(*mine).values(line=contacts.c.line)  # takes the row
        if connection.execute(taken).rowcount:
            forget_address(connection, conversation)


def barrier(engine: Engine, conversation: str, at: datetime | None = None) -> str | None:
    """Why a message to this conversation would not arrive now, in one line for staff, or None."""
    contact = find_contact(engine, conversation)
    return barrier_to(contact, at or now()) if contact else None


def barrier_to(contact: Contact, at: datetime) -> str | None:
    """Why a message to this contact would not arrive at the moment `at`, or None."""
    if contact.opted_out_at:
        return (
            f"This person sent STOP on {contact.opted_out_at:%d %b %Y at %H:%M} UTC. No text "
            "message reaches them until they send START. To warn them, call."
        )
    window = REPLY_WINDOWS.get(contact.channel)
    if window and contact.heard_at and at - contact.heard_at > window:
        return (
            f"{_PROVIDERS[contact.channel]} lets us write for 24 hours after a person's last "
            f"message, which came on {contact.heard_at:%d %b %Y at %H:%M} UTC. Nothing reaches "
            "them until they write again."
        )
    return None
