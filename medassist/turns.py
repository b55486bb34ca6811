"""Each conversation's turns: one at a time, in order of arrival, whichever process takes them.

With Redis the order holds over all processes of all machines; without it, or while it cannot be
reached, in this process. A turn is never refused: a person in danger must not wait for a lock.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from medassist.redis_link import RedisLink

LEASE_SECONDS = 10.0
"""Whoever holds or waits for a turn and gives no sign of life for this long is passed over."""

LONGEST_SECONDS = 120.0
"""A turn that takes longer is no longer kept: others go on, whatever has become of it."""

CHECK_SECONDS = 0.05
"""How often the next in line looks; those behind it look less often."""

LONGEST_CHECK = 0.5

_START = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local line, leases, ticket, lease = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
local function first()
  while true do
    local head = redis.call('LINDEX', line, 0)
    if not head then return '' end
    local ends = redis.call('HGET', leases, head)
    if ends and tonumber(ends) > now then return head end
    redis.call('LPOP', line)
    redis.call('HDEL', leases, head)
  end
end
local function keep()
  redis.call('HSET', leases, ticket, now + lease)
  redis.call('PEXPIRE', line, 2 * lease)
  redis.call('PEXPIRE', leases, 2 * lease)
  if first() == ticket then return 0 end
  return redis.call('LPOS', line, ticket)
end
"""
_DRAW = """
if redis.call('HEXISTS', leases, ticket) == 0 then redis.call('RPUSH', line, ticket) end
return keep()
"""
_KEEP = """
if redis.call('HEXISTS', leases, ticket) == 0 then return -1 end
return keep()
"""
_LEAVE = """
redis.call('LREM', line, 1, ticket)
redis.call('HDEL', leases, ticket)
return first()
"""


@dataclass(eq=False)
class Place:
    """A place in one conversation's line. Without a `ticket` it is in this process's line only."""

    name: str
    ticket: str | None = None
    ahead: int = 0
    """How many were before it when Redis was last asked."""
    since: float | None = None
    """When its turn began, in seconds of `time.monotonic`."""
    used: bool = False
    called: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False)
class _Line:
    """One conversation, in this process: who came, in order, and whose turn it is."""

    places: list[Place] = field(default_factory=list)
    running: Place | None = None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


class Turns:
    """The lines of one kind of turn, such as "answer". One event loop only.

    Without a link it orders this process alone. `lease` and `longest` are in seconds, as the
    constants above.
    """

    def __init__(
        self,
        link: RedisLink | None,
        kind: str,
        lease: float = LEASE_SECONDS,
        longest: float = LONGEST_SECONDS,
    ) -> None:
        self._link = link
        self._kind, self._lease, self._longest = kind, lease, longest
        self._lines: dict[str, _Line] = {}
        self._places: dict[str, Place] = {}
        self._drawing = asyncio.Lock()
        self._process = uuid.uuid4().hex
        self._drawn = 0
        self._keeper: asyncio.Task[None] | None = None

    async def draw(self, name: str) -> Place:
        """A place in this conversation's line; who draws first has the first turn.

        To be used within a few seconds: one that is not used is passed over.
        """
        place = Place(name)
        if self._link:
            async with self._drawing:  # who asks first is first in Redis
                await self._draw_ticket(place)
        return place

    @asynccontextmanager
    async def turn(self, place: Place) -> AsyncIterator[None]:
        """Wait until it is this place's turn; it ends with the block."""
        place.used = True
        line = self._lines.setdefault(place.name, _Line())
        line.places.append(place)
        if place.ticket:
            self._places[place.ticket] = place
        try:
            await self._wait_in_redis(place)
            async with line.changed:
                await line.changed.wait_for(
                    lambda: not line.running and (place.ticket or line.places[0] is place)
                )
                line.running = place
            place.since = time.monotonic()
            yield
        finally:
            await asyncio.shield(self._leave(place, line))

    async def close(self) -> None:
        """Keep no more leases. Places that are still used lose their tickets after a while."""
        if self._keeper:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper

    async def _wait_in_redis(self, place: Place) -> None:
        """Return when it is the turn of the place's ticket, or Redis cannot tell."""
        while place.ticket and place.ahead:
            with suppress(asyncio.TimeoutError):
                pause = min(CHECK_SECONDS * place.ahead, LONGEST_CHECK)
                await asyncio.wait_for(place.called.wait(), pause)
            place.called.clear()
            ahead = await self._ask(_KEEP, place)
            if ahead is None:
                self._forget_ticket(place)
            elif ahead < 0:  # we were silent for too long, or Redis has lost its memory
                self._forget_ticket(place)
                await self._draw_ticket(place)
                if place.ticket:
                    self._places[place.ticket] = place
            else:
                place.ahead = ahead

    async def _draw_ticket(self, place: Place) -> None:
        self._drawn += 1
        place.ticket = f"{self._process}:{self._drawn}"
        ahead = await self._ask(_DRAW, place)
        if ahead is None:
            place.ticket = None
            return
        place.ahead = ahead
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep_leases())

    async def _leave(self, place: Place, line: _Line) -> None:
        async with line.changed:
            line.places.remove(place)
            if line.running is place:
                line.running = None
            if line.places:
                line.changed.notify_all()
            elif self._lines.get(place.name) is line:
                del self._lines[place.name]
        if place.ticket:
            after = await self._ask(_LEAVE, place)
            self._forget_ticket(place)
            if after in self._places:  # it waits here, so it need not look for itself
                self._places[after].called.set()

    def _forget_ticket(self, place: Place) -> None:
        if place.ticket:
            self._places.pop(place.ticket, None)
            place.ticket = None

    async def _keep_leases(self) -> None:
        """Give a sign of life for every place in use."""
        while True:
            await asyncio.sleep(self._lease / 3)
            oldest = time.monotonic() - self._longest
            for place in list(self._places.values()):
                if place.ticket and (place.since is None or place.since > oldest):
                    await self._ask(_KEEP, place)

    async def _ask(self, script: str, place: Place) -> Any:
        """What a script says about a place; None when Redis cannot be reached."""
        assert self._link
        keys = [f"medassist:{self._kind}:{{{place.name}}}:{part}" for part in ("line", "leases")]
        return await self._link.run(
            _START + script, keys, str(place.ticket), round(self._lease * 1000)
        )
