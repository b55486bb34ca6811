"""The website's connector: messages in by POST from the front door, replies handed back to it.

The browser never talks to Rasa. The front door passes a message on with the installation's
secret and takes each reply as soon as it is said, so that it can stream it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from http import HTTPStatus
from typing import Any, Awaitable, Callable, Dict, List, Optional, Set, Text

import httpx
from rasa.core.channels.channel import InputChannel, OutputChannel, UserMessage
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

from medassist.cases.clinics import METADATA
from medassist.inner_doors import SECRET_HEADER, knows
from medassist.logging_setup import belongs_to
from medassist.scaling_settings import preferred_for
from medassist.settings import Settings, load_settings

logger = logging.getLogger(__name__)

SIGN_OF_LIFE_SECONDS = 5.0
"""While a turn runs the front door hears so often that it does."""

KEEP_SECONDS = 120.0
"""How long replies that the front door did not take are offered again after their turn."""

AGAIN_SECONDS = 1.0
"""Between two offers."""

FINISH_SECONDS = 6.0
"""How long turns may still take when the server is told to stop."""

REPLY_KEYS = ("text", "buttons", "custom")
"""What of a reply leaves Rasa; its metadata and model id stay inside."""


class WebsiteOutput(OutputChannel):
    """Hands replies to the front door, in order, each with an id that a reload finds again."""

    def __init__(
        self,
        settings: Settings,
        front_door: httpx.AsyncClient,
        message_id: Optional[Text] = None,
        clinic: Optional[Text] = None,
    ) -> None:
        self._settings, self._front_door = settings, front_door
        self._message_id, self._clinic = message_id, clinic
        self._count = 0
        self._waiting: List[Dict[Text, Any]] = []
        self._is_down = False

    @classmethod
    def name(cls) -> Text:
        """The channel's name in Rasa."""
        return "website"

    async def send_response(self, recipient_id: Text, message: Dict[Text, Any]) -> None:
        """Hand over one reply.

        One that the front door does not take waits, with all that follow it, until the turn is
        over: the turn itself must not wait for a front door that hangs.
        """
        reply: Dict[Text, Any] = {k: message[k] for k in REPLY_KEYS if message.get(k)}
        if not reply:
            return
        if self._message_id:
            reply["id"] = reply_id(self._message_id, self._count)
            self._count += 1
        self._waiting.append({"conversation": recipient_id, "reply": reply, "clinic": self._clinic})
        if not self._is_down:
            await self._hand_over()

    async def hand_over_the_rest(self) -> None:
        """Offer what waits until it is taken; the page would miss it until its next reload."""
        deadline = time.monotonic() + KEEP_SECONDS
        while self._waiting and time.monotonic() < deadline:
            await self._hand_over()
            if self._waiting:
                await asyncio.sleep(AGAIN_SECONDS)

    async def _hand_over(self) -> None:
        """Offer the waiting replies in their order, until one is not taken.

        The front door knows them by their ids, so one that it got unnoticed is shown once.
        """
        while self._waiting:
            if not await self._is_taken(self._waiting[0]):
                self._is_down = True
                return
            self._waiting.pop(0)
        self._is_down = False

    async def _is_taken(self, reply: Dict[Text, Any]) -> bool:
        """Offer one reply to the front doors, until one takes it; whether one did."""
        urls = self._settings.scaling.front_door_urls
        for url in preferred_for(reply["conversation"], urls):
            try:
                await self._front_door.post(
                    f"{url}/internal/replies",
                    json=reply,
                    headers={SECRET_HEADER: self._settings.internal_secret or ""},
                )
                return True
            except httpx.HTTPError as error:
                logger.warning("A front door did not take a reply: %s", type(error).__name__)
        return False


def _locks(app: Any) -> Any:
    """The lock store of our own kind, if Rasa has one."""
    locks = getattr(getattr(app.ctx, "agent", None), "lock_store", None)
    return locks if hasattr(locks, "draw") else None


def reply_id(message_id: str, number: int) -> str:
    """The id of the `number`-th reply (from 0) to a message; the history counts the same way."""
    return f"{message_id}.{number}"


