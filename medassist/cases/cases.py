"""What staff must act on, and what they do about it. Nothing of its history is ever changed.

Every change takes the case's row first, so that of two people who do the same at once one does
it and the other is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Connection, Engine

from medassist.cases.alerts import targets_in_force, wants_alert, write_alerts
from medassist.cases.events import add_event, as_utc, history
from medassist.metrics import ACKNOWLEDGE_SECONDS
from medassist.settings import load_settings
from medassist.storage.tables import case_events, cases, handovers, now

__all__ = [
    "OUTCOMES", "Case", "CaseError", "acknowledge", "add_note", "claim", "find_case", "history",
    "open_case", "open_cases", "record_reply", "release", "reopen", "resolve", "take_over",
]  # fmt: skip

RANK = {"routine": 0, "urgent": 1, "emergency": 2}
"""How the levels are ordered; a case only rises."""

OUTCOMES: Mapping[str, str] = {
    "called_emergency_services": "Emergency services were called",
    "poison_line": "The poison line was asked",
    "clinician_today": "A clinician sees or calls the patient today",
    "advised": "The patient was advised",
    "false_alarm": "It was a false alarm",
}
"""How a case can end, in words for people."""

LONGEST_NOTE = 5_000
"""Characters of a note or reply."""


class CaseError(Exception):
    """Something that cannot be done with a case; the message is one plain line for staff."""


@dataclass(frozen=True)
class Case:
    """Something staff must act on; `level` is emergency, urgent or routine. All times UTC.

    `clinic` is the id of the clinic that it is with. `level_since` is when it got its present
    level, which `acknowledged_by` has seen. `holder` has claimed it. `status` is open or closed;
    `outcome` one of OUTCOMES when closed.
    """

    id: int
    conversation: str
    channel: str
    level: str
    kind: str
    status: str
    opened_at: datetime
    level_since: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    alerted_again_at: datetime | None
    holder: str | None
    closed_at: datetime | None
    outcome: str | None
    clinic: str = ""


def case_of(row: Any) -> Case:
    """A row of the table as a case."""
    values = dict(row._mapping)
    return Case(**{k: as_utc(v) if isinstance(v, datetime) else v for k, v in values.items()})


def open_case(
    engine: Engine,
    *,
    conversation: str,
    channel: str,
    level: str,
    kind: str,
    detail: Mapping[str, Any],
    targets: Sequence[str] | None = None,
    clinic: str = "",
) -> int:
    """Open a case for a conversation, or add to the one it already has open; returns its id.

    `detail` is what raised it (the message's words and the assessment) and is kept in the case's
    history; `clinic` is the id of the clinic that the conversation is with. A further event may
    raise the level of an open case, never lower it; a raised level wants a new acknowledgement.
    What a message (`message_id` in `detail`) has raised already is not written again: a turn that
    was cut off is run anew. What staff must be told goes to the outbox in the same transaction,
    for each of `targets` (by default those of the settings in force).
    """
    if targets is None:
        targets = targets_in_force(load_settings())
    at = now()
    with engine.begin() as connection:
        _only_writer(connection, conversation)
        current = connection.execute(
            select(cases)
            .where(cases.c.conversation == conversation, cases.c.status == "open")
            .order_by(cases.c.id.desc())
        ).first()
        if current is None:
            new = insert(cases).values(
                conversation=conversation,
                channel=channel,
                level=level,
                kind=kind,
                status="open",
                opened_at=at,
                level_since=at,
                clinic=clinic,
            )
            case_id, event = connection.execute(new).inserted_primary_key[0], "opened"
        elif _is_repeat(connection, current.id, level, kind, detail.get("message_id")):
            return int(current.id)
        else:
            case_id, event = current.id, "added"
            if clinic and clinic != current.clinic:  # the number was given to another clinic
                _set(connection, case_id, clinic=clinic)
            if RANK[level] > RANK[current.level]:
                event = "raised"
                _set(
                    connection,
                    case_id,
                    level=level,
                    kind=kind,
                    level_since=at,
                    acknowledged_at=None,
                    acknowledged_by=None,
                    alerted_again_at=None,
                )
        telling = bool(targets) and wants_alert(connection, case_id, event, level, kind, at)
        event_id = add_event(connection, case_id, event, {"level": level, "kind": kind, **detail})
        if telling:
            write_alerts(connection, event_id, targets)
    return int(case_id)


def _is_repeat(
    connection: Connection, case_id: int, level: str, kind: str, message_id: object
) -> bool:
    """Whether this message has raised the very same already."""
    if not message_id:
        return False
    written = select(case_events.c.detail).where(case_events.c.case_id == case_id)
    same = {"message_id": message_id, "level": level, "kind": kind}
    return any(same.items() <= detail.items() for detail in connection.execute(written).scalars())


def _only_writer(connection: Connection, conversation: str) -> None:
    """Let no other transaction open a case for this conversation meanwhile."""
    if connection.dialect.name == "postgresql":
        lock = select(func.pg_advisory_xact_lock(func.hashtext(conversation)))
        connection.execute(lock)
    # On SQLite any write takes the whole file, even one that finds no row to change.
    connection.execute(
        update(cases)
        .where(cases.c.conversation == conversation, cases.c.status == "open")
        .values(status="open")
    )


def _set(connection: Connection, case_id: int, **values: Any) -> None:
    connection.execute(update(cases).where(cases.c.id == case_id).values(**values))


@contextmanager
def changing(engine: Engine, case_id: int) -> Iterator[tuple[Connection, Case]]:
    """A transaction that has this case to itself. Raises CaseError when there is no such case."""
    with engine.begin() as connection:
        _set(connection, case_id, status=cases.c.status)  # takes the row, changes nothing
        row = connection.execute(select(cases).where(cases.c.id == case_id)).first()
        if row is None:
            raise CaseError(f"There is no case {case_id}.")
        yield connection, case_of(row)


def require_free_for(case: Case, account: str) -> None:
    """Raise CaseError unless the case is open and held by nobody else."""
    if case.status != "open":
        raise CaseError("This case is closed. Reopen it first.")
    if case.holder not in (None, account):
        raise CaseError(f"{case.holder} has this case.")


def _require_handed_back(connection: Connection, case: Case) -> None:
    """Raise CaseError while staff hold the conversation: the bot would stay quiet for nobody."""
    talking = connection.execute(
        select(handovers.c.staff).where(
            handovers.c.case_id == case.id, handovers.c.ended_at.is_(None)
        )
    ).scalar()
    if talking is not None:
        raise CaseError(f"{talking} is talking with this patient. Hand the chat back first.")


def seen_by(connection: Connection, case: Case, account: str) -> None:
    """Record that somebody of the staff has seen the case at its present level."""
    if case.acknowledged_at is None:
        at = now()
        _set(connection, case.id, acknowledged_at=at, acknowledged_by=account)
        waited = (at - case.level_since).total_seconds()
        ACKNOWLEDGE_SECONDS.labels(case.level).observe(waited)
        add_event(connection, case.id, "acknowledged", {"level": case.level}, account)


def held_by(connection: Connection, case: Case, account: str) -> None:
    """Give the case to somebody of the staff, who thereby has seen it."""
    seen_by(connection, case, account)
    if case.holder != account:
        _set(connection, case.id, holder=account)
        event, detail = ("taken_over", {"from": case.holder}) if case.holder else ("claimed", {})
        add_event(connection, case.id, event, detail, account)


def acknowledge(engine: Engine, case_id: int, account: str) -> None:
    """Say that somebody has seen it: the clock stops. The first who did so stays on record."""
    with changing(engine, case_id) as (connection, case):
        if case.status != "open":
            raise CaseError("This case is closed. Reopen it first.")
        seen_by(connection, case, account)


def claim(engine: Engine, case_id: int, account: str) -> None:
    """Take a case that nobody else holds; this acknowledges it too."""
    with changing(engine, case_id) as (connection, case):
        require_free_for(case, account)
        held_by(connection, case, account)


def take_over(engine: Engine, case_id: int, account: str) -> None:
    """Take a case from whoever holds it, such as from somebody who has gone home."""
    with changing(engine, case_id) as (connection, case):
        if case.status != "open":
            raise CaseError("This case is closed. Reopen it first.")
        held_by(connection, case, account)


def release(engine: Engine, case_id: int, account: str) -> None:
    """Give a case back, so that others may claim it."""
    with changing(engine, case_id) as (connection, case):
        require_free_for(case, account)
        if case.holder is None:
            raise CaseError("Nobody has this case.")
        _require_handed_back(connection, case)
        _set(connection, case_id, holder=None)
        add_event(connection, case_id, "released", {}, account)


def add_note(engine: Engine, case_id: int, account: str, text: str) -> None:
    """Add a note for staff. A closed case may still get one."""
    with changing(engine, case_id) as (connection, _case):
        add_event(connection, case_id, "note", {"text": _text(text, "The note")}, account)


def record_reply(
    engine: Engine, case_id: int, account: str, text: str, message_id: str = ""
) -> None:
    """Record what staff wrote to the patient; whoever answers has seen the case.

    A second record of the same `message_id` (that of the message in the chat) adds nothing.
    """
    detail = {"text": _text(text, "The reply"), "message_id": message_id}
    with changing(engine, case_id) as (connection, case):
        replies = select(case_events.c.detail).where(
            case_events.c.case_id == case_id, case_events.c.event == "replied"
        )
        recorded = connection.execute(replies).scalars()
        if message_id and any(reply.get("message_id") == message_id for reply in recorded):
            return
        seen_by(connection, case, account)
        add_event(connection, case_id, "replied", detail, account)


def resolve(engine: Engine, case_id: int, account: str, outcome: str, note: str = "") -> None:
    """Close a case with one of OUTCOMES."""
    if outcome not in OUTCOMES:
        raise CaseError("Say how the case ended: choose one of the outcomes.")
    detail = {"outcome": outcome}
    if note.strip():
        detail["text"] = _text(note, "The note")
    with changing(engine, case_id) as (connection, case):
        require_free_for(case, account)
        _require_handed_back(connection, case)
        seen_by(connection, case, account)
        _set(connection, case_id, status="closed", closed_at=now(), outcome=outcome)
        add_event(connection, case_id, "resolved", detail, account)


def reopen(engine: Engine, case_id: int, account: str, note: str = "") -> None:
    """Open a closed case again; whoever does so holds it."""
    detail = {"text": _text(note, "The note")} if note.strip() else {}
    with changing(engine, case_id) as (connection, case):
        if case.status == "open":
            raise CaseError("This case is already open.")
        _only_writer(connection, case.conversation)
        other = connection.execute(
            select(cases.c.id).where(
                cases.c.conversation == case.conversation, cases.c.status == "open"
            )
        ).scalar()
        if other is not None:
            raise CaseError(f"Case {other} of the same conversation is open. Go on with that one.")
        _set(connection, case_id, status="open", closed_at=None, outcome=None, holder=account)
        add_event(connection, case_id, "reopened", detail, account)


def _text(text: str, what: str) -> str:
    """The text without white space around it. Raises CaseError when it is empty or too long."""
    text = text.strip()
    if not text:
        raise CaseError(f"{what} is empty.")
    if len(text) > LONGEST_NOTE:
        raise CaseError(f"{what} is longer than {LONGEST_NOTE:,} characters. Please shorten it.")
    return text


def find_case(engine: Engine, case_id: int) -> Case:
    """The case. Raises CaseError when there is none with this number."""
    with engine.connect() as connection:
        row = connection.execute(select(cases).where(cases.c.id == case_id)).first()
    if row is None:
        raise CaseError(f"There is no case {case_id}.")
    return case_of(row)


def open_cases(engine: Engine) -> list[Case]:
    """Every open case, most dangerous first, then the one that waits longest at its level."""
    with engine.connect() as connection:
        rows = connection.execute(select(cases).where(cases.c.status == "open")).all()
    return sorted(map(case_of, rows), key=lambda c: (-RANK[c.level], c.level_since, c.id))
