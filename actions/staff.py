"""Telling the clinic's staff: a case, or one more entry in the open one."""

from __future__ import annotations

from rasa_sdk import Tracker

from actions.base import clinic_of, database, latest_message_id, latest_text
from medassist.cases.cases import open_case

STAFF_TOLD = "I have put this on the list of the clinic's staff."


def alert_staff(tracker: Tracker, level: str, kind: str) -> None:
    """Open a case (or add to the open one) with what was written and why it was raised."""
    open_case(
        database(),
        conversation=tracker.sender_id,
        channel=tracker.get_latest_input_channel() or "unknown",
        level=level,
        kind=kind,
        clinic=clinic_of(tracker).id,
        detail={
            "words": latest_text(tracker),
            "message_id": latest_message_id(tracker),
            "medicine": tracker.get_slot("medicine"),
            "situations": tracker.get_slot("situations"),
            "other_medicine": tracker.get_slot("other_medicine"),
            "person": tracker.get_slot("person"),
            "amount": tracker.get_slot("amount"),
            "time": tracker.get_slot("time"),
            "assessment": tracker.latest_message.get("triage"),
        },
    )
