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
from medassist.web.rasa_server import MaybeTakenError, RasaServer, UnreachableError
from medassist.web.words import Words

logger = logging.getLogger(__name__)

MOST_TRIES = 3
"""How often a message is handed over whose turn Rasa never finished."""


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

    @property
    def is_full(self) -> bool:
        """Whether as many messages are under way as can be answered in reasonable time."""
        return len(self._tasks) >= self._pace.most_under_way

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
        slow = asyncio.create_task(self._own_up_when_slow(conversation, said))
        try:
            outcome = await self._outcome(conversation, said, place)
        except Exception as error:  # the log must not hold what a person wrote
            logger.error("A message was not delivered: %s", type(error).__name__)
        finally:
            slow.cancel()
            self._not_handed_over.discard(said.id)
        conversation.close(said.id, sendable_again=outcome == "unreachable")
        if outcome != "answered":
            why = said.words.unreachable if outcome == "unreachable" else said.words.failed
            conversation.publish(Event("reply", own_reply(why, outcome, said.id)))

    async def _own_up_when_slow(self, conversation: Conversation, said: Outgoing) -> None:
        """Whatever it is that the message waits for, the person hears in time that it does."""
        if not await conversation.is_answered(said.id, self._pace.slow):
            conversation.publish(Event("reply", own_reply(said.words.slow, "slow", said.id)))

    async def _outcome(self, conversation: Conversation, said: Outgoing, place: Place) -> str:
        """See one message through: "answered", "unreachable" or "failed".

        A first reply is not enough. The turn has to end, or what follows is lost with it: that
        staff are told of an emergency, and the record of all of it. When Rasa ends in the middle
        of a turn the message is in no tracker afterwards, so it is handed over once more; what
        the person has seen of it already is not shown again.
        """
        for number in range(MOST_TRIES):
            if number:
                place = await self._doors.draw(said.sender)
            over = False
            try:
                turn = await self._hand_over_in_turn(place, conversation, said, again=number > 0)
                self._not_handed_over.discard(said.id)
                if turn is not None:
                    await turn  # raises MaybeTakenError when Rasa ends before its turn does
                    over = True
            except MaybeTakenError:
                self._not_handed_over.discard(said.id)
            except UnreachableError:
                if not conversation.has_reply_to(said.id):
                    return "unreachable"
                break
            else:
                if turn is None:  # another front door sees it through
                    found = await self._wait(conversation, said, self._pace.lost)
                    if found:
                        return found
                    continue
            if over and conversation.has_reply_to(said.id):
                return "answered"
            found = await self._look_up(conversation, said.sender, said.id)
            if found:
                return found
            if over and await conversation.is_answered(said.id, self._pace.lost - self._pace.slow):
                return "answered"
        if conversation.has_reply_to(said.id):
            logger.error("A turn was answered in part, and never ended")
            return "answered"
        return "failed"

    async def _hand_over_in_turn(
        self, place: Place, conversation: Conversation, said: Outgoing, again: bool
    ) -> asyncio.Task[None] | None:
        """Hand a message over when it is its turn; its turn at Rasa, which has confirmed it.

        None if another front door has done it. Raises UnreachableError, MaybeTakenError.
        """
        async with self._doors.turns.turn(place):
            if not again and await self._doors.is_handed_over(said.sender, said.id):
                return None
            turn = await self._hand_over(conversation, said)
            await self._doors.note_handed_over(said.sender, said.id)
            return turn

    async def _hand_over(self, conversation: Conversation, said: Outgoing) -> asyncio.Task[None]:
        """Try until Rasa confirms the message or the time is up.

        Of a message that was answered in part there is more to lose, so that is tried for longer.
        Raises UnreachableError, and MaybeTakenError when nobody can tell.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            taken = asyncio.Event()
            turn = asyncio.create_task(
                self._rasa.take(
                    said.sender, said.id, said.text, said.words.clinic, taken, self._pace.lost
                )
            )
            confirmed = asyncio.create_task(taken.wait())
            try:
                await asyncio.wait({turn, confirmed}, return_when=asyncio.FIRST_COMPLETED)
                if taken.is_set():
                    return turn
                await turn
            except MaybeTakenError:
                raise
            except UnreachableError as reason:
                partly = conversation.has_reply_to(said.id)
                patience = self._pace.finish if partly else self._pace.give_up_reaching
                if loop.time() + self._pace.try_again >= began + patience:
                    logger.warning("Rasa did not take a message: %s", reason)
                    raise
                await asyncio.sleep(self._pace.try_again)
            except asyncio.CancelledError:
                turn.cancel()
                raise
            finally:
                confirmed.cancel()

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
