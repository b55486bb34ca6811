"""Rasa's lock store: one turn of a conversation at a time, in order, over all Rasa servers.

Rasa's own Redis lock store is not atomic: with two servers, a burst of messages loses turns.
Its lock in memory looks once a second. What ours does is in `medassist/turns.py`.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import AsyncGenerator, Optional, Text

from rasa.core.lock import TicketLock
from rasa.core.lock_store import LockStore
from rasa.utils.endpoints import EndpointConfig

from medassist.redis_link import link_to
from medassist.settings import load_settings
from medassist.turns import Place, Turns

_brought: ContextVar[Optional[Place]] = ContextVar("place_in_line", default=None)


class TurnLocks(LockStore):
    """Locks by `Turns`; over Redis if our settings name one."""

    def __init__(self, endpoint_config: Optional[EndpointConfig] = None) -> None:
        self._link = link_to(load_settings().scaling.redis_url)
        self._turns = Turns(self._link, "answer")

    async def draw(self, conversation_id: Text) -> Place:
        """A place in line, for a connector that must know the order before it says "accepted"."""
        return await self._turns.draw(conversation_id)

    def bring(self, place: Place) -> None:
        """Use this place for the next lock of the running task."""
        _brought.set(place)

    @asynccontextmanager
    async def lock(
        self,
        conversation_id: Text,
        lock_lifetime: float = 0,
        wait_time_in_seconds: float = 0,
    ) -> AsyncGenerator[TicketLock, None]:
        """Wait for this conversation's turn. Rasa's two times have no meaning here."""
        place = _brought.get()
        if place is None or place.used or place.name != conversation_id:
            place = await self._turns.draw(conversation_id)
        async with self._turns.turn(place):
            yield TicketLock(conversation_id)

    async def close(self) -> None:
        """Close the connections to Redis."""
        await self._turns.close()
        if self._link:
            await self._link.close()
