"""Who is listening to which conversation, and what was said in it in the last minutes.

All of it is in this process and may be lost at any time: the conversation itself is Rasa's.
What is said here is told to the other front doors, if there are any.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from medassist.web.history import Message, answered_message, with_recent

MOST_CONVERSATIONS = 10_000
IDLE_SECONDS = 600.0
"""A conversation nobody uses or listens to is dropped after this time."""
RECENT_SECONDS = 120.0
MOST_RECENT = 60
MOST_LISTENERS = 12
"""Tabs and devices that listen to one conversation."""
MOST_WAITING = 200
"""Events a listener may be behind; one that is further behind has to come back."""
MESSAGES_A_MINUTE = 20
THUMBS_A_MINUTE = 30

Kind = Literal["message", "reply"]


class TooManyError(Exception):
    """There is no room for another conversation."""


class TooFastError(Exception):
    """This conversation has sent its share; `seconds` (whole) until the next message may come."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True)
class Event:
    """One thing for the page to show: what a person typed, or a reply."""

    kind: Kind
    message: Message


@dataclass(eq=False)
class Listener:
    """One open stream."""

    waiting: asyncio.Queue[Event | None] = field(
        default_factory=lambda: asyncio.Queue(MOST_WAITING + 1)
    )
    ended: bool = False

    def offer(self, event: Event) -> None:
        """Hand over an event; a listener that is too far behind is let go."""
        if self.waiting.qsize() >= MOST_WAITING:
            self.end()
        else:
            self.waiting.put_nowait(event)

    def end(self) -> None:
        """No more events; the page comes back and reads the history."""
        if not self.ended:
            self.ended = True
            self.waiting.put_nowait(None)

    async def events(self, heartbeat: float) -> AsyncIterator[Event | None]:
        """Each event as it comes; None after `heartbeat` seconds without one."""
        while not self.ended:
            try:
                event = await asyncio.wait_for(self.waiting.get(), heartbeat)
            except asyncio.TimeoutError:
                event = None
            if not self.ended:
                yield event


