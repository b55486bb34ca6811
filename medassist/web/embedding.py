"""Lets the pages of some other websites use the chat, and of no others."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from medassist.web.conversation_key import KEY_HEADER
from medassist.web.voices import CLINIC_HEADER

KEPT_SECONDS = 600
"""How long a browser may remember what it is allowed."""


class Embedding:
    """ASGI middleware: cross-origin requests to `/chat/…` by the origins of the settings.

    No cookies are involved: whoever may read a conversation has its key in a header.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._chat = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=(KEY_HEADER, CLINIC_HEADER, "Content-Type"),
            allow_credentials=False,
            max_age=KEPT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with or without permission for its origin."""
        is_chat = scope["type"] == "http" and scope["path"].startswith("/chat/")
        if is_chat:
            await self._chat(scope, receive, send)
        else:
            await self._app(scope, receive, send)
