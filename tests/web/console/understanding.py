"""What the trained model would say of a message, from the rules alone: no model is needed.

The danger rules, situations, ages and times are the real ones; only the topic is not looked at.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from medassist.medicines.files import Medicine, read_medicine
from medassist.medicines.situations import Situations
from medassist.nlu.times import times
from medassist.settings import ROOT
from medassist.triage.assess import Assessment, Triage

DATA = ROOT / "data"
OTHERS = ("vodka", "alcohol", "ibuprofen", "oxycodone")


@lru_cache(maxsize=1)
def baclofen() -> Medicine:
    return read_medicine(DATA / "medicines" / "baclofen.yml")


@lru_cache(maxsize=1)
def triage() -> Triage:
    return Triage.load(DATA / "safety")


@lru_cache(maxsize=1)
def situations() -> Situations:
    return Situations.load(DATA / "situations.yml")


def entities_of(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for match in re.finditer(r"\b(?:baclofen|lioresal)\b", text, re.IGNORECASE):
        found.append({"entity": "medicine", "value": "baclofen", "role": "patient",
                      "start": match.start(), "end": match.end()})  # fmt: skip
    for match in re.finditer(rf"\b(?:{'|'.join(OTHERS)})\b", text, re.IGNORECASE):
        found.append({"entity": "substance", "value": match[0].lower(),
                      "start": match.start(), "end": match.end()})  # fmt: skip
    for told in situations().find(text):
        found.append({"entity": "situation", "value": told.situation.value,
                      "start": told.start, "end": told.end})  # fmt: skip
    for said in times(text):
        found.append({"entity": "time", "value": said.text, "start": said.start, "end": said.end})
    return found


def understand(text: str, events: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """`parse_data` of a text after these events of its conversation."""
    earlier = [
        Assessment.from_dict(event["parse_data"]["triage"])
        for event in events or []
        if event.get("event") == "user" and event.get("parse_data")
    ]
    assessment = triage().assess(text, medicine=baclofen(), earlier=earlier)
    topic = "ask_missed_dose" if "missed" in text.lower() else "inform"
    named = f"report_{assessment.kind}" if assessment.kind else topic
    return {
        "intent": {"name": named, "confidence": 0.9},
        "intent_ranking": [{"name": named, "confidence": 0.9}],
        "entities": entities_of(text),
        "triage": {**assessment.to_dict(), "classified": {"name": topic, "confidence": 0.9}},
        "also_asked": [],
    }
