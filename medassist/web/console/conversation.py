"""What was said in a conversation, as staff read it: each line with what triage made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from medassist.triage.findings import Assessment
from medassist.web.history import LONGEST_HISTORY

PATIENT, ROBOT, STAFF, STATUS = "patient", "robot", "staff", "status"
"""Who a line is from; a status line says that staff came or went."""


@dataclass(frozen=True)
class Said:
    """One line. `assessment` and `entities` are of patients' messages, if they were understood."""

    who: str
    name: str
    text: str
    at: datetime
    id: str = ""
    assessment: Assessment | None = None
    entities: tuple[Mapping[str, Any], ...] = ()
    card: bool = False


@dataclass(frozen=True)
class Conversation:
    """All that Rasa has of a conversation. `held`: the robot keeps quiet."""

    lines: tuple[Said, ...]
    slots: Mapping[str, Any] = field(default_factory=dict)
    held: bool = False

    @property
    def patients_lines(self) -> list[Said]:
        """What the patient wrote."""
        return [line for line in self.lines if line.who == PATIENT]


def assessment_of(stored: object) -> Assessment | None:
    """The assessment that a message or a case carries; None when there is none to read."""
    if not isinstance(stored, Mapping):
        return None
    try:
        return Assessment.from_dict(stored)
    except (KeyError, TypeError, ValueError):  # of a version that wrote it otherwise
        return None


def read_conversation(tracker: Mapping[str, Any]) -> Conversation:
    """The conversation in Rasa's answer to `/conversations/{id}/tracker?include_events=ALL`.

    A line that was stored twice under one name of staff is shown once.
    """
    lines: list[Said] = []
    names: set[str] = set()
    for event in tracker.get("events") or []:
        line = _line(event)
        if line is None or (line.id and line.id in names):
            continue
        names.add(line.id)
        sent = ((event.get("data") or {}).get("custom") or {}).get("sent")
        if line.who == ROBOT and sent:
            told = f"The patient sent {sent}. It is not fetched and not kept here."
            lines.append(Said(STATUS, "Patient", told, line.at))
        lines.append(line)
    slots = tracker.get("slots") or {}
    return Conversation(tuple(lines[-LONGEST_HISTORY:]), slots, bool(slots.get("handover")))


def _line(event: Mapping[str, Any]) -> Said | None:
    at = datetime.fromtimestamp(float(event.get("timestamp") or 0), timezone.utc)
    text = str(event.get("text") or "")
    if event.get("event") == "user" and text:
        parsed = event.get("parse_data") or {}
        return Said(
            PATIENT,
            "Patient",
            text,
            at,
            id=str(event.get("message_id") or ""),
            assessment=assessment_of(parsed.get("triage")),
            entities=tuple(parsed.get("entities") or ()),
        )
    if event.get("event") == "bot" and text:
        custom = (event.get("data") or {}).get("custom") or {}
        staff = custom.get("staff")
        if isinstance(staff, Mapping):
            who = STATUS if custom.get("handover") else STAFF
            return Said(
                who, str(staff.get("name") or "Staff"), text, at, str(staff.get("id") or "")
            )
        return Said(ROBOT, "Robot", text, at, card=bool(custom.get("card")))
    return None


def from_case_events(events: Iterable[Mapping[str, Any]]) -> Conversation:
    """What the case itself keeps of the words that raised it, where Rasa has nothing to show."""
    lines: list[Said] = []
    slots: dict[str, Any] = {}
    for event in events:
        detail = event.get("detail") or {}
        words = detail.get("words")
        if not words:
            continue
        assessment = assessment_of(detail.get("assessment"))
        lines.append(
            Said(
                PATIENT,
                "Patient",
                str(words),
                event["at"],
                assessment=assessment,
                entities=tuple(detail.get("entities") or ()),
            )
        )
        kept = ("medicine", "situations", "other_medicine", "person", "amount", "time")
        slots.update({key: detail[key] for key in kept if detail.get(key)})
    return Conversation(tuple(lines), slots)
