"""A table of events as Rasa's own tracker store makes it, with what patients wrote in it."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any

from rasa.core.tracker_store import SQLTrackerStore
from sqlalchemy import insert
from sqlalchemy.engine import Engine


def make_events(engine: Engine) -> None:
    """Rasa's table, by Rasa's own description of it."""
    SQLTrackerStore.Base.metadata.create_all(engine)


def write(
    engine: Engine,
    at: datetime,
    text: str = "how much may I take",
    intent: str | None = "ask_dose",
    confidence: float = 0.9,
    conversation: str = "web-1",
    channel: str = "website",
    **more: Any,
) -> str:
    """Store a message of a patient, as Rasa stores it; returns its message id."""
    ranking = [
        {"name": intent if intent != "nlu_fallback" else "ask_dose", "confidence": confidence},
        {"name": "ask_uses", "confidence": 0.2},
        {"name": "ask_storage", "confidence": 0.1},
    ]
    if intent == "nlu_fallback":
        ranking.insert(0, {"name": "nlu_fallback", "confidence": 0.7})
    message_id = uuid.uuid4().hex
    data = {
        "event": "user",
        "timestamp": at.timestamp(),
        "text": text,
        "parse_data": {"intent": {"name": intent}, "intent_ranking": ranking if intent else []},
        "input_channel": channel,
        "message_id": message_id,
        **more,
    }
    events = SQLTrackerStore.SQLEvent.__table__
    with engine.begin() as connection:
        connection.execute(
            insert(events).values(
                sender_id=conversation,
                type_name="user",
                timestamp=at.timestamp(),
                intent_name=intent,
                data=json.dumps(data),
            )
        )
        connection.execute(
            insert(events).values(
                sender_id=conversation,
                type_name="bot",
                timestamp=at.timestamp() + 1,
                data=json.dumps({"event": "bot", "text": "An answer."}),
            )
        )
    return message_id
