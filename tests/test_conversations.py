"""Every conversation of tests/conversations, over HTTP, against the real servers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import Bot

FOLDER = Path(__file__).parent / "conversations"


def conversations() -> list[Any]:
    rows = []
    for path in sorted(FOLDER.glob("*.yml")):
        for conversation in YAML(typ="safe").load(path.read_text(encoding="utf-8")):
            label = f"{path.stem}: {conversation['name']}"
            rows.append(pytest.param(conversation, id=label))
    return rows


def folded(text: str) -> str:
    return re.sub(r"\s+", " ", text).lower()


def check_turn(turn: dict[str, Any], replies: list[dict[str, Any]]) -> None:
    texts = [reply["text"] for reply in replies if reply.get("text")]
    customs = [reply["custom"] for reply in replies if reply.get("custom")]
    titles = [b["title"] for reply in replies for b in reply.get("buttons") or []]
    said = folded("\n".join(texts))
    assert texts, f"silence after {turn.get('user')!r}"
    if "first" in turn:
        assert folded(turn["first"]) in folded(texts[0]), texts[0]
    for wanted in turn.get("says", []):
        choices = wanted if isinstance(wanted, list) else [wanted]
        assert any(folded(str(choice)) in said for choice in choices), f"{wanted!r} not in: {said}"
    for unwanted in turn.get("never", []):
        assert folded(unwanted) not in said, f"{unwanted!r} in: {said}"
    if "custom" in turn:
        wanted = turn["custom"].items()
        assert any(all(c.get(k) == v for k, v in wanted) for c in customs), customs
    for wanted in turn.get("buttons", []):
        assert any(wanted.lower() in title.lower() for title in titles), titles


@pytest.mark.parametrize("conversation", conversations())
def test_the_bot_answers(bot: Bot, sender: str, conversation: dict[str, Any]) -> None:
    for turn in conversation["turns"]:
        repeat = turn.get("user_repeat")
        text = repeat["text"] * repeat["times"] if repeat else turn["user"]
        check_turn(turn, bot.say(text, sender))
