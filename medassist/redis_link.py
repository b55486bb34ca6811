"""The way to Redis. It may be away at any time: then nobody waits for it, and the log says so once.

Redis is never the only place of anything. Whoever asks goes on with what this process knows.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis import asyncio as redis
from redis.exceptions import ConnectionError, RedisError, TimeoutError

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 3.0
"""How long Redis may take. A busy event loop of ours looks like a slow Redis, so not too little."""

AWAY_SECONDS = 5.0
"""After a failure Redis is left alone for this long."""

FAILURES = (RedisError, OSError, asyncio.TimeoutError)


class RedisLink:
    """A client, and whether Redis can be reached. For one event loop."""

    def __init__(self, url: str) -> None:
        self.client = redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            # A connection that was closed meanwhile is made anew, once: all we ask may be repeated.
            retry_on_error=[ConnectionError, TimeoutError],
        )
        self.is_away = False
        self._away_until = 0.0
        self._scripts: dict[str, Any] = {}

    async def ask(self, question: Callable[[Any], Awaitable[Any]]) -> Any:
        """What `question` gets from the client; None when Redis cannot be reached."""
        if time.monotonic() < self._away_until:
            return None
        try:
            answer = await question(self.client)
        except FAILURES as error:
            self.failed(error)
            return None
        self.answered()
        return answer

    async def run(self, script: str, keys: Sequence[str], *arguments: str | int | float) -> Any:
        """What a Lua script returns, all of it in one step; None when Redis cannot be reached."""
        if script not in self._scripts:
            self._scripts[script] = self.client.register_script(script)
        return await self.ask(lambda _client: self._scripts[script](keys=keys, args=arguments))

    def failed(self, error: BaseException) -> None:
        """Redis did not answer: leave it alone for a while."""
        self._away_until = time.monotonic() + AWAY_SECONDS
        if not self.is_away:
            self.is_away = True
            logger.error(
                "Redis cannot be reached (%s). This process goes on by itself.",
                type(error).__name__,
            )

    def answered(self) -> None:
        """Redis is there."""
        if self.is_away:
            self.is_away = False
            logger.warning("Redis is back.")

    async def close(self) -> None:
        """Close all connections."""
        await self.client.close()
        await self.client.connection_pool.disconnect()


def link_to(url: str | None) -> RedisLink | None:
    """A link, if there is an address."""
    return RedisLink(url) if url else None
