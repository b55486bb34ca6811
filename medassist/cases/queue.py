"""What staff look at first: open cases, most dangerous first, then the longest waiting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.engine import Engine

from medassist.cases.cases import Case, open_cases
from medassist.cases.events import newest_change
from medassist.settings import load_settings
from medassist.storage.tables import case_events, cases, handovers, now

__all__ = ["QueueEntry", "newest_change", "queue"]

RAISING = ("opened", "raised")
FROM_PATIENT = (*RAISING, "added")
"""Events that a message of the patient makes (or a note at the desk)."""


@dataclass(frozen=True)
class QueueEntry:
    """One open case as the queue shows it.

    `words` raised the present level and `danger_words` are the signs within them; None and empty
    when they were erased. `situations` is what is known of the patient (child, older_adult,
    pregnant, …), `person` who is concerned if not the writer. `messages` counts what the patient
    sent to the case. `in_handover` names who talks with the patient now.
    """

    case: Case
    words: str | None
    danger_words: tuple[str, ...]
    medicine: str | None
    situations: tuple[str, ...]
    person: str | None
    messages: int
    in_handover: str | None
    acknowledge_by: datetime | None
    overdue: bool

    @property
    def acknowledged(self) -> bool:
        """Whether somebody has seen it at its present level."""
        return self.case.acknowledged_at is not None

    @property
    def erased(self) -> bool:
        """Whether the patient's words were removed, by the patient or the clinic."""
        return self.words is None


def acknowledge_by(case: Case, seconds: int) -> datetime | None:
    """When an emergency that nobody has acknowledged is overdue; None for any other case."""
    if case.level != "emergency" or case.acknowledged_at is not None or case.status != "open":
        return None
    return case.level_since + timedelta(seconds=seconds)


def queue(
    engine: Engine, acknowledge_seconds: int | None = None, at: datetime | None = None
) -> list[QueueEntry]:
    """The queue at `at` (now). `acknowledge_seconds` is by default that of the settings."""
    if acknowledge_seconds is None:
        acknowledge_seconds = load_settings().acknowledge_seconds
    at = at or now()
    waiting = open_cases(engine)
    raised, latest, counts = _what_was_said(engine)
    talking = _who_talks(engine)
    entries = []
    for case in waiting:
        said, last = raised.get(case.id, {}), latest.get(case.id, {})
        due = acknowledge_by(case, acknowledge_seconds)
        entries.append(
            QueueEntry(
                case=case,
                words=said.get("words"),
                danger_words=_danger_words(said),
                medicine=said.get("medicine") or last.get("medicine"),
                situations=tuple(last.get("situations") or said.get("situations") or ()),
                person=said.get("person") or last.get("person"),
                messages=counts.get(case.id, 0),
                in_handover=talking.get(case.id),
                acknowledge_by=due,
                overdue=due is not None and due <= at,
            )
        )
    return entries


Details = dict[int, Mapping[str, Any]]


def _what_was_said(engine: Engine) -> tuple[Details, Details, dict[int, int]]:
    """For each open case: what raised its level, what came last, and how many messages came."""
    events = case_events.c
    per_case = (
        select(
            events.case_id,
            func.max(events.id).filter(events.event.in_(RAISING)).label("raised"),
            func.max(events.id).label("latest"),
            func.count().label("messages"),
        )
        .join(cases, cases.c.id == events.case_id)
        .where(cases.c.status == "open", events.event.in_(FROM_PATIENT))
        .group_by(events.case_id)
        .subquery()
    )
    query = select(events.id, events.case_id, events.detail, per_case).join(
        per_case, or_(events.id == per_case.c.raised, events.id == per_case.c.latest)
    )
    raised: Details = {}
    latest: Details = {}
    counts: dict[int, int] = {}
    with engine.connect() as connection:
        for row in connection.execute(query):
            counts[row.case_id] = row.messages
            if row.id == row.raised:
                raised[row.case_id] = row.detail
            if row.id == row.latest:
                latest[row.case_id] = row.detail
    return raised, latest, counts


def _danger_words(said: Mapping[str, Any]) -> tuple[str, ...]:
    """The words of the danger signs and amounts that counted, each once, in order."""
    assessment = said.get("assessment") or {}
    signs = [
        finding
        for finding in assessment.get("findings") or ()
        if finding.get("context") == "asserted" and finding.get("level") != "routine"
    ]
    amounts = [
        amount
        for amount in assessment.get("amounts") or ()
        if amount.get("verdict") in ("above_daily", "double")
    ]
    counted = sorted([*signs, *amounts], key=lambda part: part.get("start", 0))
    return tuple(dict.fromkeys(part["text"] for part in counted if part.get("text")))


def _who_talks(engine: Engine) -> dict[int, str]:
    query = select(handovers.c.case_id, handovers.c.staff).where(handovers.c.ended_at.is_(None))
    with engine.connect() as connection:
        return {row.case_id: row.staff for row in connection.execute(query)}
