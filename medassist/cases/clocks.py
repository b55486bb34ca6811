"""What happens because time has passed: nobody has seen an emergency, or staff fell silent.

Several workers may run these clocks at once: each step is taken in the database first, so that
one of them does it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.engine import Connection, Engine

from medassist.cases.alerts import targets_in_force, write_alerts
from medassist.cases.cases import Case, case_of, changing, find_case
from medassist.cases.clinics import Clinics
from medassist.cases.events import add_event
from medassist.cases.handovers import Handover, end, idle, take_idle
from medassist.cases.hours import Clinic, is_open, words_about_staff
from medassist.cases.patient import NobodyThereError, NotToldError, Patients, notice_id
from medassist.settings import Settings
from medassist.storage.tables import accounts, case_events, cases, now

logger = logging.getLogger(__name__)

TELLING_SECONDS = 5
"""How soon a patient who could not be told is tried again."""

DESK = "desk"
"""The channel of cases from the triage desk: there is no chat to write to."""


class Clocks:
    """The clocks of one worker."""

    def __init__(
        self, engine: Engine, settings: Settings, clinics: Clinics, patients: Patients
    ) -> None:
        self._engine = engine
        self._targets = targets_in_force(settings)
        self._acknowledge_seconds = settings.acknowledge_seconds
        self._idle_seconds = settings.handover_idle_seconds
        self._clinics, self._patients = clinics, patients
        self._to_tell: dict[int, tuple[datetime, datetime]] = {}  # case: next try, last try

    def tick(self, at: datetime | None = None) -> None:
        """Do all that is due at `at` (now)."""
        at = at or now()
        period = timedelta(seconds=self._acknowledge_seconds)
        for case_id in alert_again(self._engine, self._acknowledge_seconds, self._targets, at):
            logger.info("Case %d: an emergency that nobody has acknowledged", case_id)
            if wants_telling(self._engine, case_id):
                self._to_tell[case_id] = (at, at + period * 0.9)
        for case_id, (next_try, last_try) in list(self._to_tell.items()):
            if next_try <= at:
                self._tell_unseen(case_id, at, last_try)
        for handover in idle(self._engine, self._idle_seconds, at):
            if take_idle(self._engine, handover, self._idle_seconds, at):
                self._end_handover(handover)

    def _tell_unseen(self, case_id: int, at: datetime, last_try: datetime) -> None:
        """Tell the patient of an overdue case, once; try again soon when Rasa is away."""
        case = find_case(self._engine, case_id)
        if not _is_unseen_emergency(case):
            del self._to_tell[case_id]
            return
        clinic = self._clinics.named(case.clinic)
        words = unseen_words(clinic, self._clinics.emergency(clinic), at)
        custom = {"notice": "unseen", "level": case.level, "id": notice_id("unseen", case.id)}
        try:
            self._patients.tell_patient(case.conversation, words, custom)
        except NobodyThereError:
            outcome, detail = "patient_not_told", {"reason": "The chat is gone.", "final": True}
        except NotToldError as error:
            logger.warning("Case %d: the patient could not be told: %s", case_id, error)
            again = at + timedelta(seconds=TELLING_SECONDS)
            if again <= last_try:
                self._to_tell[case_id] = (again, last_try)
                return
            outcome, detail = "patient_not_told", {"reason": str(error), "final": False}
        else:
            outcome, detail = "patient_told", {"text": words}
        del self._to_tell[case_id]
        with changing(self._engine, case_id) as (connection, _case):
            add_event(connection, case_id, outcome, detail)

    def _end_handover(self, handover: Handover) -> None:
        """Give the conversation back to the bot; when Rasa is away, it is idle again soon."""
        name = shown_name(self._engine, handover.staff)
        clinic = self._clinics.named(find_case(self._engine, handover.case_id).clinic)
        custom = {
            "handover": "ended",
            "by": "timeout",
            "staff": {"name": name, "id": notice_id("timeout", handover.id)},
        }
        try:
            self._patients.tell_patient(
                handover.conversation,
                back_words(name, self._clinics.emergency(clinic)),
                custom,
                slots={"handover": False},
            )
        except NobodyThereError:
            pass  # the patient erased the chat: only the record is left to be ended
        except NotToldError as error:
            logger.warning("Case %d: the time-out must wait: %s", handover.case_id, error)
            return
        end(self._engine, handover.conversation, "timeout")
        logger.info("Case %d: staff were silent, the bot is back", handover.case_id)


def unseen_words(clinic: Clinic, emergency: str, at: datetime) -> str:
    """What a patient is told when nobody has acknowledged their emergency in time."""
    said = (
        "Nobody from the clinic has seen this yet. Don't wait for them. "
        f"If someone is in danger, call {emergency} now."
    )
    return said if is_open(clinic, at) else f"{said} {words_about_staff(clinic, at)}".strip()


def back_words(name: str, emergency: str) -> str:
    """What a patient is told when staff fell silent and the bot is back."""
    return (
        f"{name} has left this chat. You are talking with the robot again: I can answer "
        "questions about your medicine. You can ask for a person at any time. "
        f"If someone is in danger, call {emergency} now."
    )


def shown_name(engine: Engine, account: str) -> str:
    """How a member of the staff is called before patients."""
    query = select(accounts.c.shown_as).where(accounts.c.name == account)
    with engine.connect() as connection:
        return str(connection.execute(query).scalar() or account)


def _is_unseen_emergency(case: Case) -> bool:
    return case.status == "open" and case.level == "emergency" and case.acknowledged_at is None


def alert_again(
    engine: Engine, seconds: int, targets: Sequence[str], at: datetime | None = None
) -> list[int]:
    """Alert each emergency again that nobody has acknowledged for this long, once per period.

    Returns the cases that this call has alerted.
    """
    before = (at or now()) - timedelta(seconds=seconds)
    due = select(cases.c.id).where(
        cases.c.status == "open",
        cases.c.level == "emergency",
        cases.c.acknowledged_at.is_(None),
        cases.c.level_since <= before,
        or_(cases.c.alerted_again_at.is_(None), cases.c.alerted_again_at <= before),
    )
    with engine.connect() as connection:
        waiting = connection.execute(due.order_by(cases.c.level_since)).scalars().all()
    return [
        case_id
        for case_id in waiting
        if _alert_once(engine, case_id, before, at or now(), seconds, targets)
    ]


def _alert_once(
    engine: Engine,
    case_id: int,
    before: datetime,
    at: datetime,
    seconds: int,
    targets: Sequence[str],
) -> bool:
    with changing(engine, case_id) as (connection, case):
        alerted = case.alerted_again_at
        if not _is_unseen_emergency(case) or case.level_since > before:
            return False
        if alerted is not None and alerted > before:
            return False
        connection.execute(cases.update().where(cases.c.id == case_id).values(alerted_again_at=at))
        detail = {"level": case.level, "kind": case.kind, "seconds": seconds}
        write_alerts(connection, add_event(connection, case_id, "unacknowledged", detail), targets)
    return True


def wants_telling(engine: Engine, case_id: int) -> bool:
    """Whether the patient of an overdue case is still to be told."""
    with engine.connect() as connection:
        case = case_of(connection.execute(select(cases).where(cases.c.id == case_id)).one())
        return case.channel != DESK and not _was_told(connection, case_id)


def _was_told(connection: Connection, case_id: int) -> bool:
    rows = connection.execute(
        select(case_events.c.event, case_events.c.detail).where(
            case_events.c.case_id == case_id,
            case_events.c.event.in_(("patient_told", "patient_not_told")),
        )
    )
    return any(row.event == "patient_told" or row.detail.get("final") for row in rows)
