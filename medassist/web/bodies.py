"""Reads the JSON body of a request, and refuses in plain words what is not one."""

from __future__ import annotations

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

LARGEST_BODY = 64 * 1024
"""Bytes of a request from a browser."""

LARGEST_REPLY = 512 * 1024
"""Bytes of a request from Rasa: one reply with its sources."""

_DRAINED = 4 * 1024 * 1024


async def read_object(
    request: Request, largest: int = LARGEST_BODY, too_large: str = "That is too large to read."
) -> dict[str, Any]:
    """The JSON object in the request's body.

    Raises HTTPException 413 (with the words `too_large`) or 400. A body over the limit is
    read on for a while without keeping it, so that the sender can see the refusal.
    """
    kept = bytearray()
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= largest:
                kept += chunk
            elif size > _DRAINED:
                break
    except ClientDisconnect:
        raise HTTPException(400, "The request ended too early.") from None
    if size > largest:
        raise HTTPException(413, too_large, {"Connection": "close"})
    try:
        body = json.loads(kept)
    except (ValueError, RecursionError):
        raise HTTPException(400, "I could not read that: it is not JSON.") from None
    if not isinstance(body, dict):
        raise HTTPException(400, "I could not read that: it must be a JSON object.")
    return body
