"""`medassist parse`: what the bot understands of messages, as JSON lines, for programs."""

from __future__ import annotations

import asyncio
import json
import logging
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import structlog
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker


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
            yield {"id": str(number), "turns": [line.rstrip("\n")]}
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
        yield {"id": item.get("id", str(number)), "turns": turns}


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
        "medicines": _names(entities),
        "level": triage["verdict"],
        "findings": triage["findings"],
        "rule": triage["verdict_rule"],
        "amounts": triage.get("amounts", []),
        "situations": [e["value"] for e in entities if e["entity"] == "situation"],
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
        """Read an item's turns in order and describe the last one."""
        tracker = DialogueStateTracker.from_events(
            "parse", [], slots=self._processor.domain.slots, domain=self._processor.domain
        )
        parsed: dict[str, Any] = {}
        for turn in item["turns"]:
            parsed = await self._processor.parse_message(UserMessage(turn), tracker)
            tracker.update(
                UserUttered(turn, parsed["intent"], parsed["entities"], parsed),
                self._processor.domain,
            )
            await self._processor.run_action_extract_slots(self._silent, tracker)
        return describe(item["id"], parsed)


def parse_lines(model: Path, lines: Iterable[str]) -> Iterator[str]:
    """JSON lines out, in the order of the lines in."""
    parser = Parser(model)
    loop = asyncio.new_event_loop()
    try:
        for item in read_items(lines):
            described = loop.run_until_complete(parser.parse(item))
            yield json.dumps(described, ensure_ascii=False)
    finally:
        loop.close()
