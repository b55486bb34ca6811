"""The chat, for a page: a new conversation, a message in, replies out, and what was said."""

from __future__ import annotations

import json
import re
import time
import unicodedata
import uuid
from collections.abc import AsyncIterator, Iterable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from medassist.medicines.feedback import LONGEST_WHY
from medassist.web.bodies import read_object
from medassist.web.conversation_key import KEY_HEADER, is_key, new_key, sender_id
from medassist.web.delivery import Delivery, Outgoing
from medassist.web.history import Message, as_iso, message, stored_messages
from medassist.web.hub import (
    MESSAGES_A_MINUTE,
    THUMBS_A_MINUTE,
    Conversation,
    Event,
    Hub,
    TooFastError,
    TooManyError,
)
from medassist.web.newcomers import PERIOD, Newcomers, household
from medassist.web.other_doors import OtherDoors
from medassist.web.pace import Pace
from medassist.web.rasa_server import RasaServer, UnreachableError
from medassist.web.thumbs import Thumbs, ThumbsError
from medassist.web.voices import Voices
from medassist.web.words import LONGEST_TEXT, Words

_MESSAGE_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_INVISIBLE = {"Cc", "Cs"}


def address_of(request: Request) -> str:
    """The network address that the request came from."""
    return request.client.host if request.client else ""


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
        self,
        hub: Hub,
        rasa: RasaServer,
        delivery: Delivery,
        voices: Voices,
        pace: Pace,
        newcomers: Newcomers,
        speakers: Newcomers,
        thumbs: Thumbs,
        doors: OtherDoors,
    ) -> None:
        self._hub = hub
        self._rasa = rasa
        self._delivery = delivery
        self._voices = voices
        self._pace = pace
        self._newcomers = newcomers
        self._speakers = speakers
        self._thumbs = thumbs
        self._doors = doors

    def routes(self) -> list[Route]:
        """What a page needs."""
        return [
            Route("/chat/conversations", self.begin, methods=["POST"]),
            Route("/chat/messages", self.send, methods=["POST"]),
            Route("/chat/events", self.events),
            Route("/chat/history", self.history),
            Route("/chat/thumbs", self.thumb, methods=["POST"]),
        ]

    async def begin(self, request: Request) -> Response:
        """A new conversation's key. Nothing is stored until something is said."""
        key = new_key()
        await self._admitted(request, sender_id(key), self._voices.answering(request))
        return JSONResponse({"key": key}, status_code=201)

    async def send(self, request: Request) -> Response:
        """Take a message; 202 at once, its replies come by the stream."""
        words = self._voices.answering(request)
        sender, conversation = await self._conversation(request, words)
        body = await read_object(request, too_large=words.too_long)
        identity, text = body.get("id"), body.get("text")
        if not isinstance(identity, str) or not _MESSAGE_ID.fullmatch(identity):
            raise HTTPException(400, 'A message needs an "id" of its own, such as a UUID.')
        if not isinstance(text, str):
            raise HTTPException(400, 'A message needs a "text".')
        text = as_typed(text)
        if not text:
            raise HTTPException(400, words.empty)
        if len(text) > LONGEST_TEXT:
            raise HTTPException(413, words.too_long)
        if self._delivery.is_full:
            raise HTTPException(503, words.too_busy)
        self._count_speaker(request, words)
        try:
            await self._count("messages", sender, identity, MESSAGES_A_MINUTE)
            new = conversation.accept(
                message(identity, "person", text, None, None, as_iso(time.time()))
            )
        except TooFastError as error:
            raise _too_fast(error, words) from None
        if new:
            await self._delivery.start(conversation, Outgoing(sender, identity, text, words))
        return JSONResponse({"accepted": identity}, status_code=202)

    async def events(self, request: Request) -> Response:
        """What is said from now on, as server-sent events, after what was said just before."""
        _, conversation = await self._conversation(request, self._voices.answering(request))
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
        """All that was said, each message once, in order, and the thumbs given for it."""
        words = self._voices.answering(request)
        sender, conversation = await self._conversation(request, words)
        self._count_speaker(request, words)
        messages = await self._messages(sender, conversation, words)
        return JSONResponse({"messages": messages, "thumbs": await self._thumbs.given(sender)})

    async def thumb(self, request: Request) -> Response:
        """Keep what somebody thinks of an answer in their own conversation."""
        words = self._voices.answering(request)
        sender, conversation = await self._conversation(request, words)
        body = await read_object(request)
        identity, up, why = body.get("message"), body.get("up"), body.get("why") or ""
        if not isinstance(identity, str) or not isinstance(up, bool) or not isinstance(why, str):
            raise HTTPException(400, 'A thumb needs a "message" and an "up" that is true or false.')
        why = as_typed(why)
        if len(why) > LONGEST_WHY:
            raise HTTPException(413, f"Please say why in {LONGEST_WHY} characters or fewer.")
        try:
            await self._count("thumbs", sender, uuid.uuid4().hex, THUMBS_A_MINUTE)
            conversation.count_thumb()
        except TooFastError as error:
            raise _too_fast(error, words) from None
        answer = find_answer(identity, (event.message for event in conversation.recent()))
        if answer is None:
            answer = find_answer(identity, await self._messages(sender, conversation, words))
        if answer is None:
            raise HTTPException(404, words.no_such_answer)
        try:
            await self._thumbs.record(sender, answer, up, why)
        except ThumbsError:
            raise HTTPException(503, words.thumb_not_kept) from None
        return JSONResponse({"kept": identity})

    async def _messages(
        self, sender: str, conversation: Conversation, words: Words
    ) -> list[Message]:
        try:
            tracker = await self._rasa.tracker(sender)
        except UnreachableError:
            raise HTTPException(503, words.no_history) from None
        return conversation.completed(stored_messages(tracker))

    async def _conversation(self, request: Request, words: Words) -> tuple[str, Conversation]:
        """The sender id and the conversation of the key in the request."""
        key = request.headers.get(KEY_HEADER, "")
        if not is_key(key):
            raise HTTPException(401, f"This needs a conversation's key in the header {KEY_HEADER}.")
        sender = sender_id(key)
        return sender, await self._admitted(request, sender, words)

    async def _admitted(self, request: Request, sender: str, words: Words) -> Conversation:
        """The conversation; one that comes here for the first time is counted by its address.

        One may make up keys: to read with them takes up room as well, so it counts too, and is
        refused before any room is taken.
        """
        if not self._hub.has_admitted(sender):
            address = address_of(request)
            seconds = await self._doors.count(
                "newcomers", household(address), sender, self._newcomers.most, PERIOD
            ) or self._newcomers.admit(address)
            if seconds:
                raise HTTPException(429, words.too_many_new, headers={"Retry-After": str(seconds)})
        try:
            conversation = self._hub.conversation(sender)
        except TooManyError:
            raise HTTPException(503, words.too_busy) from None
        conversation.admitted = True
        return conversation

    def _count_speaker(self, request: Request, words: Words) -> None:
        """Count what makes Rasa work: a message, or reading what was said."""
        seconds = self._speakers.admit(address_of(request))
        if seconds:
            raise HTTPException(429, words.too_many_from_here, {"Retry-After": str(seconds)})

    async def _count(self, what: str, sender: str, one: str, most: int) -> None:
        """Count one more of a conversation in this minute, at all front doors together.

        Raises TooFastError.
        """
        seconds = await self._doors.count(what, sender, one, most, 60)
        if seconds:
            raise TooFastError(seconds)


def _too_fast(error: TooFastError, words: Words) -> HTTPException:
    return HTTPException(429, words.too_fast(error.seconds), {"Retry-After": str(error.seconds)})


def find_answer(identity: str, messages: Iterable[Message]) -> Message | None:
    """The reply of this id, if it is a vetted answer."""
    for said in messages:
        if said["id"] == identity and said["who"] == "bot" and said["custom"].get("answer_id"):
            return said
    return None
