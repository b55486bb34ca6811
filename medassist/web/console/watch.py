"""Tells open pages of the console that something has changed: one poller a process, many pages.

A page hears only that it must look again; what there is to see it fetches, with its own rights.
The poller looks at two numbers that are cheap to read: the newest change of any case, and the
newest event that Rasa has stored of the conversations that somebody looks at.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from sqlalchemy import column, func, select, table
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from medassist.cases.events import newest_change
from medassist.storage.database import open_database
from medassist.web.console.shell import Console

logger = logging.getLogger(__name__)

EVERY_SECONDS = 0.5
HEARTBEAT_SECONDS = 15.0
LONGEST_STREAM_SECONDS = 300.0
"""Then the browser comes back by itself, and its sign-in is looked at again."""
MOST_LISTENERS = 500

RASA_EVENTS = table("events", column("id"), column("sender_id"))
"""The part of Rasa's own table that we read."""


def newest_events(engine: Engine, conversations: Iterable[str]) -> dict[str, int]:
    """The number of the newest event that Rasa has stored of each of these conversations."""
    wanted = sorted(set(conversations))
    if not wanted:
        return {}
    query = (
        select(RASA_EVENTS.c.sender_id, func.max(RASA_EVENTS.c.id))
        .where(RASA_EVENTS.c.sender_id.in_(wanted))
        .group_by(RASA_EVENTS.c.sender_id)
    )
    with engine.connect() as connection:
        return {sender: int(newest) for sender, newest in connection.execute(query)}


@dataclass(eq=False)
class Listener:
    """One open page. `conversation` is the one it shows, besides the cases."""

    conversation: str | None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False


class Watch:
    """The poller. It runs only while somebody listens."""

    def __init__(self, engine: Engine, conversations: Engine, every: float = EVERY_SECONDS) -> None:
        self._engine = engine
        self._conversations = conversations
        self._every = every
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None

    async def news(self, conversation: str | None = None) -> AsyncIterator[bool]:
        """True whenever there is something to look at (at once, too), False as a sign of life."""
        if len(self._listeners) >= MOST_LISTENERS:
            raise HTTPException(503, "The console is open in too many places.")
        listener = Listener(conversation)
        self._listeners.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll())
        until = time.monotonic() + LONGEST_STREAM_SECONDS
        try:
            yield True
            while not listener.ended and time.monotonic() < until:
                try:
                    await asyncio.wait_for(listener.news.wait(), HEARTBEAT_SECONDS)
                except asyncio.TimeoutError:
                    yield False
                    continue
                listener.news.clear()
                if not listener.ended:
                    yield True
        finally:
            self._listeners.discard(listener)

    def close(self) -> None:
        """Let every page go."""
        for listener in self._listeners:
            listener.ended = True
            listener.news.set()

    async def _poll(self) -> None:
        seen: int | None = None
        said: Mapping[str, int] | None = None
        while self._listeners:
            change = await run_in_threadpool(self._newest_change)
            shown = {one.conversation for one in self._listeners if one.conversation}
            newest = await run_in_threadpool(self._newest_events, shown) if shown else {}
            for listener in list(self._listeners):
                about = listener.conversation or ""
                heard = said is not None and about in said and newest.get(about) != said[about]
                if heard or (about in newest and said is not None and about not in said):
                    listener.news.set()
                if change is not None and change != seen:
                    listener.news.set()
            seen = change if change is not None else seen
            said = newest if newest is not None else said
            await asyncio.sleep(self._every)

    def _newest_change(self) -> int | None:
        try:
            return newest_change(self._engine)
        except SQLAlchemyError as error:
            logger.warning("The cases cannot be looked at: %s", type(error).__name__)
            return None

    def _newest_events(self, conversations: set[str]) -> dict[str, int]:
        with suppress(SQLAlchemyError):  # Rasa makes its table at its first message
            return newest_events(self._conversations, conversations)
        return {}


_WATCHES: WeakKeyDictionary[Console, Watch] = WeakKeyDictionary()


def watch_of(console: Console) -> Watch:
    """The one watch of this console, made at first use."""
    watch = _WATCHES.get(console)
    if watch is None:
        conversations = open_database(console.settings.tracker_database_url)
        watch = _WATCHES[console] = Watch(console.engine, conversations)
        console.closers.append(watch.close)
    return watch


def stream(watch: Watch, conversation: str | None = None) -> Response:
    """The news as server-sent events, with no word of any patient in them."""

    async def events() -> AsyncIterator[str]:
        yield "retry: 1000\n\n"
        async for new in watch.news(conversation):
            yield "event: change\ndata: look\n\n" if new else ": still here\n\n"

    return StreamingResponse(
        events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )
