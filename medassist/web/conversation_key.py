"""A conversation's key: whoever holds it may read and write that conversation, nobody else.

The browser keeps the key; Rasa and the database know only the sender id made from it, from
which the key cannot be found again.
"""

from __future__ import annotations

import hashlib
import re
import secrets

KEY_HEADER = "X-Conversation-Key"
KEY_BYTES = 32
"""256 random bits."""

_KEY = re.compile(r"[A-Za-z0-9_-]{43}")


def new_key() -> str:
    """A new key that cannot be guessed."""
    return secrets.token_urlsafe(KEY_BYTES)


def is_key(text: str) -> bool:
    """Whether `text` has the form of a key. (There is no list of keys to look it up in.)"""
    return _KEY.fullmatch(text) is not None


def sender_id(key: str) -> str:
    """The conversation's name in Rasa: a hash of its key."""
    return "web-" + hashlib.sha256(key.encode()).hexdigest()[:32]