class WebsiteInput(InputChannel):
    """Takes messages from the front door only."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turns: Set["asyncio.Future[None]"] = set()
        self._stopping = False
        # One client for all replies, and no proxy between two addresses on loopback.
        self._front_door = httpx.AsyncClient(timeout=3, trust_env=False)

    @classmethod
    def name(cls) -> Text:
        """The channel's name, and its path below `/webhooks`."""
        return "website"

    @classmethod
    def from_credentials(cls, credentials: Optional[Dict[Text, Any]]) -> "WebsiteInput":
        """The secret comes from the settings, never from credentials.yml."""
        return cls(load_settings())

    def get_output_channel(self) -> WebsiteOutput:
        """For messages that answer nothing in particular, such as those of staff."""
        return WebsiteOutput(self._settings, self._front_door)

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The routes below `/webhooks/website`."""
        webhook = Blueprint("website_webhook", __name__)

        @webhook.get("/")
        async def health(_request: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        @webhook.post("/messages")
        async def messages(request: Request) -> HTTPResponse:
            given = request.headers.get(SECRET_HEADER, "")
            if not knows(self._settings.internal_secret or "", given):
                return response.json({"error": "forbidden"}, status=HTTPStatus.FORBIDDEN)
            if self._stopping:  # another server takes it, or this one when it is back
                return response.json({"error": "stopping"}, HTTPStatus.SERVICE_UNAVAILABLE)
            body = request.json or {}
            message_id = str(body.get("id") or "")
            clinic = str(body.get("clinic") or "")
            output = WebsiteOutput(self._settings, self._front_door, message_id, clinic)
            message = UserMessage(
                str(body.get("text") or ""),
                output,
                str(body["conversation"]),
                input_channel=self.name(),
                message_id=message_id,
                metadata={METADATA: clinic} if clinic else None,
            )
            # Its place in line is taken before it is accepted: what is sent next is behind it,
            # whichever Rasa server gets that.
            locks = _locks(request.app)
            place = await locks.draw(message.sender_id) if locks else None

            async def handle() -> None:
                if place:
                    locks.bring(place)
                await self._handle(on_new_message, message, output)

            turn = asyncio.get_running_loop().create_task(handle())
            self._turns.add(turn)  # it goes on, even if the front door ends meanwhile
            turn.add_done_callback(self._turns.discard)
            return await self._tell_when_over(request, message_id, turn)

        @webhook.listener("before_server_stop")
        async def finish(_app: Any, _loop: Any) -> None:
            self._stopping = True
            if self._turns:
                await asyncio.wait(self._turns, timeout=FINISH_SECONDS)

        @webhook.listener("after_server_stop")
        async def close(app: Any, _loop: Any) -> None:
            if locks := _locks(app):
                await locks.close()
            await self._front_door.aclose()

        return webhook

    @staticmethod
    async def _tell_when_over(
        request: Request, message_id: Text, turn: "asyncio.Future[None]"
    ) -> HTTPResponse:
        """Say at once that the message is taken, and end the answer when its turn is stored.

        An answer that breaks off tells the front door that the turn was lost with this process.
        """
        answer = await request.respond(status=HTTPStatus.ACCEPTED, content_type="application/json")
        while not turn.done():
            await answer.send(" ")
            await asyncio.wait({turn}, timeout=SIGN_OF_LIFE_SECONDS)
        await answer.send(json.dumps({"accepted": message_id}), end_stream=True)
        return answer

    async def _handle(
        self,
        on_new_message: Callable[[UserMessage], Awaitable[Any]],
        message: UserMessage,
        output: WebsiteOutput,
    ) -> None:
        """Run the turn; whatever breaks, the person gets a word and the log no content."""
        belongs_to(message.sender_id)
        try:
            await on_new_message(message)
        except Exception as error:
            logger.error("A website message failed: %s", type(error).__name__)
            await output.send_response(message.sender_id, {"custom": {"failed": True}})
        finally:
            rest = asyncio.ensure_future(output.hand_over_the_rest())
            self._turns.add(rest)
            rest.add_done_callback(self._turns.discard)
