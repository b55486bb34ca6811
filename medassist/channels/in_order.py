"""Works on a queue: each conversation's rows one after the other, several conversations at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol

from medassist.channels.queues import CLAIM_SECONDS, Waiting
from medassist.logging_setup import belongs_to

logger = logging.getLogger(__name__)

FINISH_SECONDS = 4.0
"""How long a turn or a call of a provider may still take when the server is told to stop."""

AT_ONCE = 8
"""Conversations that one process works on at the same time."""


class Queue(Protocol):
    """What both queues can do."""

    def heads(self, limit: int) -> list[Waiting]:
        """The rows that may be worked on now."""

    def claim(self, row: Waiting) -> bool:
        """Take one."""

    def prolong(self, ids: Sequence[int]) -> None:
        """Keep what is taken."""

    def release(self, row: Waiting) -> None:
        """Give one back."""


class InOrder:
    """Runs until it is cancelled; what is under way then is given back for another process.

    `ring` wakes it for a new row; rows of other processes are found within `poll` seconds.
    """

    def __init__(
        self,
        queue: Queue,
        handle: Callable[[Waiting], Awaitable[None]],
        database: ThreadPoolExecutor,
        is_ready: Callable[[], bool] = lambda: True,
        poll: float = 1.0,
    ) -> None:
        self._queue, self._handle, self._database = queue, handle, database
        self._is_ready, self._poll = is_ready, poll
        self._running: dict[int, asyncio.Task[None]] = {}
        self._bell = asyncio.Event()

    def ring(self) -> None:
        """There is something new."""
        self._bell.set()

    async def run(self) -> None:
        """Work on what comes."""
        loop = asyncio.get_running_loop()
        prolonged = loop.time()
        while True:
            self._bell.clear()
            try:
                if self._is_ready():
                    await self._start_what_is_due()
                if self._running and loop.time() - prolonged > CLAIM_SECONDS / 3:
                    await self._in_thread(self._queue.prolong, list(self._running))
                    prolonged = loop.time()
            except Exception as error:  # the database is away: try again
                logger.error("A queue of messages cannot be read: %s", type(error).__name__)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._bell.wait(), self._poll)

    async def close(self) -> None:
        """Let what is under way come to its end for a while, then stop it."""
        under_way = list(self._running.values())
        if not under_way:
            return
        _, unfinished = await asyncio.wait(under_way, timeout=FINISH_SECONDS)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def _start_what_is_due(self) -> None:
        free = AT_ONCE - len(self._running)
        if free <= 0:
            return
        for row in await self._in_thread(self._queue.heads, free):
            if row.id not in self._running and await self._in_thread(self._queue.claim, row):
                self._running[row.id] = asyncio.create_task(self._work_on(row))

    async def _work_on(self, row: Waiting) -> None:
        belongs_to(row.conversation)
        try:
            await self._handle(row)
        except asyncio.CancelledError:
            self._queue.release(row)
            raise
        except Exception as error:  # its claim runs out, and it is tried again
            logger.error("A message could not be dealt with: %s", type(error).__name__)
        finally:
            self._running.pop(row.id, None)
            self._bell.set()

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._database, function, *arguments)
