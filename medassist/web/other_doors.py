"""What several front doors have in common, by Redis: what is said, limits, what was handed over.

Without Redis, or while it is away, each front door knows what it knows itself. What was missed
meanwhile is no loss: the pages are asked to come back, and read the conversation from its record.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from medassist.redis_link import FAILURES, RedisLink, link_to
from medassist.turns import Place, Turns
from medassist.web.hub import Event

HEARTBEAT_SECONDS = 5.0
SILENT_SECONDS = 15.0
"""Who hears nothing for this long, not even itself, is cut off."""

MOST_UNTOLD = 10_000
"""Events that wait to be told to the others."""

HANDED_OVER_SECONDS = 600
"""How long a message is known to have been handed to Rasa."""

_COUNT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local most, period = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - period)
if redis.call('ZSCORE', KEYS[1], ARGV[3]) then return 0 end
if redis.call('ZCARD', KEYS[1]) >= most then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
  return math.max(1, math.ceil(oldest + period - now))
end
redis.call('ZADD', KEYS[1], now, ARGV[3])
redis.call('EXPIRE', KEYS[1], math.ceil(period))
return 0
"""

Hear = Callable[[str, Event], None]


class OtherDoors:
    """The way to the front doors beside this one. They know each other by the secret."""

    def __init__(self, redis_url: str | None, secret: str | None) -> None:
        self._link = link_to(redis_url)
        self._turns = Turns(self._link, "hand-over")
        self._name = uuid.uuid4().hex
        installation = hashlib.sha256(f"doors of {secret}".encode()).hexdigest()[:16]
        self._channel = f"medassist:doors:{installation}"
        self._untold: asyncio.Queue[str] = asyncio.Queue(MOST_UNTOLD)
        self._something_lost = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, hear: Hear, catch_up: Callable[[], None]) -> None:
        """Tell and listen from now on.

        `hear` gets the conversation and the event; `catch_up` is called when events were missed.
        """
        if self._link:
            loop = asyncio.get_running_loop()
            self._tasks = [
                loop.create_task(self._tell(self._link)),
                loop.create_task(self._listen(self._link, hear, catch_up)),
            ]

    async def close(self) -> None:
        """Tell what is still untold, for a moment, and close the connections."""
        deadline = time.monotonic() + 1
        while self._tasks and not self._untold.empty() and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._turns.close()
        if self._link:
            await self._link.close()

    @property
    def unheard(self) -> bool:
        """Whether there are others and they cannot be heard: a reply may have come to them."""
        return bool(self._link and self._link.is_away)

    def tell(self, sender: str, event: Event) -> None:
        """Let the others show an event of a conversation."""
        if self._link:
            self._put({"to": sender, "kind": event.kind, "message": event.message})

    async def draw(self, sender: str) -> Place:
        """A place in line for handing over a message; in order over all front doors."""
        return await self._turns.draw(sender)

    @property
    def turns(self) -> Turns:
        """Whose turn it is to hand over a message of a conversation."""
        return self._turns

    async def count(self, what: str, who: str, one: str, most: int, period: float) -> int:
        """Count `one` more thing of somebody; 0 if it may be, else whole seconds until it may.

        The same `one` counts once. 0 too when the others cannot be asked.
        """
        if not self._link:
            return 0
        key = f"medassist:count:{what}:{hashlib.sha256(who.encode()).hexdigest()[:32]}"
        return int(await self._link.run(_COUNT, [key], most, period, one) or 0)

    async def is_handed_over(self, sender: str, message_id: str) -> bool:
        """Whether another front door has handed this message to Rasa already."""
        if not self._link:
            return False
        key = self._handed_over(sender, message_id)
        return bool(await self._link.ask(lambda client: client.exists(key)))

    async def note_handed_over(self, sender: str, message_id: str) -> None:
        """Rasa has this message."""
        if self._link:
            key = self._handed_over(sender, message_id)
            await self._link.ask(lambda client: client.set(key, 1, ex=HANDED_OVER_SECONDS))

    @staticmethod
    def _handed_over(sender: str, message_id: str) -> str:
        return f"medassist:handed-over:{sender}:{message_id}"

    def _put(self, content: dict[str, Any]) -> None:
        try:
            self._untold.put_nowait(json.dumps({"from": self._name, **content}))
        except asyncio.QueueFull:
            self._something_lost = True

    async def _tell(self, link: RedisLink) -> None:
        """Publish event after event, and now and then that we live."""
        while True:
            try:
                content = await asyncio.wait_for(self._untold.get(), HEARTBEAT_SECONDS)
            except asyncio.TimeoutError:
                content = json.dumps({"from": self._name})
            if self._something_lost:
                lost = json.dumps({"from": self._name, "lost": True})
                self._something_lost = await self._publish(link, lost) is None
            if await self._publish(link, content) is None:
                self._something_lost = True

    async def _publish(self, link: RedisLink, content: str) -> Any:
        return await link.ask(lambda client: client.publish(self._channel, content))

    async def _listen(self, link: RedisLink, hear: Hear, catch_up: Callable[[], None]) -> None:
        """Hear the others, however often the connection is lost."""
        heard_before = False
        while True:
            ears = link.client.pubsub()
            try:
                await ears.subscribe(self._channel)
                while True:
                    heard = await ears.get_message(timeout=SILENT_SECONDS)
                    if heard is None:
                        raise asyncio.TimeoutError
                    if heard["type"] == "message":
                        self._take(json.loads(heard["data"]), hear, catch_up)
                    elif heard_before:  # it is a new connection, by whomever it was made
                        catch_up()
                    heard_before = True
            except FAILURES as error:
                link.failed(error)
                await asyncio.sleep(1)
            finally:
                with suppress(*FAILURES):
                    await ears.close()

    def _take(self, content: dict[str, Any], hear: Hear, catch_up: Callable[[], None]) -> None:
        if content["from"] == self._name:
            return
        if content.get("lost"):
            catch_up()
        elif "to" in content:
            hear(content["to"], Event(content["kind"], content["message"]))