@dataclass(eq=False)
class Conversation:
    """What the front door knows of one conversation. `clock` counts seconds."""

    clock: Callable[[], float]
    used: float
    sender: str
    tell: Callable[[Event], None]
    """Called with each event that is shown here for the first time."""
    admitted: bool = False
    """Whether it was counted as a new conversation of its address."""
    _listeners: set[Listener] = field(default_factory=set)
    _recent: deque[tuple[float, Event]] = field(default_factory=lambda: deque(maxlen=MOST_RECENT))
    _said: deque[str] = field(default_factory=lambda: deque(maxlen=10 * MOST_RECENT))
    _accepted: deque[str] = field(default_factory=lambda: deque(maxlen=10 * MOST_RECENT))
    _sent: deque[float] = field(default_factory=deque)
    _thumbs: deque[float] = field(default_factory=deque)
    _unanswered: dict[str, asyncio.Event] = field(default_factory=dict)

    def accept(self, message: Message) -> bool:
        """Take a person's message; False if it is already being seen to.

        Raises TooFastError when there were too many in the last minute.
        """
        identity = message["id"]
        if identity in self._accepted:
            return False
        self._count(self._sent, MESSAGES_A_MINUTE)
        self._accepted.append(identity)
        self._unanswered[identity] = asyncio.Event()
        self._retract_words_about(identity)
        self.publish(Event("message", message))
        return True

    def count_thumb(self) -> None:
        """Raises TooFastError when there were too many thumbs in the last minute."""
        self._count(self._thumbs, THUMBS_A_MINUTE)

    def _count(self, done: deque[float], most: int) -> None:
        now = self.clock()
        while done and done[0] <= now - 60:
            done.popleft()
        if len(done) >= most:
            raise TooFastError(max(1, math.ceil(done[0] + 60 - now)))
        done.append(now)

    def publish(self, event: Event) -> bool:
        """Show an event to every listener, here and elsewhere; False if it was shown before."""
        new = self._show(event)
        if new:
            self.tell(event)
        return new

    def hear(self, event: Event) -> None:
        """Show an event that another front door tells."""
        custom = event.message["custom"]
        if custom.get("erased"):
            self.forget()
        if custom.get("front_door") == "failed":
            self.close(custom["message"])
        if event.kind == "message":
            self._retract_words_about(event.message["id"])
        self._show(event)

    def _show(self, event: Event) -> bool:
        identity = event.message["id"]
        self.used = self.clock()
        if identity in self._said:
            return False
        self._said.append(identity)
        if event.kind == "reply":
            answered = answered_message(identity)
            self._retract_words_about(answered)
            if answered in self._unanswered:
                self._unanswered[answered].set()
        self._recent.append((self.used, event))
        for listener in self._listeners:
            listener.offer(event)
        return True

    def has_reply_to(self, message_id: str) -> bool:
        """Whether a first reply to a message has come."""
        answered = self._unanswered.get(message_id)
        return answered is None or answered.is_set()

    async def is_answered(self, message_id: str, within: float) -> bool:
        """Wait up to `within` seconds for a first reply to a message."""
        answered = self._unanswered.get(message_id)
        if answered is None:
            return True
        try:
            await asyncio.wait_for(answered.wait(), within)
        except asyncio.TimeoutError:
            return False
        return True

    def close(self, message_id: str, sendable_again: bool = False) -> None:
        """Nothing more is awaited for this message; it may be sent again if it never arrived."""
        waited_for = self._unanswered.pop(message_id, None)
        if waited_for:
            waited_for.set()
        if sendable_again and message_id in self._accepted:
            self._accepted.remove(message_id)

    def recent(self) -> list[Event]:
        """What was said in the last minutes, in order."""
        horizon = self.clock() - RECENT_SECONDS
        while self._recent and self._recent[0][0] < horizon:
            self._recent.popleft()
        return [event for _, event in self._recent]

    def completed(self, stored: list[Message]) -> list[Message]:
        """The stored messages and those of the last minutes that are not stored (yet)."""
        return with_recent(stored, (event.message for event in self.recent()))

    def forget(self) -> None:
        """Drop every word of this conversation."""
        self._recent.clear()

    def end_streams(self) -> None:
        """Let every listener go."""
        for listener in self._listeners:
            listener.end()

    @contextmanager
    def listener(self) -> Iterator[Listener]:
        """A listener that first hears what was said in the last minutes."""
        listener = Listener()
        for event in self.recent():
            listener.offer(event)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            self.used = self.clock()

    @property
    def full(self) -> bool:
        """Whether there is no room for another listener."""
        return len(self._listeners) >= MOST_LISTENERS

    @property
    def busy(self) -> bool:
        """Whether somebody listens, or a message is on its way."""
        return bool(self._listeners or self._unanswered)

    def _retract_words_about(self, message_id: str) -> None:
        """What we said while a message waited need not be said to those who come later."""
        kept = [
            (at, event)
            for at, event in self._recent
            if event.kind != "reply" or event.message["custom"].get("message") != message_id
        ]
        self._recent.clear()
        self._recent.extend(kept)


class Hub:
    """The conversations in use. Bounded; those out of use are dropped.

    `tell` gets each new event with its conversation, for the other front doors.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str, Event], None] = lambda _sender, _event: None,
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._conversations: dict[str, Conversation] = {}
        self._swept = clock()

    def __len__(self) -> int:
        return len(self._conversations)

    def conversation(self, sender: str) -> Conversation:
        """The conversation of this sender id. Raises TooManyError when there is no room."""
        now = self._clock()
        found = self._conversations.get(sender)
        if found is None:
            if now - self._swept > 30 or len(self) >= MOST_CONVERSATIONS:
                self._sweep(now)
            found = self._conversations[sender] = Conversation(
                self._clock, now, sender, partial(self._tell, sender)
            )
        found.used = now
        return found

    def hear(self, sender: str, event: Event) -> None:
        """Show what another front door tells. Where there is little room, the record has it."""
        if sender not in self._conversations and len(self) >= MOST_CONVERSATIONS // 2:
            return  # the rest is for those who use this front door
        with suppress(TooManyError):
            self.conversation(sender).hear(event)

    def has_admitted(self, sender: str) -> bool:
        """Whether this conversation is here and was counted as one of its address."""
        found = self._conversations.get(sender)
        return found is not None and found.admitted

    def close(self) -> None:
        """End every stream."""
        for conversation in self._conversations.values():
            conversation.end_streams()

    def _sweep(self, now: float) -> None:
        self._swept = now
        idle = sorted((c.used, sender) for sender, c in self._conversations.items() if not c.busy)
        for used, sender in idle:
            if used < now - IDLE_SECONDS or len(self) >= MOST_CONVERSATIONS:
                del self._conversations[sender]
        if len(self) >= MOST_CONVERSATIONS:
            raise TooManyError
