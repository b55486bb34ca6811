"""Opens cases as the actions of the bot do, and conversations that led to them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import Engine

from medassist.cases.cases import open_case
from tests.web.console.understanding import understand
from tests.web.rasa_stand_in import StandInRasa

OVERDOSE = "I took 12 baclofen 10mg tablets with some vodka an hour ago, now i cant stay awake"
MISTAKE = "I took two baclofen tablets instead of one this morning by mistake"


def raise_case(
    engine: Engine, sender: str, text: str, parsed: dict[str, Any], channel: str = "website"
) -> int | None:
    """What `action_alert_staff` does after a message; None for one that raises nothing."""
    triage = parsed["triage"]
    if triage["level"] == "routine" and "person" not in text:
        return None
    told = parsed["entities"]
    return open_case(
        engine,
        conversation=sender,
        channel=channel,
        level=triage["level"],
        kind=triage["kind"] or "person",
        detail={
            "words": text,
            "medicine": "baclofen" if "baclofen" in text else None,
            "situations": [e["value"] for e in told if e["entity"] == "situation"],
            "other_medicine": None,
            "person": None,
            "amount": None,
            "time": next((e["value"] for e in told if e["entity"] == "time"), None),
            "assessment": triage,
        },
        targets=(),
    )


def alerting(engine: Engine) -> Callable[[str, str, dict[str, Any]], None]:
    """For the `act` of a stand-in Rasa: cases are opened as the bot's actions open them."""

    def act(sender: str, text: str, parsed: dict[str, Any]) -> None:
        raise_case(engine, sender, text, parsed)

    return act


def conversation_with(
    engine: Engine, rasa: StandInRasa, *texts: str, channel: str = "website", sender: str = ""
) -> tuple[str, int]:
    """A conversation in which a patient wrote these, and the number of its case."""
    sender = sender or f"web-{uuid.uuid4().hex}"
    case_id: int | None = None
    for text in texts:
        parsed = understand(text, rasa.events.get(sender, []))
        rasa.store(
            sender,
            [{"event": "user", "text": text, "message_id": str(uuid.uuid4()),
              "timestamp": time.time(), "input_channel": channel, "parse_data": parsed},
             {"event": "bot", "text": "A robot's reply.", "data": {}, "timestamp": time.time()}],
        )  # fmt: skip
        case_id = raise_case(engine, sender, text, parsed, channel) or case_id
    rasa.own_slots[sender] = {"medicine": "baclofen"}
    assert case_id is not None
    return sender, case_id
