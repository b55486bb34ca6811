"""Where Rasa keeps the conversations: the database named in our settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional, Text

from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy import delete
from sqlalchemy.engine import make_url

from medassist.settings import load_settings

ERASE_SLOT = "erase_conversation"
"""Set by the action that carries out "delete my data"; such a conversation is not kept."""


class ConversationStore(SQLTrackerStore):
    """Rasa's SQL tracker store, opened by our URL, able to forget a conversation."""

    def __init__(
        self,
        domain: Optional[Domain] = None,
        event_broker: Optional[EventBroker] = None,
        **kwargs: Dict[Text, Any],
    ) -> None:
        url = make_url(load_settings().tracker_database_url)
        if url.get_backend_name() == "sqlite" and url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        super().__init__(
            domain,
            dialect=url.drivername,
            host=url.host,
            port=url.port,
            db=url.database or "",
            username=url.username,
            password=url.password,
            event_broker=event_broker,
            query=dict(url.query) or None,
        )

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Store the new events, or, if the person asked for it, remove all of them.

        The events of the running turn live in memory only, so erasing instead of saving
        leaves nothing behind. (Rasa's own API cannot delete events from an SQL store.)
        """
        if not tracker.get_slot(ERASE_SLOT):
            await super().save(tracker)
            return
        with self.session_scope() as session:
            session.execute(
                delete(self.SQLEvent).where(self.SQLEvent.sender_id == tracker.sender_id)
            )
            session.commit()
