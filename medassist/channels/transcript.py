"""What Rasa knows of a conversation, and adding to it a line that the channel itself said."""

from __future__ import annotations

import uuid
from typing import Any, Callable

from rasa.shared.core.events import BotUttered, UserUttered


class Transcript:
    """Rasa's record, through the agent of the running server (`agent` gets it once loaded)."""

    def __init__(self, agent: Callable[[], Any]) -> None:
        self._agent = agent

    def is_ready(self) -> bool:
        """Whether Rasa can take a message."""
        agent = self._agent()
        return agent is not None and bool(agent.is_ready())

    async def is_known(self, conversation: str, message_id: str) -> bool:
        """Whether the turn of this message is over: Rasa stores a turn as a whole."""
        tracker = await self._agent().tracker_store.retrieve_full_tracker(conversation)
        return tracker is not None and any(
            isinstance(event, UserUttered) and event.message_id == message_id
            for event in tracker.events
        )

    async def slot(self, conversation: str, name: str) -> Any:
        """The value of a slot, such as `handover` or `level`; None for a new conversation."""
        tracker = await self._agent().tracker_store.retrieve(conversation)
        return tracker.get_slot(name) if tracker else None

    async def level_of(self, text: str) -> str:
        """Triage's level of words by themselves; the conversation is not touched."""
        parsed = await self._agent().parse_message(text)
        return str(parsed["triage"]["level"])

    async def add(self, conversation: str, text: str, about: str, sent: str | None = None) -> None:
        """Record what the channel said by itself. A conversation that has no turn gets none.

        `sent` is what the person sent instead of words, for staff to see.
        """
        agent = self._agent()
        async with agent.lock_store.lock(conversation):
            tracker = await agent.tracker_store.retrieve(conversation)
            if tracker is None:
                return
            custom = {"id": str(uuid.uuid4()), "about": about}
            if sent:
                custom["sent"] = sent
            tracker.update(BotUttered(text, {"custom": custom}))
            await agent.tracker_store.save(tracker)
