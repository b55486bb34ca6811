"""Removing what was kept long enough: a few rows at a time, so that nobody waits for it.

Each batch is a transaction of its own and asks the database anew, so the work may be stopped or
killed at any moment, and goes on where it was.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.engine import Connection, Engine

from medassist.privacy import daily
from medassist.privacy_settings import PrivacySettings
from medassist.storage.rasa_tables import (
    erased,
    events,
    has_conversations,
    lock_conversation,
    rasa_metadata,
)
from medassist.storage.tables import (
    audit_log,
    case_events,
    cases,
    contacts,
    content_gaps,
    erasures,
    full_replies,
    handovers,
    incoming_messages,
    labels,
    notifications,
    now,
    outgoing_messages,
    staff_sessions,
    thumbs,
)

logger = logging.getLogger("medassist.retention")

JOB = "retention"

BATCH = 200
"""Rows of a table that are removed in one transaction."""

PAUSE_SECONDS = 0.01
"""Between two batches, so that who waits for the database gets it."""

LOOK_EVERY_SECONDS = 60.0
"""How often a worker looks whether the daily job is due."""

_A_DAY = 1  # sign-ins end by themselves within half a day, turns within minutes


class StoppedError(Exception):
    """The work was told to stop, or another worker has it."""


@dataclass(frozen=True)
class Rule:
    """One kind of thing that is removed: rows of a table whose time is more than `days` ago."""

    what: str
    table: Any
    at: Any
    days: int | None
    only: Any = None

    def too_old(self, moment: datetime) -> Any:
        """The condition on rows to be removed at this moment."""
        assert self.days is not None
        old = self.at < moment - timedelta(days=self.days)
        return old if self.only is None else and_(old, self.only)


def rules(keep: PrivacySettings) -> list[Rule]:
    """What is removed row by row. Cases, conversations and addresses follow rules of their own."""
    incoming, outgoing, told = incoming_messages.c, outgoing_messages.c, notifications.c
    ended = or_(told.delivered_at.is_not(None), told.given_up_at.is_not(None))
    ended_at = func.coalesce(told.delivered_at, told.given_up_at)
    received, sent = (
        func.coalesce(incoming.done_at, incoming.received_at),
        func.coalesce(outgoing.done_at, outgoing.created_at),
    )
    return [
        Rule("questions without an answer", content_gaps, content_gaps.c.asked_at, keep.questions),
        Rule("labels", labels, labels.c.at, keep.questions),
        Rule("thumbs", thumbs, thumbs.c.at, keep.thumbs),
        Rule("replies behind links", full_replies, full_replies.c.said_at, keep.full_replies),
        Rule("received messages", incoming_messages, received, keep.queues),
        Rule("sent messages", outgoing_messages, sent, keep.queues),
        Rule("alerts", notifications, ended_at, keep.alerts, ended),
        Rule("sign-ins", staff_sessions, staff_sessions.c.began_at, _A_DAY),
        Rule("audit entries", audit_log, audit_log.c.at, keep.audit),
        Rule("receipts of erasures", erasures, erasures.c.at, keep.audit),
    ]


class Retention:
    """One run. `go_on` is asked before every batch; False stops the run."""

    def __init__(
        self,
        engine: Engine,
        tracker: Engine,
        keep: PrivacySettings,
        at: datetime | None = None,
        go_on: Callable[[], bool] = lambda: True,
        pause: Callable[[float], object] = lambda _seconds: None,
    ) -> None:
        self._engine, self._tracker, self._keep = engine, tracker, keep
        self._at, self._go_on, self._pause = at or now(), go_on, pause

    def run(self) -> dict[str, int]:
        """Remove all that is too old; returns how many of what. Raises StoppedError."""
        removed = {rule.what: self._rows(rule) for rule in rules(self._keep)}
        removed["closed cases"] = self._closed_cases()
        removed["conversations"] = self._conversations()
        removed["addresses"] = self._addresses()
        self._marks()
        return removed

    def _next(self) -> None:
        if not self._go_on():
            raise StoppedError
        self._pause(PAUSE_SECONDS)

    def _in_batches(self, some: Callable[[Connection], int]) -> int:
        """Call `some` in a transaction of its own until it finds nothing more."""
        total = 0
        while True:
            self._next()
            with self._engine.begin() as connection:
                removed = some(connection)
            if not removed:
                return total
            total += removed

    def _rows(self, rule: Rule) -> int:
        if rule.days is None:
            return 0
        (key,) = rule.table.primary_key.columns
        some = select(key).where(rule.too_old(self._at)).limit(BATCH)

        def remove(connection: Connection) -> int:
            ids = connection.execute(some).scalars().all()
            if not ids:
                return 0
            gone = connection.execute(
                delete(rule.table).where(key.in_(ids), rule.too_old(self._at))
            )
            return int(gone.rowcount)

        return self._in_batches(remove)

    def _closed_cases(self) -> int:
        """Cases with their histories, alerts and handovers. One that is open is never touched."""
        if self._keep.cases is None:
            return 0
        closed_at = func.coalesce(cases.c.closed_at, cases.c.opened_at)
        old = and_(
            cases.c.status == "closed", closed_at < self._at - timedelta(days=self._keep.cases)
        )

        def remove(connection: Connection) -> int:
            some = select(cases.c.id).where(old).order_by(cases.c.id).limit(20)
            ids = connection.execute(some).scalars().all()
            still = and_(cases.c.id.in_(ids), old)
            # Takes the rows: who reopens one at this moment is first, or finds no case.
            connection.execute(update(cases).where(still).values(status=cases.c.status))
            ids = connection.execute(select(cases.c.id).where(still)).scalars().all()
            if not ids:
                return 0
            steps = select(case_events.c.id).where(case_events.c.case_id.in_(ids))
            connection.execute(delete(notifications).where(notifications.c.event_id.in_(steps)))
            for table in (handovers, case_events):
                connection.execute(delete(table).where(table.c.case_id.in_(ids)))
            connection.execute(delete(cases).where(cases.c.id.in_(ids)))
            return len(ids)

        return self._in_batches(remove)

    def _conversations(self) -> int:
        """Conversations in which nothing happened for so long, each as a whole.

        One with an open case stays: staff still need it.
        """
        if self._keep.conversations is None or not has_conversations(self._tracker):
            return 0
        cut = (self._at - timedelta(days=self._keep.conversations)).timestamp()
        removed = 0
        for conversation in self._with_events_before(cut):
            self._next()
            if self._has_open_case(conversation):
                continue
            with self._tracker.begin() as connection:
                lock_conversation(connection, conversation)
                mine = events.c.sender_id == conversation
                newest = select(func.max(events.c.timestamp)).where(mine)
                if (connection.execute(newest).scalar() or cut) < cut:
                    connection.execute(delete(events).where(mine))
                    removed += 1
        return removed

    def _with_events_before(self, cut: float) -> Iterator[str]:
        """Conversations whose last stored event is older than this."""
        rasa_metadata.create_all(self._tracker, tables=[erased])
        after = ""
        while True:
            some = (
                select(events.c.sender_id, func.max(events.c.id).label("last"))
                .where(events.c.sender_id > after)
                .group_by(events.c.sender_id)
                .order_by(events.c.sender_id)
                .limit(BATCH)
            ).subquery()
            query = select(some.c.sender_id, events.c.timestamp).join(
                events, events.c.id == some.c.last
            )
            with self._tracker.connect() as connection:
                rows = connection.execute(query.order_by(some.c.sender_id)).all()
            if not rows:
                return
            for row in rows:
                if row.timestamp is not None and row.timestamp < cut:
                    yield row.sender_id
            after = rows[-1].sender_id
            self._next()

    def _has_open_case(self, conversation: str) -> bool:
        query = select(cases.c.id).where(
            cases.c.conversation == conversation, cases.c.status == "open"
        )
        with self._engine.connect() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def _addresses(self) -> int:
        """Addresses of people whose conversation is gone. A wish for no more messages stays."""
        if self._keep.conversations is None:
            return 0
        heard = func.coalesce(contacts.c.heard_at, contacts.c.first_at)
        an_open_case = select(cases.c.id).where(
            cases.c.conversation == contacts.c.conversation, cases.c.status == "open"
        )
        old = and_(
            contacts.c.opted_out_at.is_(None),
            heard < self._at - timedelta(days=self._keep.conversations),
            ~an_open_case.exists(),
        )
        some = select(contacts.c.id, contacts.c.conversation).where(old).order_by(contacts.c.id)
        removed, after = 0, 0
        while True:
            self._next()
            with self._engine.connect() as connection:
                rows = connection.execute(some.where(contacts.c.id > after).limit(BATCH)).all()
            if not rows:
                return removed
            gone = [row.id for row in rows if not self._has_events(row.conversation)]
            with self._engine.begin() as connection:
                these = delete(contacts).where(contacts.c.id.in_(gone), old)
                removed += int(connection.execute(these).rowcount)
            after = rows[-1].id

    def _has_events(self, conversation: str) -> bool:
        if not has_conversations(self._tracker):
            return False
        query = select(events.c.id).where(events.c.sender_id == conversation).limit(1)
        with self._tracker.connect() as connection:
            return connection.execute(query).first() is not None

    def _marks(self) -> None:
        """Marks of erasures that no running turn can need any more."""
        if has_conversations(self._tracker):
            rasa_metadata.create_all(self._tracker, tables=[erased])
            old = erased.c.at < (self._at - timedelta(days=_A_DAY)).timestamp()
            with self._tracker.begin() as connection:
                connection.execute(delete(erased).where(old))


def run_if_due(
    engine: Engine, tracker: Engine, keep: PrivacySettings, stop: threading.Event
) -> bool:
    """Do the daily job if it is due and no other worker has it; whether it was done."""
    claim = daily.claim(engine, JOB)
    if claim is None:
        return False

    kept_at = time.monotonic()

    def go_on() -> bool:
        nonlocal kept_at
        if time.monotonic() - kept_at > daily.CLAIM_SECONDS / 10:
            kept_at = time.monotonic()
            return claim.keep() and not stop.is_set()
        return not stop.is_set()

    try:
        removed = Retention(engine, tracker, keep, go_on=go_on, pause=stop.wait).run()
    except StoppedError:
        claim.give_back()
        return False
    except Exception:
        claim.give_back()
        raise
    claim.done()
    said = ", ".join(f"{count} {what}" for what, count in removed.items() if count)
    logger.info("Removed what was kept long enough: %s", said or "nothing")
    return True
