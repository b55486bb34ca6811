"""Takes a message to Rasa and sees to it that it does not end in silence."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import dataclass

from medassist.logging_setup import belongs_to
from medassist.turns import Place
from medassist.web.history import (
    Message,
    answered_message,
    as_iso,
    is_held_by_staff,
    is_known_to,
    message,
    stored_messages,
)
from medassist.web.hub import Conversation, Event
from medassist.web.other_doors import OtherDoors
from medassist.web.pace import Pace
from medassist.web.rasa_server import RasaServer, UnreachableError
from medassist.web.words import Words

logger = logging.getLogger(__name__)


def own_reply(text: str, reason: str, message_id: str) -> Message:
    """A reply that the front door itself says about a message; nobody stores it."""
    return message(
        f"front-door.{uuid.uuid4().hex}",
        "bot",
        text,
        None,
        {"front_door": reason, "message": message_id},
        as_iso(time.time()),
    )


@dataclass(frozen=True)
class Outgoing:
    """A message for Rasa. `words` are those of the clinic that it is for."""

    sender: str
    id: str
    text: str
    words: Words


class Delivery:
    """Messages on their way, each a task of its own."""

    def __init__(self, rasa: RasaServer, pace: Pace, doors: OtherDoors) -> None:
        self._rasa = rasa
        self._doors = doors
        self._pace = pace
        self._tasks: set[asyncio.Task[None]] = set()
        self._not_handed_over: set[str] = set()

    async def start(self, conversation: Conversation, said: Outgoing) -> None:
        """Deliver a message in the background; all that comes of it is published.

        Its place in line is taken when this returns: what is sent later, to whichever front
        door, is handed over later.
        """
        self._not_handed_over.add(said.id)
        place = await self._doors.draw(said.sender)
        task = asyncio.create_task(self._deliver(conversation, said, place))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop what is under way, but hand over first what Rasa takes."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._pace.give_up_reaching
        while self._not_handed_over and loop.time() < deadline:
            await asyncio.sleep(0.05)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, conversation: Conversation, said: Outgoing, place: Place) -> None:
        belongs_to(said.sender)
        outcome = "failed"
        try:
            outcome = await self._outcome(conversation, said, place)
        except Exception as error:  # the log must not hold what a person wrote
            logger.error("A message was not delivered: %s", type(error).__name__)
        finally:
            self._not_handed_over.discard(said.id)
        conversation.close(said.id, sendable_again=outcome == "unreachable")
        if outcome != "answered":
            why = said.words.unreachable if outcome == "unreachable" else said.words.failed
            conversation.publish(Event("reply", own_reply(why, outcome, said.id)))

    async def _outcome(self, conversation: Conversation, said: Outgoing, place: Place) -> str:
        """See one message through: "answered", "unreachable" or "failed".

        When Rasa ends in the middle of a turn the message is in no tracker afterwards, so it is
        handed over once more.
        """
        if not await self._hand_over_in_turn(place, said, again=False):
            return "unreachable"
        self._not_handed_over.discard(said.id)
        found = await self._wait(conversation, said, self._pace.slow)
        if not found:
            conversation.publish(Event("reply", own_reply(said.words.slow, "slow", said.id)))
            found = await self._wait(conversation, said, self._pace.lost - self._pace.slow)
        if not found:
            place = await self._doors.draw(said.sender)
            if not await self._hand_over_in_turn(place, said, again=True):
                return "unreachable"
            found = await self._wait(conversation, said, self._pace.lost)
        return found or "failed"

    async def _hand_over_in_turn(self, place: Place, said: Outgoing, again: bool) -> bool:
        """Hand a message over when it is its turn; not if another front door has done it."""
        async with self._doors.turns.turn(place):
            if not again and await self._doors.is_handed_over(said.sender, said.id):
                return True
            if not await self._hand_over(said):
                return False
            await self._doors.note_handed_over(said.sender, said.id)
            return True

    async def _wait(self, conversation: Conversation, said: Outgoing, seconds: float) -> str | None:
        """What has become of a message after at most so many seconds; None if nothing has yet."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            left = deadline - loop.time()
            if await conversation.is_answered(said.id, min(left, self._pace.deaf)):
                return "answered"
            is_over = left <= self._pace.deaf
            if is_over or self._doors.unheard:
                found = await self._look_up(conversation, said.sender, said.id)
                if found or is_over:
                    return found

    async def _hand_over(self, said: Outgoing) -> bool:
        """Try until Rasa takes the message or the time is up."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._pace.give_up_reaching
        while True:
            try:
                await self._rasa.take(said.sender, said.id, said.text, said.words.clinic)
            except UnreachableError as reason:
                if loop.time() + self._pace.try_again >= deadline:
                    logger.warning("Rasa did not take a message: %s", reason)
                    return False
                await asyncio.sleep(self._pace.try_again)
            else:
                return True

    async def _look_up(
        self, conversation: Conversation, sender: str, message_id: str
    ) -> str | None:
        """Fetch the replies of a finished turn that did not reach us; None if it isn't over."""
        try:
            tracker = await self._rasa.tracker(sender)
        except UnreachableError:
            return None
        if not is_known_to(tracker, message_id):
            return None
        replies = [
            m
            for m in stored_messages(tracker)
            if m["who"] == "bot" and answered_message(m["id"]) == message_id
        ]
        for reply in replies:
            conversation.publish(Event("reply", reply))
        return "answered" if replies or is_held_by_staff(tracker) else "failed"
