"""A custom action is called again while the action server is away: it may be starting again.

An emergency's card has been shown by then, so what waits is that staff are told. Calling again is
safe even if the first call was cut off: a case takes each message once (medassist/cases/cases.py).
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, List

import aiohttp
from rasa.core.actions.action import RemoteAction
from rasa.shared.core.events import Event
from rasa.shared.exceptions import RasaException

AWAY_SECONDS = 6.0
"""How long an action server that cannot be reached is waited for; a start takes about four."""

AGAIN_SECONDS = 0.5
"""Between two calls."""


def wait_for_the_action_server() -> None:
    """Change Rasa's way of calling actions so."""
    once = RemoteAction.run

    async def run(self: RemoteAction, *given: Any, **named: Any) -> List[Event]:
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                return await once(self, *given, **named)
            except RasaException as error:
                away = isinstance(error.__context__, aiohttp.ClientConnectionError)
                # Hanging is not being away: that has had its time already.
                hung = isinstance(error.__context__, asyncio.TimeoutError)
                if not away or hung or time.monotonic() + AGAIN_SECONDS > deadline:
                    raise
            await asyncio.sleep(AGAIN_SECONDS)

    RemoteAction.run = run
