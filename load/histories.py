"""Made-up conversations as Rasa would have stored them, written in bulk."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from psycopg2.extras import execute_values
from rasa.shared.core.events import (
    ActionExecuted,
    BotUttered,
    DefinePrevUserUtteredFeaturization,
    Event,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from sqlalchemy.engine import Engine

from load.words import Phrases, conversation
from medassist.triage.assess import Triage

COLUMNS = ("sender_id", "type_name", "timestamp", "intent_name", "action_name", "data")
BATCH = 50_000
"""Rows written at once."""
INTENTS = ("ask_dose", "ask_uses", "ask_side_effects", "ask_interactions", "affirm", "inform")
ANSWER = (
    "Most adults begin with a small dose, and it is raised slowly.\n"
    "• Take it at the same times each day.\n• Do not take more than your prescriber said.\n"
    "• Other medicines and illnesses may change what is right for you.\n"
) * 3
BUTTONS = [{"title": words, "payload": words} for words in ("How long?", "With food?", "Alcohol?")]

Row = tuple[str, str, float, str | None, str | None, str]


class Writer:
    """Makes the events of turns. One message in a few holds a fact of the triage, as in life."""

    def __init__(self, triage: Triage, phrases: Phrases, seed: int = 1) -> None:
        self._chance = random.Random(seed)
        self._phrases = phrases
        self._triage = triage
        self._found: dict[str, dict[str, Any]] = {}

    def conversations(self) -> Iterator[Row]:
        """Conversations of other people, without end."""
        while True:
            sender = f"web-{self._chance.getrandbits(128):032x}"
            at = time.time() - self._chance.uniform(0, 90 * 86_400)
            yield from self.rows(sender, conversation(self._phrases, self._chance), at)

    def long_conversation(self, sender: str, messages: int) -> Iterator[Row]:
        """One conversation of so many messages, in one session."""
        said: list[str] = []
        while len(said) < messages:
            said += conversation(self._phrases, self._chance)
        yield from self.rows(sender, said[:messages], time.time() - 86_400)

    def rows(self, sender: str, said: list[str], at: float) -> Iterator[Row]:
        """What the tracker store's table holds of a conversation that begins at this time."""
        events: list[Event] = [
            ActionExecuted("action_session_start"),
            SessionStarted(),
            ActionExecuted("action_listen"),
        ]
        for text in said:
            events += self.turn(text)
        for event in events:
            at += 0.01
            event.timestamp = at
            event.metadata = {"model_id": "0" * 32, "assistant_id": "medassist"}
            data = event.as_dict()
            intent = data.get("parse_data", {}).get("intent", {}).get("name")
            yield sender, event.type_name, at, intent, data.get("name"), json.dumps(data)

    def turn(self, text: str) -> list[Event]:
        """The ten events of one message and its reply."""
        intent = {"name": self._chance.choice(INTENTS), "confidence": 0.99}
        ranking = [{"name": name, "confidence": self._chance.random()} for name in INTENTS]
        parsed = {
            "text": text,
            "intent": intent,
            "entities": [],
            "text_tokens": [[n, n + 4] for n in range(0, len(text), 5)],
            "intent_ranking": ranking,
            "triage": self._assessed(text),
        }
        reply = {"buttons": BUTTONS, "custom": {"topic": "dose", "level": "routine"}}
        return [
            UserUttered(text, intent, [], parsed),
            SlotSet("level", parsed["triage"]["level"]),
            SlotSet("medicine", "baclofen"),
            DefinePrevUserUtteredFeaturization(False),
            ActionExecuted("action_answer", "RulePolicy", 1.0),
            BotUttered(ANSWER, reply),
            SlotSet("pending_topic", None),
            SlotSet("open_question", None),
            SlotSet("failed_tries", 0),
            ActionExecuted("action_listen", "RulePolicy", 1.0),
        ]

    def _assessed(self, text: str) -> dict[str, Any]:
        """What the triage finds in it; each text is assessed once."""
        if text not in self._found:
            self._found[text] = self._triage.assess(text).to_dict()
        return self._found[text]


def write(engine: Engine, rows: Iterator[Row], number: int | None = None) -> int:
    """Put `number` rows (or all there are) into Rasa's table; how many they were."""
    wanted = islice(rows, number)
    written = 0
    while batch := list(islice(wanted, BATCH)):
        raw = engine.raw_connection()
        try:
            cursor = raw.cursor()
            into = f"INSERT INTO events ({', '.join(COLUMNS)}) VALUES"
            if engine.dialect.name == "postgresql":  # no COPY: medassist/storage/hanging.py
                execute_values(cursor, f"{into} %s", batch, page_size=1_000)
            else:
                marks = ", ".join("?" * len(COLUMNS))
                cursor.executemany(f"{into} ({marks})", batch)
            raw.commit()
        finally:
            raw.close()
        written += len(batch)
    return written
