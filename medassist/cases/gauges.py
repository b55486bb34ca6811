"""How the queue and the outboxes stand, read from the database when somebody asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import Select

from medassist.cases.events import as_utc
from medassist.metrics import LEVELS
from medassist.storage.tables import (
    cases,
    incoming_messages,
    notifications,
    now,
    outgoing_messages,
)

SECONDS = 3.0
"""How long a reading may take; then the gauges are left out, and the database counts as away."""


class Gauges(Collector):
    """The gauges. At most one reading is under way; a database that hangs holds up nobody."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._reading: _Reading | None = None

    def collect(self) -> Iterator[Metric]:
        """Read now."""
        with self._lock:
            if self._reading is None or not self._reading.is_alive():
                self._reading = _Reading(self._engine)
                self._reading.start()
            reading = self._reading
        reading.join(SECONDS)
        found = None if reading.is_alive() else reading.found
        yield GaugeMetricFamily(
            "medassist_database_reachable",
            "1 when our database answers, else 0.",
            value=1 if found else 0,
        )
        yield from found or ()


class _Reading(threading.Thread):
    """One reading of the database."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(daemon=True)
        self._engine = engine
        self.found: list[Metric] | None = None

    def run(self) -> None:
        try:
            with self._engine.connect() as connection:
                self.found = _read(connection, now())
        except SQLAlchemyError:
            self.found = None


def _read(connection: Connection, at: datetime) -> list[Metric]:
    open_cases = GaugeMetricFamily(
        "medassist_open_cases", "Open cases, by level.", labels=["level"]
    )
    unacknowledged = GaugeMetricFamily(
        "medassist_oldest_unacknowledged_seconds",
        "How long the oldest open case that nobody has acknowledged waits, in seconds.",
        labels=["level"],
    )
    waiting = GaugeMetricFamily(
        "medassist_outbox_waiting",
        "What waits: alerts to staff; replies to phones (outgoing), messages from them (incoming).",
        labels=["queue"],
    )
    oldest = GaugeMetricFamily(
        "medassist_outbox_oldest_seconds",
        "How long the oldest of them waits, in seconds.",
        labels=["queue"],
    )
    is_open = cases.c.status == "open"
    counted = _by_level(connection, select(cases.c.level, func.count()).where(is_open))
    since = _by_level(
        connection,
        select(cases.c.level, func.min(cases.c.level_since)).where(
            is_open, cases.c.acknowledged_at.is_(None)
        ),
    )
    for level in LEVELS:
        open_cases.add_metric([level], float(counted.get(level) or 0))
        unacknowledged.add_metric([level], _age(since.get(level), at))
    of_alerts = select(func.count(), func.min(notifications.c.created_at)).where(
        notifications.c.delivered_at.is_(None), notifications.c.given_up_at.is_(None)
    )
    of_replies = select(func.count(), func.min(outgoing_messages.c.created_at)).where(
        outgoing_messages.c.done_at.is_(None)
    )
    of_messages = select(func.count(), func.min(incoming_messages.c.received_at)).where(
        incoming_messages.c.done_at.is_(None)
    )
    queues = {"alerts": of_alerts, "outgoing": of_replies, "incoming": of_messages}
    for queue, query in queues.items():
        number, first = connection.execute(query).one()
        waiting.add_metric([queue], number)
        oldest.add_metric([queue], _age(first, at))
    return [open_cases, unacknowledged, waiting, oldest]


def _by_level(connection: Connection, query: Select) -> dict[str, Any]:
    return dict(connection.execute(query.group_by(cases.c.level)).all())


def _age(moment: object, at: datetime) -> float:
    """Seconds since then, and nothing when there is nothing to wait for."""
    return max(0.0, (at - as_utc(moment)).total_seconds()) if isinstance(moment, datetime) else 0.0
