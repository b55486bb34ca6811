"""Takes a message to Rasa and sees to it that it does not end in silence."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid

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


class Delivery:
    """Messages on their way, each a task of its own."""

    def __init__(self, rasa: RasaServer, words: Words, pace: Pace) -> None:
        self._rasa = rasa
        self._words = words
        self._pace = pace
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_full(self) -> bool:
        """Whether as many messages are under way as can be answered in reasonable time."""
        return len(self._tasks) >= self._pace.most_under_way

    def start(self, conversation: Conversation, sender: str, message_id: str, text: str) -> None:
        """Deliver a message in the background; all that comes of it is published."""
        task = asyncio.create_task(self._deliver(conversation, sender, message_id, text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(
        self, conversation: Conversation, sender: str, message_id: str, text: str
    ) -> None:
        outcome = "failed"
        slow = asyncio.create_task(self._own_up_when_slow(conversation, message_id))
        try:
            outcome = await self._outcome(conversation, sender, message_id, text)
        except Exception as error:  # the log must not hold what a person wrote
            logger.error("A message was not delivered: %s", type(error).__name__)
        finally:
            slow.cancel()
        conversation.close(message_id, sendable_again=outcome == "unreachable")
        if outcome != "answered":
            said = self._words.unreachable if outcome == "unreachable" else self._words.failed
            conversation.publish(Event("reply", own_reply(said, outcome, message_id)))

    async def _own_up_when_slow(self, conversation: Conversation, message_id: str) -> None:
        """Whatever it is that the message waits for, the person hears in time that it does."""
        if not await conversation.is_answered(message_id, self._pace.slow):
            conversation.publish(Event("reply", own_reply(self._words.slow, "slow", message_id)))

    async def _outcome(
        self, conversation: Conversation, sender: str, message_id: str, text: str
    ) -> str:
        """See one message through: "answered", "unreachable" or "failed".

        A first reply is not enough. The turn has to end, or what follows is lost with it: that
        staff are told of an emergency, and the record of all of it. When Rasa ends in the middle
        of a turn the message is in no tracker afterwards, so it is handed over once more; what
        the person has seen of it already is not shown again.
        """
        for _ in range(MOST_TRIES):
            try:
                over = await self._hand_over(conversation, sender, message_id, text)
            except MaybeTakenError:
                over = False
            except UnreachableError:
                if not conversation.has_reply_to(message_id):
                    return "unreachable"
                break
            if over and conversation.has_reply_to(message_id):
                return "answered"
            found = await self._look_up(conversation, sender, message_id)
            if found:
                return found
            if over and await conversation.is_answered(
                message_id, self._pace.lost - self._pace.slow
            ):
                return "answered"
        if conversation.has_reply_to(message_id):
            logger.error("A turn was answered in part, and never ended")
            return "answered"
        return "failed"

    async def _hand_over(
        self, conversation: Conversation, sender: str, message_id: str, text: str
    ) -> bool:
        """Try until Rasa takes the message or the time is up, then wait until its turn is over.

        The next message of the conversation waits until Rasa has this one, so that they arrive
        in order. Of a message that was answered in part there is more to lose, so that is tried
        for longer. Raises UnreachableError, and MaybeTakenError when Rasa ended meanwhile.
        """
        loop = asyncio.get_running_loop()
        async with conversation.handing_over:
            began = loop.time()
            while True:
                taken = asyncio.Event()
                turn = asyncio.create_task(
                    self._rasa.take(sender, message_id, text, taken, self._pace.lost)
                )
                confirmed = asyncio.create_task(taken.wait())
                try:
                    await asyncio.wait({turn, confirmed}, return_when=asyncio.FIRST_COMPLETED)
                    if taken.is_set():
                        break
                    await turn
                except MaybeTakenError:
                    raise
                except UnreachableError as reason:
                    partly = conversation.has_reply_to(message_id)
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
        try:
            await turn
        except asyncio.CancelledError:
            turn.cancel()
            raise
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
