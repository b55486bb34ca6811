"""Passes the messaging providers' requests on to Rasa, for the channels that are switched on.

Nothing is read here: the connectors check each request's signature over its raw body.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re

import httpx
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from twilio.twiml.messaging_response import MessagingResponse

from medassist.settings import Settings
from medassist.web.words import Words

logger = logging.getLogger(__name__)

LARGEST_BODY = 56 * 1024
"""Bytes; Rasa itself takes 64 KiB of headers and body together."""

AT_ONCE = 32
"""Requests that are passed on at the same time; more are told to come back."""

PASSED_ON = (
    "content-type",
    "x-twilio-signature",
    "x-telegram-bot-api-secret-token",
    "x-slack-signature",
    "x-slack-request-timestamp",
    "x-slack-retry-num",
    "x-slack-retry-reason",
    "x-hub-signature-256",
    "x-medassist-timestamp",
    "x-medassist-signature",
)
"""Headers that the connectors need; no other reaches them."""

ANSWER_SECONDS = 10.0
"""How long Rasa may take to keep a message; providers wait for 10 to 15 seconds."""

_DOOR = re.compile(r"[a-z]+")
"""The last part of a connector's address, such as "messages"."""

BY_TWILIO = ("sms", "whatsapp")
"""Channels whose provider does not repeat a request that failed, unless it is told to."""


class Webhooks:
    """The routes under `/webhooks`. `give_up` is how long Rasa is tried to be reached, in s."""

    def __init__(self, settings: Settings, words: Words, give_up: float, try_again: float) -> None:
        self._settings, self._words = settings, words
        self._give_up, self._try_again = give_up, try_again
        self._rasa = httpx.AsyncClient(
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=2.0), trust_env=False
        )
        self._under_way = 0

    def routes(self) -> list[Route]:
        """One for each channel that is on; nothing of Rasa's other connectors."""
        return [
            Route(f"/webhooks/{name}/{{door}}", self._passer(name), methods=["GET", "POST"])
            for name in self._settings.channels.switched_on
        ]

    async def close(self) -> None:
        """Close all connections."""
        await self._rasa.aclose()

    def _passer(self, name: str):  # type: ignore[no-untyped-def]
        async def pass_on(request: Request) -> Response:
            if self._under_way >= AT_ONCE:
                raise HTTPException(503, "There is too much at once.", {"Retry-After": "5"})
            self._under_way += 1
            try:
                return await self._pass_on(name, request)
            finally:
                self._under_way -= 1

        return pass_on

    async def _pass_on(self, name: str, request: Request) -> Response:
        body = await _read(request)
        query = request.scope.get("query_string", b"").decode("latin-1")
        door = request.path_params["door"]
        if not _DOOR.fullmatch(door):  # with dots in it the address could lead elsewhere in Rasa
            raise HTTPException(404)
        path = f"/webhooks/{name}/{door}"
        headers = {n: request.headers[n] for n in PASSED_ON if n in request.headers}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._give_up
        servers = itertools.cycle(self._settings.scaling.rasa_urls)
        while True:
            url = next(servers) + path
            try:
                answer = await self._rasa.request(
                    request.method,
                    f"{url}?{query}" if query else url,
                    content=body,
                    headers=headers,
                )
                break
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if loop.time() + self._try_again > deadline:
                    return self._unreachable(name)
                await asyncio.sleep(self._try_again)
            except httpx.HTTPError as error:  # it may have been kept; a repeat does no harm
                logger.warning("Rasa did not confirm a %s message: %s", name, type(error).__name__)
                return Response(status_code=503, headers={"Retry-After": "5"})
        kind = answer.headers.get("content-type", "text/plain")
        return Response(answer.content, answer.status_code, media_type=kind)

    def _unreachable(self, name: str) -> Response:
        """Most providers repeat what fails. Twilio may not, so that the person is told."""
        logger.error("A %s message found no Rasa.", name)
        if name not in BY_TWILIO:
            return Response(status_code=503, headers={"Retry-After": "5"})
        answer = MessagingResponse()
        answer.message(self._words.unreachable.replace("\n", " "))
        return Response(str(answer), media_type="text/xml")


async def _read(request: Request) -> bytes:
    """The body as it came. Raises HTTPException 413 or 400."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                raise HTTPException(413, "That is too large to read.", {"Connection": "close"})
    except ClientDisconnect:
        raise HTTPException(400, "The request ended too early.") from None
    return bytes(body)
