"""Where Rasa keeps the conversations: the database named in our settings."""

from __future__ import annotations

import itertools
import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, List, Optional, Text

from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.utils.common import all_subclasses
from sqlalchemy import (
    Index,
    and_,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import QueuePool

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

# Built once: building a query costs more than SQLite takes to answer it.
_OF_SENDER = _events.c.sender_id == bindparam("sender")
_CUT_AND_START = select(
    select(_events.c.id)
    .where(_OF_SENDER, _events.c.type_name == "user")
    .order_by(_events.c.id.desc())
    .offset(LATEST - 1)
    .limit(1)
    .scalar_subquery()
    .label("cut"),
    select(func.max(_events.c.id))
    .where(_OF_SENDER, _events.c.type_name == "session_started")
    .scalar_subquery()
    .label("start"),
)
"""The numbers of the event of the `LATEST`-newest message, and of the latest session's start."""
_SESSION = (
    select(_events.c.data)
    .where(_OF_SENDER, _events.c.id >= bindparam("start"))
    .order_by(_events.c.id)
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
        self.engine.hide_parameters = True  # an error in the log shows no words of anybody
        if url.get_backend_name() == "sqlite":
            self.engine.dispose()  # Rasa's opens a file anew for each look
            self.engine: Engine = _open_once(self.engine.url)
            self.sessionmaker = sessionmaker(bind=self.engine)
        with suppress(IntegrityError, ProgrammingError):  # another Rasa makes it at this moment
            for later in (_by_kind, erased):  # databases of earlier versions lack them
                later.create(self.engine, checkfirst=True)

    async def retrieve(self, sender_id: Text) -> Optional[DialogueStateTracker]:
        """The conversation as the next turn needs it.

        That is the session's start, its latest `LATEST` messages with all that followed, the
        value of every slot, and each older message in which triage found a fact that counts
        for later ones.
        """
        if not self.domain:
            return None
        with self.engine.connect() as connection:
            before = times_erased(connection, sender_id)
            events = [json.loads(data) for data in self._needed(connection, sender_id)]
        if not events:
            return None
        tracker = DialogueStateTracker.from_dict(sender_id, events, self.domain.slots)
        setattr(tracker, _STORED, len(tracker.events))
        setattr(tracker, _ERASED, before)
        return tracker

    def _needed(self, connection: Connection, sender_id: Text) -> List[Text]:
        """The stored events that the next turn needs: all of the session, or a part of it."""
        found = connection.execute(_CUT_AND_START, {"sender": sender_id}).one()
        cut, start = found.cut, found.start or 0
        if cut is None or start == 0 or start >= cut:
            return _session(connection, sender_id, start)
        of_sender = _events.c.sender_id == sender_id
        older = and_(_events.c.id > start, _events.c.id < cut)
        kinds = {kind.type_name for kind in all_subclasses(Event)} - _READ_IN_PART
        changed = select(_events.c.id).where(of_sender, _events.c.type_name.in_(kinds), older)
        listened = _events.c.action_name == "action_listen"
        latest = select(func.max(_events.c.id)).where(
            of_sender, _events.c.type_name == "action", listened, older
        )
        first = connection.execute(latest).scalar()
        if first is None or connection.execute(changed.limit(1)).first():
            return _session(connection, sender_id, start)
        before = and_(_events.c.id > start, _events.c.id < first)
        slots = select(func.max(_events.c.id)).where(
            of_sender, _events.c.type_name == "slot", before
        )
        kept = [start, *connection.execute(slots.group_by(_events.c.action_name)).scalars()]
        with_facts = and_(
            before, _events.c.type_name == "user", _events.c.data.not_like(_says_nothing_later())
        )
        wanted = or_(_events.c.id.in_(kept), _events.c.id >= first, with_facts)
        query = select(_events.c.data).where(of_sender, wanted).order_by(_events.c.id)
        return list(connection.execute(query).scalars())

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Store the new events, or, if the person asked for it, remove all of them.

        The events of the running turn live in memory only, so erasing instead of saving
        leaves nothing behind. (Rasa's own API cannot delete events from an SQL store.) A turn
        during which the conversation was erased by anyone is not stored either.
        """
        if tracker.get_slot(ERASE_SLOT):
            with self.engine.begin() as connection:
                erase_stored(connection, tracker.sender_id)
            return
        await self.stream_events(tracker)
        with self.engine.begin() as connection:
            new = self._new_events(connection, tracker)
            if new:
                connection.execute(insert(_events), new)
        setattr(tracker, _STORED, len(tracker.events))

    def _new_events(
        self, connection: Connection, tracker: DialogueStateTracker
    ) -> List[Dict[Text, Any]]:
        """The rows of the tracker's events that are not stored yet.

        There are none of a turn that was erased meanwhile. A tracker that was not read from here
        holds its whole session, so the stored are counted.
        """
        lock_conversation(connection, tracker.sender_id)
        times = times_erased(connection, tracker.sender_id)
        if not hasattr(tracker, _ERASED):  # Rasa saves a new conversation before its first turn
            setattr(tracker, _ERASED, times)
        if times > getattr(tracker, _ERASED):
            return []
        stored = getattr(tracker, _STORED, None)
        if stored is None:
            start = connection.execute(_CUT_AND_START, {"sender": tracker.sender_id}).one().start
            stored = len(_session(connection, tracker.sender_id, start or 0))
        return [
            {
                "sender_id": tracker.sender_id,
                "type_name": event.type_name,
                "timestamp": data.get("timestamp"),
                "intent_name": data.get("parse_data", {}).get("intent", {}).get("name"),
                "action_name": data.get("name"),
                "data": json.dumps(data),
            }
            for event in itertools.islice(tracker.events, stored, None)
            for data in [event.as_dict()]
        ]


def _session(connection: Connection, sender_id: Text, start: int) -> List[Text]:
    """All stored events from this one on, in order.

    Rasa finds them by their times, which go wrong with a clock that is set back.
    """
    return list(connection.execute(_SESSION, {"sender": sender_id, "start": start}).scalars())


def _open_once(url: URL) -> Engine:
    """An engine that keeps its connections to an SQLite file.

    With SQLite's write-ahead log a turn is as safe, and waits for the disk once, not thrice.
    """
    engine = create_engine(
        url, poolclass=QueuePool, connect_args={"check_same_thread": False, "timeout": 5}
    )

    @event.listens_for(engine, "connect")
    def _write_ahead(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten

    return engine
