"""Reads the forms of the console's pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

LARGEST_FORM = 64 * 1024
"""Bytes of a form."""


async def read_form(request: Request) -> FormData:
    """The fields of a form. Raises HTTPException 413 or 400."""
    kept = bytearray()
    try:
        async for chunk in request.stream():
            kept += chunk
            if len(kept) > LARGEST_FORM:
                raise HTTPException(413, "That is too much text.", {"Connection": "close"})
    except ClientDisconnect:
        raise HTTPException(400, "The form ended too early.") from None
    try:
        fields: list[tuple[str, Any]] = list(
            parse_qsl(
                kept.decode("utf-8"), keep_blank_values=True, max_num_fields=500, errors="strict"
            )
        )
    except ValueError:
        raise HTTPException(400, "I could not read that form.") from None
    return FormData(fields)


def text_of(request: Request, field: str, longest: int = 5_000) -> str:
    """One field of the form that the shell has read, without white space around it.

    Raises HTTPException 413 when it is longer than `longest` characters.
    """
    value = str(request.state.form.get(field) or "").replace("\r\n", "\n").replace("\0", "").strip()
    if len(value) > longest:
        raise HTTPException(413, f"That text is too long: {longest:,} characters at most.")
    return value
