"""Turns Rasa's record of a conversation into the messages a page shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

PUSHED = "pushed."
"""Starts the id of a reply that answers no message, such as one that staff sent."""

UNNAMED = "pushed.unnamed-"
"""Starts the id, while it is new, of such a reply that came without a name of its own."""

LONGEST_HISTORY = 400
"""Messages; the page shows the latest ones."""

Message = dict[str, Any]

_NAME = re.compile(r"[A-Za-z0-9-]{8,64}")


def reply_id(message_id: str, number: int) -> str:
    """The id of the `number`-th reply (from 0) to a message, as the website connector counts."""
    return f"{message_id}.{number}"


def pushed_id(custom: object) -> str | None:
    """The id of a reply that was pushed under a name of its own; None for any other reply.

    Whoever pushes a reply names it in its `custom`: `staff.id` for words of staff, `id` for
    ours. The name is the same in Rasa's record and on its way to the page, so that each is
    shown once, however often it comes and whatever it says.
    """
    if not isinstance(custom, Mapping):
        return None
    staff = custom.get("staff")
    name = staff.get("id") if isinstance(staff, Mapping) else custom.get("id")
    return f"{PUSHED}{name}" if isinstance(name, str) and _NAME.fullmatch(name) else None


def answered_message(reply: str) -> str:
    """The id of the message that the reply with this id answers."""
    return reply.rpartition(".")[0]


def as_iso(timestamp: float) -> str:
    """Seconds since 1970 as a date and time in UTC."""
    return datetime.fromtimestamp(timestamp, timezone.utc).isoformat(timespec="milliseconds")


def message(id: str, who: str, text: str, buttons: object, custom: object, at: str) -> Message:
    """One message as the page knows it. `who` is "person" or "bot"."""
    kept = [b for b in buttons if isinstance(b, dict)] if isinstance(buttons, list) else []
    return {
        "id": id,
        "who": who,
        "text": text,
        "buttons": [
            {"title": str(b.get("title") or ""), "payload": str(b.get("payload") or "")}
            for b in kept
        ],
        "custom": custom if isinstance(custom, dict) else {},
        "at": at,
    }


def stored_messages(tracker: Mapping[str, Any]) -> list[Message]:
    """The conversation's messages, each once, in order.

    `tracker` is the answer of Rasa's `/conversations/{id}/tracker?include_events=ALL`. The n-th
    reply after a message gets the id the website connector gave it when it was said; replies
    that the connector does not hand over (they hold nothing) and those that were pushed under a
    name of their own are not counted by either.
    """
    found: dict[str, Message] = {}
    answering: str | None = None
    count = 0
    for event in tracker.get("events") or []:
        at = float(event.get("timestamp") or 0)
        text = event.get("text") or ""
        if event.get("event") == "user":
            answering, count = event.get("message_id") or None, 0
            if answering and text:
                found.setdefault(
                    answering, message(answering, "person", text, None, None, as_iso(at))
                )
        elif event.get("event") == "bot":
            data = event.get("data") or {}
            buttons, custom = data.get("buttons"), data.get("custom")
            if not (text or buttons or custom):
                continue
            identity = pushed_id(custom)
            if identity is None:
                identity = reply_id(answering, count) if answering else f"{PUSHED}{at}"
                count += 1
            found.setdefault(identity, message(identity, "bot", text, buttons, custom, as_iso(at)))
    return list(found.values())[-LONGEST_HISTORY:]


def is_known_to(tracker: Mapping[str, Any], message_id: str) -> bool:
    """Whether the turn of this message is over: Rasa stores a turn as a whole."""
    return any(
        event.get("event") == "user" and event.get("message_id") == message_id
        for event in tracker.get("events") or []
    )


def is_held_by_staff(tracker: Mapping[str, Any]) -> bool:
    """Whether staff have the conversation, so that the bot's silence is meant."""
    return bool((tracker.get("slots") or {}).get("handover"))


def with_recent(stored: list[Message], recent: Iterable[Message]) -> list[Message]:
    """The stored messages, then those that are too new to be stored.

    A pushed reply without a name can only be told by its words.
    """
    ids = {m["id"] for m in stored}
    said = {m["text"] for m in stored if m["who"] == "bot"}
    return stored + [
        m
        for m in recent
        if m["id"] not in ids and not (m["id"].startswith(UNNAMED) and m["text"] in said)
    ]
