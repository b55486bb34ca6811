"""Where Rasa keeps the conversations: the database named in our settings."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Text

from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.utils.common import all_subclasses
from sqlalchemy import Index, and_, event, func, or_, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from medassist.privacy.erasure import erase_stored
from medassist.settings import load_settings
from medassist.storage.rasa_tables import erased, lock_conversation, times_erased
from medassist.triage.findings import Facts

ERASE_SLOT = "erase_conversation"
"""Set by the action that carries out "delete my data"; such a conversation is not kept."""

LATEST = 10
"""Messages of a person that a turn reads again. What older ones still mean is read beside them."""

_STORED = "events_stored"
"""Attribute of a tracker of ours: how many of its events the database holds already."""

_ERASED = "times_erased"
"""Attribute of a tracker of ours: how often its conversation was erased before it was read."""

_READ_IN_PART = {"user", "bot", "action", "slot", "user_featurization", "entities"}
"""Kinds of events of which older ones may be left out. Any other (pause, rewind, forms …) changes
the conversation as a whole, so then the whole session is read, as Rasa does it."""

_events = SQLTrackerStore.SQLEvent.__table__
_by_kind = Index(
    "medassist_events_by_kind",
    _events.c.sender_id,
    _events.c.type_name,
    _events.c.action_name,
    _events.c.id,
)


def _says_nothing_later() -> Text:
    """An SQL pattern of stored messages whose triage holds no fact for later messages.

    Only `asked` may be filled in: it counts for the very next message. A message that does not
    look exactly so is read, so a change of the format costs time, never a fact.
    """
    facts = json.dumps({"facts": asdict(Facts())})
    return f"%{facts[1 : facts.index(json.dumps('asked'))]}%"


class ConversationStore(SQLTrackerStore):
    """Rasa's SQL tracker store, opened by our URL, able to forget a conversation.

    Of a long conversation it reads only what a turn needs, so that the hundredth message costs
    what the tenth costs (Rasa's own store replays every event of the session, several times).
    """

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
        if url.get_backend_name() == "sqlite":
            event.listen(self.engine, "connect", _write_ahead)
        for later in (_by_kind, erased):  # databases of earlier versions lack them
            later.create(self.engine, checkfirst=True)

    async def retrieve(self, sender_id: Text) -> Optional[DialogueStateTracker]:
        """The conversation as the next turn needs it.

        That is the session's start, its latest `LATEST` messages with all that followed, the
        value of every slot, and each older message in which triage found a fact that counts
        for later ones.
        """
        with self.session_scope() as session:
            before = times_erased(session.connection(), sender_id)
            needed = self._needed(session, sender_id)
        if needed is None or not self.domain:
            tracker = await super().retrieve(sender_id)
        else:
            events = [json.loads(data) for data in needed]
            tracker = DialogueStateTracker.from_dict(sender_id, events, self.domain.slots)
        if tracker is not None:
            setattr(tracker, _STORED, len(tracker.events))
            setattr(tracker, _ERASED, before)
        return tracker

    def _needed(self, session: Session, sender_id: Text) -> Optional[List[Text]]:
        """The stored events that the next turn needs, or None when it needs the whole session."""
        of_sender = _events.c.sender_id == sender_id

        def newest(kind: Text, *more: Any) -> Any:
            found = and_(of_sender, _events.c.type_name == kind, *more)
            return select(func.max(_events.c.id)).where(found)

        cut = session.execute(
            select(_events.c.id)
            .where(of_sender, _events.c.type_name == "user")
            .order_by(_events.c.id.desc())
            .offset(LATEST - 1)
            .limit(1)
        ).scalar()
        start = session.execute(newest("session_started")).scalar()
        if cut is None or start is None or start >= cut:
            return None
        older = and_(_events.c.id > start, _events.c.id < cut)
        kinds = {kind.type_name for kind in all_subclasses(Event)} - _READ_IN_PART
        changed = select(_events.c.id).where(of_sender, _events.c.type_name.in_(kinds), older)
        listened = _events.c.action_name == "action_listen"
        first = session.execute(newest("action", listened, older)).scalar()
        if first is None or session.execute(changed.limit(1)).first():
            return None
        before = and_(_events.c.id > start, _events.c.id < first)
        slots = select(func.max(_events.c.id)).where(
            of_sender, _events.c.type_name == "slot", before
        )
        kept = [start, *session.execute(slots.group_by(_events.c.action_name)).scalars()]
        with_facts = and_(
            before, _events.c.type_name == "user", _events.c.data.not_like(_says_nothing_later())
        )
        wanted = or_(_events.c.id.in_(kept), _events.c.id >= first, with_facts)
        query = select(_events.c.data).where(of_sender, wanted).order_by(_events.c.id)
        return list(session.execute(query).scalars())

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Store the new events, or, if the person asked for it, remove all of them.

        The events of the running turn live in memory only, so erasing instead of saving
        leaves nothing behind. (Rasa's own API cannot delete events from an SQL store.) A turn
        during which the conversation was erased by anyone is not stored either.
        """
        if not tracker.get_slot(ERASE_SLOT):
            await super().save(tracker)
            if hasattr(tracker, _STORED):
                setattr(tracker, _STORED, len(tracker.events))
            return
        with self.session_scope() as session:
            erase_stored(session.connection(), tracker.sender_id)
            session.commit()

    def _additional_events(
        self, session: Session, tracker: DialogueStateTracker
    ) -> Iterator[Event]:
        """The tracker's events that are not stored yet; none of a turn that was erased meanwhile.

        Rasa counts the stored ones, which a conversation read in part does not hold.
        """
        lock_conversation(session.connection(), tracker.sender_id)
        times = times_erased(session.connection(), tracker.sender_id)
        if not hasattr(tracker, _ERASED):  # Rasa saves a new conversation before its first turn
            setattr(tracker, _ERASED, times)
        if times > getattr(tracker, _ERASED):
            return iter(())
        stored = getattr(tracker, _STORED, None)
        if stored is None:
            return super()._additional_events(session, tracker)
        return itertools.islice(tracker.events, stored, None)


def _write_ahead(connection: Any, _record: Any) -> None:
    """SQLite's write-ahead log: a turn is as safe, and waits for the disk once, not thrice."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten
