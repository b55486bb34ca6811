"""`medassist chat` and `medassist ask`: a conversation with the running bot, in a terminal."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from medassist.settings import Settings


class NotRunningError(Exception):
    """The bot does not answer; the message says how to start it."""


class Conversation:
    """One conversation over Rasa's REST channel on loopback."""

    def __init__(self, settings: Settings) -> None:
        self._url = f"{settings.rasa_url}/webhooks/rest/webhook"
        self._sender = f"terminal-{uuid.uuid4().hex}"

    def say(self, text: str) -> list[dict[str, Any]]:
        """Send one message and return the replies. Raises NotRunningError."""
        try:
            response = httpx.post(
                self._url, json={"sender": self._sender, "message": text}, timeout=60
            )
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise NotRunningError(
                "medassist is not running here. Start it with `make run`, then try again."
            ) from error
        replies: list[dict[str, Any]] = response.json()
        return replies


def as_terminal_text(replies: list[dict[str, Any]]) -> str:
    """Replies as lines; quick replies as a numbered list is not needed: they are typed text."""
    lines = []
    for reply in replies:
        if reply.get("text"):
            lines.append(reply["text"])
        if reply.get("buttons"):
            lines.append("   ".join(f"[{button['title']}]" for button in reply["buttons"]))
    return "\n\n".join(lines)
