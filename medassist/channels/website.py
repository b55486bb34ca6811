"""The website's connector: messages in by POST from the front door, replies handed back to it.

The browser never talks to Rasa. The front door passes a message on with the installation's
secret and takes each reply as soon as it is said, so that it can stream it.
"""

from __future__ import annotations

import hmac
import logging
from http import HTTPStatus
from typing import Any, Awaitable, Callable, Dict, Optional, Text

import httpx
from rasa.core.channels.channel import InputChannel, OutputChannel, UserMessage
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

from medassist.cases.clinics import METADATA
from medassist.settings import Settings, load_settings

logger = logging.getLogger(__name__)

SECRET_HEADER = "X-Medassist-Secret"
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

    @classmethod
    def name(cls) -> Text:
        """The channel's name in Rasa."""
        return "website"

    async def send_response(self, recipient_id: Text, message: Dict[Text, Any]) -> None:
        """Hand over one reply. A front door that is down is no loss: the tracker keeps it."""
        reply: Dict[Text, Any] = {k: message[k] for k in REPLY_KEYS if message.get(k)}
        if not reply:
            return
        if self._message_id:
            reply["id"] = reply_id(self._message_id, self._count)
            self._count += 1
        try:
            await self._front_door.post(
                f"{self._settings.front_door_url}/internal/replies",
                json={"conversation": recipient_id, "reply": reply, "clinic": self._clinic},
                headers={SECRET_HEADER: self._settings.internal_secret or ""},
            )
        except httpx.HTTPError as error:
            logger.warning("The front door did not take a reply: %s", type(error).__name__)


def reply_id(message_id: str, number: int) -> str:
    """The id of the `number`-th reply (from 0) to a message; the history counts the same way."""
    return f"{message_id}.{number}"


class WebsiteInput(InputChannel):
    """Takes messages from the front door only."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
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
            secret = self._settings.internal_secret or ""
            given = request.headers.get(SECRET_HEADER, "")
            if not secret or not hmac.compare_digest(secret.encode(), given.encode()):
                return response.json({"error": "forbidden"}, status=HTTPStatus.FORBIDDEN)
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
            request.app.add_task(self._handle(on_new_message, message, output))
            return response.json({"accepted": message_id}, status=HTTPStatus.ACCEPTED)

        return webhook

    @staticmethod
    async def _handle(
        on_new_message: Callable[[UserMessage], Awaitable[Any]],
        message: UserMessage,
        output: WebsiteOutput,
    ) -> None:
        """Run the turn; whatever breaks, the person gets a word and the log no content."""
        try:
            await on_new_message(message)
        except Exception as error:
            logger.error("A website message failed: %s", type(error).__name__)
            await output.send_response(message.sender_id, {"custom": {"failed": True}})
