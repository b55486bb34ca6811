"""How long, and for how many, the front door holds a connection open before it has a whole request.

uvicorn waits for ever for a request's head and its body: a few hundred connections that send one
byte a minute would keep everybody else out.
"""

from __future__ import annotations

import asyncio
import resource

import h11
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""From the connection, or the first byte of a further request, to the end of the headers."""


class PatientProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, that lets go of whoever does not finish a request's head."""

    _lets_go: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connected, and has to say something."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Some bytes came; the clock runs on until the head, or what was left over, is whole."""
        super().data_received(data)
        answered = self.cycle is not None and self.cycle.response_complete
        if self.conn.their_state is h11.IDLE or (
            answered and self.conn.their_state is not h11.DONE
        ):
            if self._lets_go is None:
                self._watch()
        else:
            self._stop_watching()

    def on_response_complete(self) -> None:
        """One request is done; from here uvicorn's own limit for a quiet connection counts."""
        self._stop_watching()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._stop_watching()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._lets_go = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_watching(self) -> None:
        if self._lets_go is not None:
            self._lets_go.cancel()
            self._lets_go = None


class WholeBodies:
    """ASGI middleware: a body that does not arrive in time is refused with a word."""

    SECONDS = 15.0
    """From the headers to the end of the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; only its body is waited for, never the end of a stream."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.SECONDS
        is_whole = is_answered = False

        async def watched(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        async def in_time() -> Message:
            nonlocal is_whole
            if is_whole:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, deadline - loop.time()))
            except asyncio.TimeoutError:
                if is_answered:  # nobody waits for the rest; whoever streams is told to end
                    return {"type": "http.disconnect"}
                raise HTTPException(
                    408, "The request took too long to arrive.", {"Connection": "close"}
                ) from None
            is_whole = not message.get("more_body", False)
            return message

        await self._app(scope, in_time, watched)


def allow_many_files() -> None:
    """Let this process hold as many connections as it may; many systems start with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 65_536)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
