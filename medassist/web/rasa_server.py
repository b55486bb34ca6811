"""The front door's way to the Rasa servers.

A conversation keeps to one of them, and goes to the next when that one does not answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from medassist.inner_doors import SECRET_HEADER
from medassist.scaling_settings import preferred_for
from medassist.settings import Settings

TRY_SECONDS = 3.0
READ_SECONDS = 8.0
HUNG_SECONDS = 8.0
"""A Rasa that is silent for so long is left, where there is another one. A turn tells every five
seconds that it goes on (medassist/channels/website.py)."""


SHUN_SECONDS = 40.0
"""One that did not answer is asked last for this long: until after a lost message is sent again."""


class UnreachableError(Exception):
    """Rasa did not answer, or not as it should."""


class MaybeTakenError(UnreachableError):
    """Rasa got it, and nothing says whether it was taken."""


class RasaServer:
    """Messages go by one set of connections and reading by another: reading never delays them."""

    def __init__(self, settings: Settings) -> None:
        self._urls = settings.scaling.rasa_urls
        self._shunned: dict[str, float] = {}
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

    def servers(self, sender: str) -> list[str]:
        """Where to ask about this conversation, in order. The same at every front door."""
        now = time.monotonic()
        return sorted(
            preferred_for(sender, self._urls), key=lambda url: self._shunned.get(url, 0) > now
        )

    def shun(self, url: str) -> None:
        """Ask others first for a while."""
        self._shunned[url] = time.monotonic() + SHUN_SECONDS

    async def take(
        self,
        sender: str,
        message_id: str,
        text: str,
        clinic: str,
        taken: asyncio.Event,
        silence: float,
    ) -> None:
        """Hand over one message for a clinic and wait until its turn is over. One try each.

        Its replies come to `/internal/replies`. `taken` is set as soon as a Rasa has confirmed
        the message. Raises UnreachableError when none got it, and MaybeTakenError when the
        connection broke, or when nothing came for `silence` seconds: then the tracker tells, and
        handing it over again is safe.
        """
        reason = ""
        if len(self._urls) > 1:
            silence = min(silence, HUNG_SECONDS)
        for url in self.servers(sender):
            try:
                async with self._sending.stream(
                    "POST",
                    f"{url}/webhooks/website/messages",
                    json={"conversation": sender, "id": message_id, "text": text, "clinic": clinic},
                    headers={SECRET_HEADER: self._secret},
                    timeout=httpx.Timeout(TRY_SECONDS, read=silence),
                ) as response:
                    if response.is_success:
                        taken.set()
                        async for _sign_of_life in response.aiter_raw():
                            pass
                        return
                    reason = f"status {response.status_code}"
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                reason = type(error).__name__
            except httpx.HTTPError as error:
                self.shun(url)
                raise MaybeTakenError(type(error).__name__) from None
            self.shun(url)
        raise UnreachableError(reason)

    async def tracker(self, sender: str) -> dict[str, Any]:
        """All that Rasa has stored of a conversation. Raises UnreachableError."""
        return await self._read(
            "GET",
            sender,
            f"/conversations/{quote(sender, safe='')}/tracker",
            params={"include_events": "ALL"},
        )

    async def _read(
        self, method: str, name: str, path: str, params: Mapping[str, str], json: object = None
    ) -> dict[str, Any]:
        """An object that Rasa answers with, and that it is no harm to ask for twice."""
        reason = ""
        for url in self.servers(name):
            try:
                response = await self._reading.request(
                    method, url + path, params={**params, "token": self._secret}, json=json
                )
                answer = response.raise_for_status().json()
            except (httpx.HTTPError, ValueError) as error:
                reason = type(error).__name__
            else:
                if isinstance(answer, dict):
                    return answer
                reason = "no object"
            self.shun(url)
        raise UnreachableError(reason)

    async def parse(self, text: str) -> dict[str, Any]:
        """What the model understands of a text that belongs to no conversation; nothing is stored.

        Raises UnreachableError. A text that starts with "/" is text here, never a command.
        """
        parsed = await self._read(
            "POST",
            text,
            "/model/parse",
            params={},
            json={"text": f" {text}" if text.startswith("/") else text},
        )
        if not isinstance(parsed.get("triage"), dict):
            raise UnreachableError("no assessment")
        return parsed

    async def append_events(self, sender: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Add events to a conversation, all or none; its bot messages are sent to the person.

        Raises UnreachableError when Rasa did not take them, and MaybeTakenError when it got them
        and did not confirm: then its tracker tells.
        """
        reason = ""
        for url in self.servers(sender):
            try:
                response = await self._reading.post(
                    f"{url}/conversations/{quote(sender, safe='')}/tracker/events",
                    params={
                        "output_channel": "latest",
                        "execute_side_effects": "true",
                        "include_events": "NONE",
                        "token": self._secret,
                    },
                    json=list(events),
                )
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                self.shun(url)
                reason = type(error).__name__
                continue
            except httpx.HTTPError as error:
                self.shun(url)
                raise MaybeTakenError(type(error).__name__) from None
            if response.is_server_error:  # it may have broken after the message went out
                raise MaybeTakenError(f"status {response.status_code}")
            if not response.is_success:
                raise UnreachableError(f"status {response.status_code}")
            return
        raise UnreachableError(reason)

    async def is_ready(self) -> bool:
        """Whether a Rasa answers and has a model loaded."""
        for url in self.servers(""):
            try:
                response = await self._reading.get(f"{url}/status", params={"token": self._secret})
            except httpx.HTTPError:
                continue
            if response.is_success:
                return True
        return False
