"""The front door's way to the Rasa server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from medassist.settings import Settings

SECRET_HEADER = "X-Medassist-Secret"
TRY_SECONDS = 3.0
READ_SECONDS = 8.0


class UnreachableError(Exception):
    """Rasa did not answer, or not as it should."""


class MaybeTakenError(UnreachableError):
    """Rasa got it, and nothing says whether it was taken."""


class RasaServer:
    """Messages go by one set of connections and reading by another: reading never delays them."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.rasa_url
        self._secret = settings.internal_secret or ""
        # A message holds its connection until its turn is over, so there is no limit to them here:
        # the front door refuses messages when too many are under way.
        self._sending = httpx.AsyncClient(
            timeout=TRY_SECONDS,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=50),
            trust_env=False,
        )
        self._reading = httpx.AsyncClient(
            timeout=httpx.Timeout(READ_SECONDS, connect=TRY_SECONDS),
            limits=httpx.Limits(max_connections=8),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._sending.aclose()
        await self._reading.aclose()

    async def take(
        self, sender: str, message_id: str, text: str, taken: asyncio.Event, silence: float
    ) -> None:
        """Hand over one message and wait until its turn is over. One try.

        Its replies come to `/internal/replies`. `taken` is set as soon as Rasa has confirmed the
        message. Raises UnreachableError when Rasa did not get it, and MaybeTakenError when the
        connection broke, or when nothing came for `silence` seconds: then its tracker tells, and
        handing it over again is safe.
        """
        try:
            async with self._sending.stream(
                "POST",
                f"{self._url}/webhooks/website/messages",
                json={"conversation": sender, "id": message_id, "text": text},
                headers={SECRET_HEADER: self._secret},
                timeout=httpx.Timeout(TRY_SECONDS, read=silence),
            ) as response:
                if not response.is_success:
                    raise UnreachableError(f"status {response.status_code}")
                taken.set()
                async for _sign_of_life in response.aiter_raw():
                    pass
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise UnreachableError(type(error).__name__) from None
        except httpx.HTTPError as error:
            raise MaybeTakenError(type(error).__name__) from None

    async def tracker(self, sender: str) -> dict[str, Any]:
        """All that Rasa has stored of a conversation. Raises UnreachableError."""
        try:
            response = await self._reading.get(
                f"{self._url}/conversations/{quote(sender, safe='')}/tracker",
                params={"include_events": "ALL", "token": self._secret},
            )
            tracker = response.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise UnreachableError(type(error).__name__) from None
        if not isinstance(tracker, dict):
            raise UnreachableError("no tracker")
        return tracker

    async def parse(self, text: str) -> dict[str, Any]:
        """What the model understands of a text that belongs to no conversation; nothing is stored.

        Raises UnreachableError. A text that starts with "/" is text here, never a command.
        """
        try:
            response = await self._reading.post(
                f"{self._url}/model/parse",
                params={"token": self._secret},
                json={"text": f" {text}" if text.startswith("/") else text},
            )
            parsed = response.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise UnreachableError(type(error).__name__) from None
        if not isinstance(parsed, dict) or not isinstance(parsed.get("triage"), dict):
            raise UnreachableError("no assessment")
        return parsed

    async def append_events(self, sender: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Add events to a conversation, all or none; its bot messages are sent to the person.

        Raises UnreachableError when Rasa did not take them, and MaybeTakenError when it got them
        and did not confirm: then its tracker tells.
        """
        try:
            response = await self._reading.post(
                f"{self._url}/conversations/{quote(sender, safe='')}/tracker/events",
                params={
                    "output_channel": "latest",
                    "execute_side_effects": "true",
                    "include_events": "NONE",
                    "token": self._secret,
                },
                json=list(events),
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise UnreachableError(type(error).__name__) from None
        except httpx.HTTPError as error:
            raise MaybeTakenError(type(error).__name__) from None
        if response.is_server_error:  # it may have broken after the message went out
            raise MaybeTakenError(f"status {response.status_code}")
        if not response.is_success:
            raise UnreachableError(f"status {response.status_code}")

    async def is_ready(self) -> bool:
        """Whether Rasa answers and has a model loaded."""
        try:
            response = await self._reading.get(
                f"{self._url}/status", params={"token": self._secret}
            )
        except httpx.HTTPError:
            return False
        return response.is_success
