"""Signatures that several channels share: HMAC-SHA-256, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import time

WINDOW_SECONDS = 300
"""How old, or how far ahead, the time stamp of a request may be."""


def hexadecimal(secret: str, text: bytes) -> str:
    """The HMAC-SHA-256 of `text`."""
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def is_same(expected: str, given: str) -> bool:
    """Whether two signatures are the same; how long it takes tells nothing."""
    # Sanic's headers can hold halves of characters, which have no UTF-8.
    return hmac.compare_digest(expected.encode(), given.encode(errors="surrogatepass"))


def is_recent(timestamp: str, at: float | None = None) -> bool:
    """Whether a time stamp (whole seconds since 1970) is of now, within the window."""
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return False
    return abs((time.time() if at is None else at) - int(timestamp)) <= WINDOW_SECONDS
