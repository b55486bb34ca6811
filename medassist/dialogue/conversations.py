"""Where Rasa keeps the conversations: the database named in our settings."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import time
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Text, Tuple

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
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import QueuePool

from medassist.dialogue.unsaved import Stored, Unsaved
from medassist.privacy.erasure import erase_stored
from medassist.settings import load_settings
from medassist.storage.database import one_at_a_time, open_database
from medassist.storage.hanging import give_up_on_a_silent_server, patiently
from medassist.storage.rasa_tables import erased, lock_conversation, times_erased
from medassist.triage.findings import Facts

logger = logging.getLogger(__name__)

ERASE_SLOT = "erase_conversation"
"""Set by the action that carries out "delete my data"; such a conversation is not kept."""

LATEST = 10
"""Messages of a person that a turn reads again. What older ones still mean is read beside them."""

LEFT_ALONE_SECONDS = 5.0
"""How long a database that failed is left alone: each try may hold up every conversation."""

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
_INSERT = insert(_events)
_WHERE_TO_READ = select(
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
    select(erased.c.times)
    .where(erased.c.sender_id == bindparam("sender"))
    .scalar_subquery()
    .label("times_erased"),
)
"""The numbers of the event of the `LATEST`-newest message, and of the latest session's start; and
how often the conversation was erased."""
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


class DatabaseDownError(SQLAlchemyError):
    """The database failed a moment ago, so it was not asked."""


def _alone(url: URL, work: Callable[[], None]) -> None:
    """Do this while no other Rasa does: two that make the same tables at once both fail.

    A database that is not up yet is waited for, as Rasa itself waits.
    """
    while True:
        engine = open_database(url.render_as_string(hide_password=False))
        try:
            with one_at_a_time(engine):
                work()
            return
        except OperationalError:
            logger.warning("The conversations' database does not answer yet")
            time.sleep(5)
        finally:
            engine.dispose()


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
        if url.get_backend_name() == "postgresql":
            give_up_on_a_silent_server()
        _alone(url, lambda: self._make_tables(url, domain, event_broker))
        self._unsaved = Unsaved()
        self._unread: Set[Text] = set()
        self._nothing_stored = ("", 0)
        self._left_alone_until = 0.0
        self._catching_up: Optional["asyncio.Task[None]"] = None

    def _make_tables(
        self, url: URL, domain: Optional[Domain], event_broker: Optional[EventBroker]
    ) -> None:
        """Open the database as Rasa does, and make what is not there yet."""
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
        # Databases of earlier versions lack these.
        with patiently() if self.engine.dialect.name == "postgresql" else nullcontext():
            for later in (_by_kind, erased):
                later.create(self.engine, checkfirst=True)

    async def retrieve(self, sender_id: Text) -> Optional[DialogueStateTracker]:
        """The conversation as the next turn needs it.

        That is the session's start, its latest `LATEST` messages with all that followed, the
        value of every slot, and each older message in which triage found a fact that counts
        for later ones.
        """
        if not self.domain:
            return None
        unsaved = self._unsaved.copy_of(sender_id)
        if unsaved is not None:
            return unsaved
        self._nothing_stored = ("", 0)
        try:
            with self._database(), self.engine.connect() as connection:
                times, needed = self._needed(connection, sender_id)
        except SQLAlchemyError:
            self._unread.add(sender_id)
            raise
        if not needed:
            self._nothing_stored = (sender_id, times)
            return None
        events = [json.loads(data) for data in needed]
        tracker = DialogueStateTracker.from_dict(sender_id, events, self.domain.slots)
        Stored(len(tracker.events), times).put_on(tracker)
        return tracker

    async def retrieve_full_tracker(self, sender_id: Text) -> Optional[DialogueStateTracker]:
        """All that was ever said, with what waits to be stored."""
        unsaved = self._unsaved.copy_of(sender_id)
        try:
            with self._database():
                whole = await super().retrieve_full_tracker(sender_id)
        except SQLAlchemyError:
            if unsaved is None:
                raise
            return unsaved
        stored = Stored.of(unsaved) if unsaved else None
        if unsaved is None or stored is None or whole is None:
            return whole or unsaved
        for waiting in itertools.islice(unsaved.events, stored.count, None):
            whole.update(waiting)
        return whole

    @contextmanager
    def _database(self) -> Iterator[None]:
        """Use the database, unless it failed a moment ago. Raises SQLAlchemyError."""
        if time.monotonic() < self._left_alone_until:
            raise DatabaseDownError("It failed a moment ago.")
        try:
            yield
        except SQLAlchemyError:
            self._left_alone_until = time.monotonic() + LEFT_ALONE_SECONDS
            raise

    def _needed(self, connection: Connection, sender_id: Text) -> Tuple[int, List[Text]]:
        """How often the conversation was erased, then the stored events that the next turn needs:
        all of the session, or a part of it."""
        found = connection.execute(_WHERE_TO_READ, {"sender": sender_id}).one()
        return found.times_erased or 0, self._of_session(
            connection, sender_id, found.cut, found.start or 0
        )

    def _of_session(
        self, connection: Connection, sender_id: Text, cut: Optional[int], start: int
    ) -> List[Text]:
        """Of the session that starts with this event, what the next turn needs; `cut` is where
        the latest messages begin."""
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

        What the database does not take is kept and stored when it is back.
        """
        if tracker.get_slot(ERASE_SLOT):
            with self.engine.begin() as connection:
                erase_stored(connection, tracker.sender_id)
            self._unsaved.drop(tracker.sender_id)
            return
        sender, times = self._nothing_stored
        if not tracker.events and sender == tracker.sender_id:
            Stored(0, times).put_on(tracker)  # Rasa stores a new conversation before its first turn
            return
        if Stored.of(tracker) is None and tracker.sender_id in self._unread:
            Stored(0).put_on(tracker)  # begun without what is stored: all of it is new
        try:
            await self._store(tracker)
        except SQLAlchemyError as error:
            logger.error(
                "The conversations' database failed (%s). A turn is kept until it is back.",
                type(error).__name__,
            )
            if Stored.of(tracker) is None:
                Stored(0).put_on(tracker)  # a new conversation
            self._unsaved.keep(tracker)
            self._catch_up_later()

    async def _store(self, tracker: DialogueStateTracker) -> None:
        """Store the new events of a tracker, and tell the event broker of them.

        There are none of a turn that was erased meanwhile. Raises SQLAlchemyError.
        """
        sender = tracker.sender_id
        with self._database(), self.engine.begin() as connection:
            lock_conversation(connection, sender)
            times = times_erased(connection, sender)
            stored = Stored.of(tracker) or Stored(_count_session(connection, sender))
            if stored.times_erased is None:
                stored.times_erased = times
            new = list(itertools.islice(tracker.events, stored.count, None))
            if times > stored.times_erased:
                new = []
            if new:
                connection.execute(_INSERT, _rows(sender, new))
        stored.count = len(tracker.events)
        stored.put_on(tracker)
        self._unsaved.drop(sender)
        self._unread.discard(sender)
        if self.event_broker:
            await self._stream_new_events(self.event_broker, new, sender)

    def _catch_up_later(self) -> None:
        """See to it that unsaved turns are stored, even if nobody writes any more."""
        if self._catching_up is None or self._catching_up.done():
            self._catching_up = asyncio.get_running_loop().create_task(self._catch_up())

    async def _catch_up(self) -> None:
        while len(self._unsaved):
            await asyncio.sleep(LEFT_ALONE_SECONDS)
            for tracker in self._unsaved:
                try:
                    await self._store(tracker)
                except SQLAlchemyError:
                    break
        logger.info("The conversations' database has all turns again.")


def _rows(sender_id: Text, events: List[Event]) -> List[Dict[Text, Any]]:
    """Events as rows of Rasa's table."""
    return [
        {
            "sender_id": sender_id,
            "type_name": event.type_name,
            "timestamp": data.get("timestamp"),
            "intent_name": data.get("parse_data", {}).get("intent", {}).get("name"),
            "action_name": data.get("name"),
            "data": json.dumps(data),
        }
        for event in events
        for data in [event.as_dict()]
    ]


def _count_session(connection: Connection, sender_id: Text) -> int:
    """How many events the running session has stored: those of a tracker not read from here."""
    start = connection.execute(_WHERE_TO_READ, {"sender": sender_id}).one().start
    return len(_session(connection, sender_id, start or 0))


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
