"""The chat, for a page: a new conversation, a message in, replies out, and what was said."""

from __future__ import annotations

import json
import re
import time
import unicodedata
from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from medassist.web.bodies import read_object
from medassist.web.conversation_key import KEY_HEADER, is_key, new_key, sender_id
from medassist.web.delivery import Delivery
from medassist.web.history import as_iso, message, stored_messages
from medassist.web.hub import Conversation, Event, Hub, TooFastError, TooManyError
from medassist.web.pace import Pace
from medassist.web.rasa_server import RasaServer, UnreachableError
from medassist.web.words import LONGEST_TEXT, Words

_MESSAGE_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_INVISIBLE = {"Cc", "Cs"}


def as_typed(text: str) -> str:
    """A person's text without what no keyboard types: control characters, halves of characters."""
    return "".join(
        c for c in text if c in "\n\t" or unicodedata.category(c) not in _INVISIBLE
    ).strip()


def as_server_sent(event: Event | None) -> str:
    """An event in the `text/event-stream` format; None is a sign of life."""
    if event is None:
        return ": still here\n\n"
    return f"event: {event.kind}\ndata: {json.dumps(event.message)}\n\n"


class Chat:
    """The routes under `/chat`."""

    def __init__(
        self, hub: Hub, rasa: RasaServer, delivery: Delivery, words: Words, pace: Pace
    ) -> None:
        self._hub = hub
        self._rasa = rasa
        self._delivery = delivery
        self._words = words
        self._pace = pace

    def routes(self) -> list[Route]:
        """What a page needs."""
        return [
            Route("/chat/conversations", self.begin, methods=["POST"]),
            Route("/chat/messages", self.send, methods=["POST"]),
            Route("/chat/events", self.events),
            Route("/chat/history", self.history),
        ]

    async def begin(self, _request: Request) -> Response:
        """A new conversation's key. Nothing is stored until something is said."""
        return JSONResponse({"key": new_key()}, status_code=201)

    async def send(self, request: Request) -> Response:
        """Take a message; 202 at once, its replies come by the stream."""
        sender, conversation = self._conversation(request)
        body = await read_object(request, too_large=self._words.too_long)
        identity, text = body.get("id"), body.get("text")
        if not isinstance(identity, str) or not _MESSAGE_ID.fullmatch(identity):
            raise HTTPException(400, 'A message needs an "id" of its own, such as a UUID.')
        if not isinstance(text, str):
            raise HTTPException(400, 'A message needs a "text".')
        text = as_typed(text)
        if not text:
            raise HTTPException(400, self._words.empty)
        if len(text) > LONGEST_TEXT:
            raise HTTPException(413, self._words.too_long)
        try:
            new = conversation.accept(
                message(identity, "person", text, None, None, as_iso(time.time()))
            )
        except TooFastError as error:
            raise HTTPException(
                429, self._words.too_fast(error.seconds), {"Retry-After": str(error.seconds)}
            ) from None
        if new:
            self._delivery.start(conversation, sender, identity, text)
        return JSONResponse({"accepted": identity}, status_code=202)

    async def events(self, request: Request) -> Response:
        """What is said from now on, as server-sent events, after what was said just before."""
        _, conversation = self._conversation(request)
        if conversation.full:
            raise HTTPException(503, "This chat is open in too many places. Please close some.")

        async def stream() -> AsyncIterator[str]:
            with conversation.listener() as listener:
                yield ": listening\n\n"
                async for event in listener.events(self._pace.heartbeat):
                    yield as_server_sent(event)

        return StreamingResponse(
            stream(),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    async def history(self, request: Request) -> Response:
        """All that was said, each message once, in order."""
        sender, conversation = self._conversation(request)
        try:
            tracker = await self._rasa.tracker(sender)
        except UnreachableError:
            raise HTTPException(503, self._words.no_history) from None
        return JSONResponse({"messages": conversation.completed(stored_messages(tracker))})

    def _conversation(self, request: Request) -> tuple[str, Conversation]:
        """The sender id and the conversation of the key in the request."""
        key = request.headers.get(KEY_HEADER, "")
        if not is_key(key):
            raise HTTPException(401, f"This needs a conversation's key in the header {KEY_HEADER}.")
        sender = sender_id(key)
        try:
            return sender, self._hub.conversation(sender)
        except TooManyError:
            raise HTTPException(503, self._words.too_busy) from None
