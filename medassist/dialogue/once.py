"""A message is answered once, however often it is handed over.

Whoever hands over a message and hears nothing must hand it over again, or it is lost. So Rasa
has to tell a repeat: the turn of a message that the conversation holds already is left out.
"""

from __future__ import annotations

import logging
from typing import Any, Dict, List, Optional, Text

from rasa.core.channels.channel import UserMessage
from rasa.core.processor import MessageProcessor
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

logger = logging.getLogger(__name__)


class _KnownError(Exception):
    """The conversation holds this message already."""


def answer_each_message_once() -> None:
    """Change Rasa's processor so.

    It looks while the conversation is locked, so that of two turns only one can be the first.
    """
    handle, log = MessageProcessor.handle_message, MessageProcessor._handle_message_with_tracker

    async def handle_once(
        self: MessageProcessor, message: UserMessage
    ) -> Optional[List[Dict[Text, Any]]]:
        try:
            return await handle(self, message)
        except _KnownError:
            logger.info("A message came again; its turn was over.")
            return None

    async def log_once(
        self: MessageProcessor, message: UserMessage, tracker: DialogueStateTracker
    ) -> None:
        if is_in(tracker, message.message_id):
            raise _KnownError
        await log(self, message, tracker)

    MessageProcessor.handle_message = handle_once
    MessageProcessor._handle_message_with_tracker = log_once


def is_in(tracker: DialogueStateTracker, message_id: Optional[Text]) -> bool:
    """Whether the conversation holds a message of this id, as far as a turn reads it back."""
    return bool(message_id) and any(
        isinstance(event, UserUttered) and event.message_id == message_id
        for event in reversed(tracker.events)
    )
