"""Sends one message of the outbox, and tells the case when it never arrives."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Mapping, Optional, Text

from medassist.cases.contacts import find_contact, forget_contact
from medassist.cases.undelivered import tell_case
from medassist.channels import queues
from medassist.channels.queues import Waiting

if TYPE_CHECKING:
    from medassist.channels.messaging import MessagingInput

logger = logging.getLogger(__name__)

MOST_TRIES = 15
"""Tries before a message is given up: with the pauses between them, about ten minutes."""

FIRST_PAUSE = 1.0
"""Seconds between the first two tries; it doubles with each."""

LONGEST_PAUSE = 60.0
"""Seconds between two tries, at most (if the provider does not ask for more)."""


class TryAgain(Exception):
    """The provider cannot take a message now. `after` is how many seconds it wants to be left."""

    def __init__(self, reason: Text, after: Optional[float] = None) -> None:
        super().__init__(reason)
        self.reason, self.after = reason, after


class Undeliverable(Exception):
    """The provider will never take this message; the reason is one line for staff."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason)
        self.reason = reason


def pause(tries: int, after: Optional[float] = None, first: float = FIRST_PAUSE) -> float:
    """Seconds to wait after so many tries: doubling, never less than the provider asked for."""
    doubled = first * 2.0 ** max(tries - 1, 0)
    return max(min(doubled, LONGEST_PAUSE), min(after or 0.0, queues.LONGEST_PAUSE))


class Sender:
    """One message, one try."""

    def __init__(self, channel: "MessagingInput") -> None:
        self._channel = channel

    async def send(self, row: Waiting) -> None:
        """Hand a message to the provider, and record what came of it."""
        channel = self._channel
        contact = await channel.in_database(find_contact, channel.engine, row.conversation)
        if contact is None:
            await channel.in_database(channel.outbox.give_up, row, "There is no address any more.")
            return
        tries = row.tries + 1
        content = {k: v for k, v in row.content.items() if k != "staff"}
        try:
            provider_id = await channel.deliver(contact, content, row.id)
        except TryAgain as error:
            if tries < MOST_TRIES:
                seconds = pause(tries, error.after, channel.first_pause)
                logger.warning(
                    "%s takes no message now (%s); the next try is in %g s.",
                    channel.name(), error.reason, seconds,
                )  # fmt: skip
                await channel.in_database(channel.outbox.try_again, row, seconds, error.reason)
                return
            await self._never_arrived(row, f"{error.reason} We tried {tries} times.")
        except Undeliverable as error:
            await self._never_arrived(row, error.reason)
        else:
            await channel.in_database(channel.outbox.delivered, row, provider_id)
        if contact.erased_at and await channel.in_database(
            channel.outbox.is_empty_for, row.conversation
        ):
            await channel.in_database(forget_contact, channel.engine, row.conversation)

    async def _never_arrived(self, row: Waiting, reason: Text) -> None:
        logger.warning("%s did not take a message: %s", self._channel.name(), reason)
        await self._channel.in_database(self._channel.outbox.give_up, row, reason)
        detail: Mapping[Text, Any] = {"reason": reason, **_words_of_staff(row.content)}
        await self._channel.in_database(
            tell_case, self._channel.engine, row.conversation, "undelivered", detail
        )

    async def reported(self, id: int, reason: Text) -> None:
        """The provider took a message and says now that it never arrived."""
        outbox = self._channel.outbox
        conversation = await self._channel.in_database(outbox.report, id, reason)
        if conversation:
            await self._channel.in_database(
                tell_case, self._channel.engine, conversation, "undelivered", {"reason": reason}
            )


def _words_of_staff(content: Mapping[Text, Any]) -> Mapping[Text, Any]:
    """What somebody of the staff wrote stands on the case; the bot's words are in the chat."""
    words = content.get("text") or content.get("body")
    return {"text": words} if content.get("staff") and words else {}
