"""A custom action is called again while the action server is away: it may be starting again.

An emergency's card has been shown by then, so what waits is that staff are told. If the action
server stays away, or its database does, the person hears that staff were not reached, and the
call goes on behind the conversation. Calling again is safe even if an earlier call was cut off:
a case takes each message once (medassist/cases/cases.py).
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Dict, List, Set, Text

import aiohttp
from rasa.core.actions import action as rasa_action
from rasa.core.actions.action import RemoteAction
from rasa.shared.core.events import BotUttered, Event
from rasa.shared.exceptions import RasaException

from medassist.dialogue.guard import ALERTING_ACTIONS

logger = logging.getLogger(__name__)

AWAY_SECONDS = 6.0
"""How long an action server that cannot be reached is waited for; a start takes about four."""

AGAIN_SECONDS = 0.5
"""Between two calls."""

LATER_SECONDS = 600.0
"""How long staff are tried to be told behind the conversation."""

LATER_AGAIN_SECONDS = 3.0
"""Between two of those calls."""

TELL_STAFF = ALERTING_ACTIONS | {"action_respond_to_report"}
"""Actions that open a case, so that more is lost with them than an answer."""

_later: Set["asyncio.Task[None]"] = set()


def wait_for_the_action_server() -> None:
    """Change Rasa's way of calling actions so."""
    once = RemoteAction.run

    async def run(
        self: RemoteAction, channel: Any, nlg: Any, tracker: Any, domain: Any
    ) -> List[Event]:
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                events = await once(self, channel, nlg, tracker, domain)
            except Exception as error:
                if not _is_away(error) or time.monotonic() + AGAIN_SECONDS > deadline:
                    _see_to_it(self, tracker, domain)
                    raise
            else:
                if all(isinstance(event, BotUttered) for event in events):
                    _see_to_it(self, tracker, domain)  # it ran and failed: its database is away
                return events
            await asyncio.sleep(AGAIN_SECONDS)

    RemoteAction.run = run


def _see_to_it(action: RemoteAction, tracker: Any, domain: Any) -> None:
    """If staff should have been told, try on behind the conversation, as it is now."""
    if action.name() in TELL_STAFF:
        call = action._action_call_format(tracker, domain)
        task = asyncio.ensure_future(_tell_staff_later(action, call))
        _later.add(task)
        task.add_done_callback(_later.discard)


def _is_away(error: Exception) -> bool:
    """Whether the call did not get through; hanging is another thing and has had its time."""
    reason = error.__context__ if isinstance(error, RasaException) else None
    away = isinstance(reason, aiohttp.ClientConnectionError)
    return away and not isinstance(reason, asyncio.TimeoutError)


async def _tell_staff_later(action: RemoteAction, call: Dict[Text, Any]) -> None:
    """Make the same call until it gets through; what it would say to the person is left out."""
    deadline = time.monotonic() + LATER_SECONDS
    while time.monotonic() < deadline:
        await asyncio.sleep(LATER_AGAIN_SECONDS)
        try:
            result = await action.action_endpoint.request(
                json=call, method="post", timeout=rasa_action.DEFAULT_REQUEST_TIMEOUT
            )
        except Exception as error:
            logger.warning("Staff are not told yet: %s", type(error).__name__)
            continue
        if result and result.get("events"):  # an action of ours that failed leaves none
            logger.info("Staff are told now; they could not be reached before.")
            return
    logger.error("Staff were not told: the action server or its database stayed away.")
