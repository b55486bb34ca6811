"""What an alert says. The patient's words are in it only where the clinic has set it so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timezone
from typing import Any

from medassist.cases.alerts import Alert

LONGEST_WORDS = 1_000
"""Characters of the patient's words; the case has them all."""

KINDS = {
    "emergency": "danger signs",
    "overdose": "too much of a medicine",
    "withdrawal": "stopping or running out of a medicine",
    "self_harm": "danger of self-harm",
    "side_effect": "a side effect",
    "person": "wants to talk to a person",
    "note": "a note from the triage desk",
}
"""What a case is about, in words for staff; a kind that is not here is said as it is."""

_EVENTS = {
    "opened": "case {case} is new",
    "raised": "case {case} has got worse",
    "added": "case {case} has a new message",
    "unacknowledged": "nobody has acknowledged case {case}",
}


@dataclass(frozen=True)
class AlertWording:
    """How alerts are put: `link_url` starts the links, `with_words` adds the patient's words.

    `clinic` tells a clinic's name by its id; None where there is only one, which needs no name.
    """

    link_url: str
    with_words: bool
    clinic: Callable[[str], str] | None = None

    def link(self, alert: Alert) -> str:
        """Where staff see the case."""
        return f"{self.link_url}/staff/cases/{alert.case_id}"

    def title(self, alert: Alert) -> str:
        """One line."""
        said = _EVENTS.get(alert.event, "something happened to case {case}")
        where = f" ({self.clinic(alert.clinic)})" if self.clinic else ""
        return f"{alert.level.upper()}: {said.format(case=alert.case_id)}{where}"

    def text(self, alert: Alert) -> str:
        """A few short lines; times are UTC."""
        at = alert.at.astimezone(timezone.utc)
        lines = [
            f"Level: {alert.level}",
            f"About: {KINDS.get(alert.kind, alert.kind)}",
            *([f"Clinic: {self.clinic(alert.clinic)}"] if self.clinic else []),
            f"Channel: {alert.channel}",
            f"Time: {at:%Y-%m-%d %H:%M} UTC",
            f"Status: {_status(alert)}",
        ]
        if self.with_words and alert.words:
            lines.append(f'Words: "{_shortened(alert.words)}"')
        return "\n".join([*lines, f"Open the case: {self.link(alert)}"])

    def payload(self, alert: Alert) -> dict[str, Any]:
        """The same for programs."""
        payload = {
            "id": event_key(alert),
            "event": alert.event,
            "case": alert.case_id,
            "level": alert.level,
            "kind": alert.kind,
            "channel": alert.channel,
            "clinic": alert.clinic,
            "status": alert.status,
            "acknowledged_by": alert.acknowledged_by,
            "at": alert.at.astimezone(timezone.utc).isoformat(timespec="seconds"),
            "title": self.title(alert),
            "link": self.link(alert),
        }
        if self.with_words and alert.words:
            payload["words"] = _shortened(alert.words)
        return payload


def event_key(alert: Alert) -> str:
    """The name of the event, the same at every try: who got it once may drop the next."""
    return f"case-{alert.case_id}-event-{alert.event_id}"


def _status(alert: Alert) -> str:
    if alert.status != "open":
        return "closed since"
    if alert.acknowledged_by:
        return f"acknowledged by {alert.acknowledged_by}"
    return "nobody has acknowledged it"


def _shortened(words: str) -> str:
    words = " ".join(words.split())
    return words if len(words) <= LONGEST_WORDS else words[: LONGEST_WORDS - 1] + "…"
