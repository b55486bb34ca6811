"""`medassist parse`: what the bot understands of messages, as JSON lines, for programs."""

from __future__ import annotations

import asyncio
import json
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import structlog
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.shared.core.events import SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from medassist.triage.explanation import explain
from medassist.triage.findings import Assessment


def _silence_logs() -> None:
    """Nothing but results on standard output: Rasa's own logger writes messages' words there."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


class ParseInputError(Exception):
    """A line of the input that cannot be read; the message names the line."""


def read_items(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Items `{"id", "turns"}` from JSON lines (`text` or `turns`) or from plain lines.

    Raises ParseInputError for JSON without `text` or `turns`.
    """
    for number, line in enumerate(lines, start=1):
        stripped = line.strip()
        if not stripped:
            continue
        if not stripped.startswith("{"):
            yield {"id": str(number), "turns": [line.rstrip("\n")], "medicine": None}
            continue
        try:
            item = json.loads(stripped)
        except json.JSONDecodeError as error:
            raise ParseInputError(f"Line {number} is not valid JSON: {error.msg}.") from error
        turns = item.get("turns", [item["text"]] if "text" in item else None)
        if not isinstance(turns, list) or not turns or not all(isinstance(t, str) for t in turns):
            raise ParseInputError(
                f'Line {number} needs "text" (a string) or "turns" (a list of strings).'
            )
        yield {"id": item.get("id", str(number)), "turns": turns, "medicine": item.get("medicine")}


def _names(entities: list[dict[str, Any]]) -> list[str]:
    """Every name of what was asked about: the generic one, and the one written if it differs.

    Classes ("antibiotics") and substances ("marijuana") count: people ask about them too.
    """
    names: list[str] = []
    for entity in entities:
        if entity["entity"] in ("medicine", "class", "substance"):
            for name in (entity.get("generic"), entity.get("name")):
                if name and name not in names:
                    names.append(name)
    return names


def describe(item_id: str, parsed: dict[str, Any]) -> dict[str, Any]:
    """One line of output, from what Rasa's pipeline made of a message."""
    entities = parsed["entities"]
    triage = parsed["triage"]
    return {
        "id": item_id,
        "text": parsed["text"],
        "intent": parsed["intent"]["name"],
        "confidence": round(float(parsed["intent"]["confidence"]), 4),
        "ranking": [
            {"name": r["name"], "confidence": round(float(r["confidence"]), 4)}
            for r in parsed.get("intent_ranking", [])
            if r["name"] != "nlu_fallback"
        ][:3],
        "also_asked": parsed.get("also_asked") or [],
        "medicines": _names(entities),
        "level": triage["level"],
        "findings": triage["findings"],
        "rule": triage["rule"],
        "opinion": triage["opinion"],
        "amounts": triage["amounts"],
        "situations": [e["value"] for e in entities if e["entity"] == "situation"],
        "person": next((e["value"] for e in entities if e["entity"] == "person"), "self"),
        "times": [e["value"] for e in entities if e["entity"] == "time"],
        "other": [
            e.get("name") or e["value"]
            for e in entities
            if e.get("role") == "other" or e["entity"] == "substance"
        ],
    }


class Parser:
    """The trained model, loaded once."""

    def __init__(self, model: Path) -> None:
        _silence_logs()
        self._processor = Agent.load(str(model)).processor
        self._silent = CollectingOutputChannel()

    async def parse(self, item: dict[str, Any]) -> dict[str, Any]:
        """Read an item's turns in order and describe the last one.

        `medicine`, if the item has it, is what the conversation is known to be about.
        """
        parsed = await self.understand(item["turns"], item.get("medicine"))
        return describe(item["id"], parsed)

    async def understand(self, turns: Sequence[str], medicine: str | None = None) -> dict[str, Any]:
        """What Rasa's pipeline makes of the last of these messages of one conversation."""
        domain = self._processor.domain
        known = [SlotSet("medicine", medicine)] if medicine else []
        tracker = DialogueStateTracker.from_events(
            "parse", known, slots=domain.slots, domain=domain
        )
        parsed: dict[str, Any] = {}
        for turn in turns:
            parsed = await self._processor.parse_message(UserMessage(turn), tracker)
            tracker.update(
                UserUttered(turn, parsed["intent"], parsed["entities"], parsed),
                self._processor.domain,
            )
            await self._processor.run_action_extract_slots(self._silent, tracker)
        return parsed


def parse_lines(
    model: Path, lines: Iterable[str], wording: Callable[[str, dict[str, Any]], str]
) -> Iterator[str]:
    """What `wording` makes of each item (its id, and what was understood), in order."""
    parser = Parser(model)
    loop = asyncio.new_event_loop()
    try:
        for item in read_items(lines):
            parsed = loop.run_until_complete(parser.understand(item["turns"], item.get("medicine")))
            yield wording(item["id"], parsed)
    finally:
        loop.close()


def as_parse_line(item_id: str, parsed: dict[str, Any]) -> str:
    """`medassist parse`: one JSON object of all that was understood."""
    return json.dumps(describe(item_id, parsed), ensure_ascii=False)


def as_triage_line(item_id: str, parsed: dict[str, Any]) -> str:
    """`medassist triage --json`: one JSON object of how dangerous it is, and why."""
    described = describe(item_id, parsed)
    assessment = Assessment.from_dict(parsed["triage"])
    kept = ("id", "text", "level", "findings", "amounts", "rule", "opinion")
    whole = {key: described[key] for key in kept}
    more = {"rule_id": assessment.rule_id, "kind": assessment.kind, "doubt": assessment.doubt,
            "carried": assessment.carried, "sources": list(assessment.sources)}  # fmt: skip
    return json.dumps({**whole, **more}, ensure_ascii=False)


def as_triage_text(item_id: str, parsed: dict[str, Any]) -> str:
    """`medassist triage`: the same for a person to read."""
    return explain(parsed["text"], Assessment.from_dict(parsed["triage"]))
