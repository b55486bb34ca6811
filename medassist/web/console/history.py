"""The history of a case in words: what happened, who did it, when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from medassist.cases.cases import OUTCOMES

EVENT_WORDS = {
    "opened": "The case was opened",
    "added": "A further message came in",
    "raised": "The level was raised",
    "acknowledged": "Seen",
    "claimed": "Taken",
    "taken_over": "Taken over",
    "released": "Given back to the queue",
    "note": "Note",
    "replied": "Wrote to the patient",
    "handover_began": "Stepped in: talks with the patient",
    "handover_ended": "Handed back to the robot",
    "resolved": "Closed",
    "reopened": "Opened again",
    "unacknowledged": "Nobody has seen it in time: alerted again",
    "patient_told": "The patient was told that nobody has seen it yet",
    "alert_given_up": "An alert could not be delivered for a day",
    "undelivered": "A message did not reach the patient",
    "opted_out": "The patient sent STOP: no message reaches them",
    "opted_in": "The patient sent START: messages reach them again",
    "erased": "The patient’s words were deleted",
}
"""What happened, in words for staff."""

LEVELLED = ("opened", "added", "raised")


@dataclass(frozen=True)
class HistoryLine:
    """One row of the history. `who` is empty for what nobody of the staff did."""

    at: datetime
    what: str
    who: str
    text: str
    level: str


def history_line(event: Mapping[str, Any]) -> HistoryLine:
    """A row of `case_events` in words; one of a kind we do not know keeps its name."""
    name, detail = str(event["event"]), event["detail"] or {}
    what = EVENT_WORDS.get(name, name.replace("_", " ").capitalize())
    if name == "resolved":
        what += f": {OUTCOMES.get(str(detail.get('outcome')), '')}"
    elif name == "taken_over" and detail.get("from"):
        what += f" from {detail['from']}"
    elif name == "handover_ended" and detail.get("by") == "timeout":
        what = "Handed back to the robot by itself: nobody wrote for a while"
    elif name == "alert_given_up" and detail.get("error"):
        what += f": {detail['error']}"
    elif name == "undelivered" and detail.get("reason"):
        what += f": {detail['reason']}"
    if detail.get("erased"):
        text = "The patient’s words were erased."
    else:
        text = str(detail.get("text") or detail.get("words") or "")
    level = str(detail.get("level") or "") if name in LEVELLED else ""
    return HistoryLine(event["at"], what, str(event["account"] or ""), text, level)
