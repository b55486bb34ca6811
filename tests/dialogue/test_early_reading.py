"""Reading that began before the conversation was there comes to the same result."""

from __future__ import annotations

import uuid
from types import SimpleNamespace

import httpx
import pytest
from rasa.engine.graph import GraphSchema, SchemaNode

from medassist.dialogue.early_reading import begin_reading
from medassist.dialogue.turn_cost import NODES_DONE
from tests.conftest import Bot


class Node:
    """A node of a trained graph whose component writes down that it ran."""

    def __init__(self, name: str, ran: list[str], component: object) -> None:
        self.name, self.ran, self._component = name, ran, component

    def __call__(self, *inputs: object) -> tuple[str, object]:
        self.ran.append(self.name)
        return self.name, [f"{self.name} of {len(inputs)}"]


def test_components_run_up_to_the_first_that_would_wait() -> None:
    def after(name: str) -> SchemaNode:
        return SchemaNode({"messages": name}, Node, "create", "process", {})

    ran: list[str] = []
    waits = SimpleNamespace(awaited=lambda messages: ["what comes of", *messages])
    runner = SimpleNamespace(
        _graph_schema=GraphSchema(
            {"words": after("__message__"), "meaning": after("words"), "topic": after("meaning")}
        ),
        _instantiated_nodes={
            "words": Node("words", ran, object()),
            "meaning": Node("meaning", ran, waits),
            "topic": Node("topic", ran, object()),
        },
    )
    message = SimpleNamespace()
    assert begin_reading(runner, "topic", message) == ["what comes of", "words of 1"]
    assert ran == ["words"]
    assert getattr(message, NODES_DONE)["words"] == ("words", ["words of 1"])


@pytest.mark.parametrize(
    "text",
    [
        "can i drive on baclofen",
        "i missed my baclofen dose and feel dizzy, can i take two?",
        "what is the weather. my lips are blue and i can't breathe. what time is it",
        "/",
        "🙂",
    ],
)
def test_a_message_of_a_conversation_is_read_as_it_is_read_alone(bot: Bot, text: str) -> None:
    sender, url = uuid.uuid4().hex, bot.settings.rasa_url
    secret = {"token": bot.settings.internal_secret or ""}
    bot.say(text, sender)
    with httpx.Client(params=secret, timeout=60) as client:
        alone = client.post(f"{url}/model/parse", json={"text": text}).json()
        events = client.get(f"{url}/conversations/{sender}/tracker").json()["events"]
    read = next(event["parse_data"] for event in events if event["event"] == "user")
    for key in ("intent", "intent_ranking", "also_asked", "entities"):
        assert read.get(key) == alone.get(key)
    assert read["triage"]["level"] == alone["triage"]["level"]
    assert read["triage"]["opinion"] == alone["triage"]["opinion"]
