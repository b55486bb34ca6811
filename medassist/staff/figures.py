"""The figures of a period: what patients asked, what went to staff, and what they thought."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo

from sqlalchemy import case, func, select
from sqlalchemy.engine import Engine

from medassist.staff.accounts import utc
from medassist.staff.heard import FALLBACK, Message
from medassist.storage.tables import cases, content_gaps, thumbs

LEVELS = ("emergency", "urgent", "routine")
MOST_ROWS = 100


def start_of(day: date, zone: tzinfo) -> datetime:
    """When a day begins on the clocks of `zone`, in UTC as the database has it."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(timezone.utc)


@dataclass(frozen=True)
class Period:
    """From the start of the first day to the end of the last, on the clinic's clock."""

    first: date
    last: date
    zone: tzinfo

    @property
    def since(self) -> datetime:
        """Its first moment."""
        return start_of(self.first, self.zone)

    @property
    def until(self) -> datetime:
        """The moment after it."""
        return start_of(self.last + timedelta(days=1), self.zone)

    def days(self) -> list[date]:
        """Every day of it."""
        count = (self.last - self.first).days + 1
        return [self.first + timedelta(days=number) for number in range(count)]


@dataclass(frozen=True)
class Volumes:
    """Messages by day and channel."""

    channels: tuple[str, ...]
    days: tuple[tuple[date, tuple[int, ...]], ...]
    messages: int
    conversations: int


@dataclass(frozen=True)
class Gap:
    """A medicine and topic that was asked about without a vetted answer."""

    medicine: str
    topic: str
    times: int


@dataclass(frozen=True)
class Escalations:
    """The cases of one level. Times are from its present level to the acknowledgement, in s."""

    level: str
    cases: int
    still_open: int
    outcomes: tuple[tuple[str, int], ...]
    acknowledged: int
    median_seconds: float | None
    slowest_tenth_seconds: float | None


@dataclass(frozen=True)
class Opinion:
    """What patients thought of one answer."""

    medicine: str
    answer_id: str
    up: int
    down: int


def volumes(heard: Sequence[Message], period: Period) -> Volumes:
    """How much was written, by day and channel; the busiest channel first."""
    by_channel = Counter(message.channel for message in heard)
    channels = tuple(channel for channel, _ in by_channel.most_common())
    counted = Counter((m.at.astimezone(period.zone).date(), m.channel) for m in heard)
    return Volumes(
        channels=channels,
        days=tuple(
            (day, tuple(counted[day, channel] for channel in channels)) for day in period.days()
        ),
        messages=len(heard),
        conversations=len({message.conversation for message in heard}),
    )


def topics(heard: Sequence[Message]) -> list[tuple[str, int]]:
    """What was understood, most often first; messages that were not are left out."""
    known = Counter(m.intent for m in heard if m.intent and m.intent != FALLBACK)
    return known.most_common()


def fallback_share(heard: Sequence[Message]) -> float:
    """Which part of the messages was not understood (0 to 1)."""
    read = [m for m in heard if m.intent]
    return sum(m.intent == FALLBACK for m in read) / len(read) if read else 0.0


def gaps(engine: Engine, period: Period) -> list[Gap]:
    """What had no vetted answer, most often first."""
    times = func.count().label("times")
    query = (
        select(content_gaps.c.medicine, content_gaps.c.topic, times)
        .where(content_gaps.c.asked_at >= period.since, content_gaps.c.asked_at < period.until)
        .group_by(content_gaps.c.medicine, content_gaps.c.topic)
        .order_by(times.desc(), content_gaps.c.medicine, content_gaps.c.topic)
        .limit(MOST_ROWS)
    )
    with engine.connect() as connection:
        return [Gap(*row) for row in connection.execute(query)]


def escalations(engine: Engine, period: Period) -> list[Escalations]:
    """The cases that were opened in the period, by level."""
    query = select(
        cases.c.level,
        cases.c.status,
        cases.c.outcome,
        cases.c.level_since,
        cases.c.acknowledged_at,
    ).where(cases.c.opened_at >= period.since, cases.c.opened_at < period.until)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    found = []
    for level in LEVELS:
        own = [row for row in rows if row.level == level]
        waits = sorted(
            max(0.0, (seen - since).total_seconds())
            for seen, since in ((utc(r.acknowledged_at), utc(r.level_since)) for r in own)
            if seen is not None and since is not None
        )
        outcomes = Counter(row.outcome for row in own if row.outcome)
        found.append(
            Escalations(
                level=level,
                cases=len(own),
                still_open=sum(row.status == "open" for row in own),
                outcomes=tuple(outcomes.most_common()),
                acknowledged=len(waits),
                median_seconds=statistics.median(waits) if waits else None,
                slowest_tenth_seconds=waits[math.ceil(0.9 * len(waits)) - 1] if waits else None,
            )
        )
    return found


def opinions(engine: Engine, period: Period) -> list[Opinion]:
    """Thumbs by answer, those with most thumbs down first."""
    up = func.sum(case((thumbs.c.up.is_(True), 1), else_=0)).label("up")
    down = func.sum(case((thumbs.c.up.is_(False), 1), else_=0)).label("down")
    query = (
        select(thumbs.c.medicine, thumbs.c.answer_id, up, down)
        .where(thumbs.c.at >= period.since, thumbs.c.at < period.until)
        .group_by(thumbs.c.medicine, thumbs.c.answer_id)
        .order_by(down.desc(), up.desc(), thumbs.c.medicine, thumbs.c.answer_id)
        .limit(MOST_ROWS)
    )
    with engine.connect() as connection:
        return [Opinion(r.medicine, r.answer_id, int(r.up), int(r.down)) for r in
                connection.execute(query)]  # fmt: skip


def reasons(
    engine: Engine, period: Period, most: int = 20
) -> list[tuple[datetime, str, str, bool]]:
    """The newest words that patients gave with a thumb: when, about what, the words, up or not."""
    query = (
        select(thumbs.c.at, thumbs.c.answer_id, thumbs.c.why, thumbs.c.up)
        .where(thumbs.c.at >= period.since, thumbs.c.at < period.until, thumbs.c.why != "")
        .order_by(thumbs.c.id.desc())
        .limit(most)
    )
    with engine.connect() as connection:
        return [(row.at, row.answer_id, row.why, row.up) for row in connection.execute(query)]
