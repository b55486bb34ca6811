"""Reads one message of the inbox: hands its words to Rasa, or says that it has none."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Optional, Text

from rasa.core.channels.channel import UserMessage

from medassist.cases.contacts import Contact, find_contact
from medassist.cases.undelivered import open_level
from medassist.channels.choices import meant
from medassist.channels.limit import beyond_limit
from medassist.channels.queues import Waiting, forget_words
from medassist.channels.speaker import MessagingOutput
from medassist.channels.words import LONGEST_TEXT, SENT

if TYPE_CHECKING:
    from medassist.channels.messaging import MessagingInput

logger = logging.getLogger(__name__)

MOST_TRIES = 3
"""How often a message is handed to Rasa when the server ends in the middle of its turn."""

TYPING_SECONDS = 3.0
"""How long showing that an answer comes may hold up the answer."""


class Reader:
    """Sees to it that each message gets one answer, and none ends in silence."""

    def __init__(
        self, channel: "MessagingInput", on_new_message: Callable[[UserMessage], Awaitable[Any]]
    ) -> None:
        self._channel, self._on_new_message = channel, on_new_message

    async def read(self, row: Waiting) -> None:
        """Deal with one message, then mark it as done."""
        channel = self._channel
        contact = await channel.in_database(find_contact, channel.engine, row.conversation)
        if contact is not None:
            await self._answer(contact, row)
        await channel.in_database(channel.inbox.done, row)
        contact = await channel.in_database(find_contact, channel.engine, row.conversation)
        if contact is None or contact.erased_at:
            await channel.in_database(forget_words, channel.engine, row.conversation)

    async def _answer(self, contact: Contact, row: Waiting) -> None:
        text = str(row.content.get("text") or "").strip()
        kind = str(row.content.get("kind") or "unknown")
        channel = self._channel
        words = channel.words_at(contact.line)
        key = f"{channel.name()}.{row.digest[:32]}"
        if kind == "text" and not text:
            kind = "empty"
        if (
            kind == "text"
            and len(text) <= LONGEST_TEXT
            and await channel.command(contact, row, text)
        ):
            return
        beyond, was_beyond = await channel.in_database(
            beyond_limit, channel.engine, contact.conversation, row.id
        )
        if beyond and not await self._must_be_heard(contact, text if kind == "text" else ""):
            if not was_beyond:
                await self.say(contact, f"{key}.fast", words.too_fast, "too fast")
            return
        if kind != "text":
            dangerous = await self.looks_dangerous(contact)
            held = await self.is_held(contact)
            said = words.not_passed_on if held else words.unreadable
            await self.say(contact, key, said(kind, dangerous), kind, SENT.get(kind))
        elif len(text) > LONGEST_TEXT:
            await self.say(contact, key, words.too_long, "too long")
        else:
            await self._hand_over(contact, row, meant(text, contact.choices), key)
        if kind == "text" and row.content.get("also"):
            also = str(row.content["also"])
            await self.say(contact, f"{key}.also", words.not_looked_at(also), also, SENT.get(also))

    async def _must_be_heard(self, contact: Contact, text: Text) -> bool:
        """Whether a message beyond the limit is dealt with as any other.

        It is while staff hold the conversation, when danger is about, and when its own words
        are of danger: reading them is most of a turn's work, and still less than answering.
        """
        if await self.is_held(contact) or await self.looks_dangerous(contact):
            return True
        if not text or len(text) > LONGEST_TEXT:
            return False
        try:
            return await self._channel.transcript.level_of(text) != "routine"
        except Exception as error:  # in doubt it is heard
            logger.error("A message could not be read beforehand: %s", type(error).__name__)
            return True

    async def _hand_over(self, contact: Contact, row: Waiting, text: Text, key: Text) -> None:
        """One turn of Rasa. What breaks or stays without an answer is said."""
        channel = self._channel
        message_id = row.digest[:32]
        if row.tries and await channel.transcript.is_known(contact.conversation, message_id):
            return  # the turn was over, and the server ended before it could say so
        broken = row.tries >= MOST_TRIES
        if not broken:
            await self._show_typing(contact)
            try:
                await self._on_new_message(
                    UserMessage(
                        text,
                        MessagingOutput(channel.name(), channel.speaker, key),
                        contact.conversation,
                        input_channel=channel.name(),
                        message_id=message_id,
                        metadata=channel.clinics.metadata(channel.clinic_at(contact.line)),
                    )
                )
            except Exception as error:  # the log must not hold what a person wrote
                logger.error("A turn failed: %s", type(error).__name__)
                broken = True
        said = await channel.in_database(channel.outbox.replied_to, contact.conversation, key)
        if broken or (not said and not await self.is_held(contact)):
            words = channel.words_at(contact.line)
            await self.say(contact, f"{key}.failed", words.failed, "failed")

    async def say(
        self, contact: Contact, key: Text, text: Text, about: Text, sent: Optional[Text] = None
    ) -> None:
        """Words of the channel itself; staff see them in the transcript, and what was `sent`."""
        await self._channel.speaker.say(contact.conversation, {"text": text}, key, True)
        try:
            await self._channel.transcript.add(contact.conversation, text, about, sent)
        except Exception as error:
            logger.error("A line is missing in a transcript: %s", type(error).__name__)

    async def is_held(self, contact: Contact) -> bool:
        """Whether staff have the conversation, so that the bot's silence is meant."""
        return bool(await self._channel.transcript.slot(contact.conversation, "handover"))

    async def looks_dangerous(self, contact: Contact) -> bool:
        """Whether the conversation looks dangerous: by triage's level, or an open case's."""
        channel = self._channel
        levels = {
            await channel.transcript.slot(contact.conversation, "level"),
            await channel.in_database(open_level, channel.engine, contact.conversation),
        }
        return bool(levels & {"emergency", "urgent"})

    async def _show_typing(self, contact: Contact) -> None:
        try:
            await asyncio.wait_for(self._channel.show_typing(contact), TYPING_SECONDS)
        except Exception as error:  # the answer matters, not the sign of it
            logger.info("No sign of typing: %s", type(error).__name__)
