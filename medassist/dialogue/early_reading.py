"""Begins to read a message while its conversation is fetched.

What a text means does not depend on what was said before. So the sentence encoder, the longest
part of reading, works in threads of its own while Rasa counts the words and fetches the
conversation; other conversations go on while one waits for it.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any, Dict, List, Text

from rasa.core.channels.channel import UserMessage
from rasa.core.processor import MessageProcessor
from rasa.engine.constants import PLACEHOLDER_MESSAGE
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.shared.core.trackers import DialogueStateTracker

from medassist.dialogue.turn_cost import NODES_DONE, order_of_nodes


def begin_reading(
    runner: DaskGraphRunner, target: Text, message: UserMessage
) -> List["Future[Any]"]:
    """Run the components up to the first that would wait, and return what it waits for."""
    order, nodes = order_of_nodes(runner, (target,)), runner._instantiated_nodes
    if not any(hasattr(nodes[name]._component, "awaited") for name, _ in order):
        return []
    done: Dict[Text, Any] = {PLACEHOLDER_MESSAGE: (PLACEHOLDER_MESSAGE, [message])}
    setattr(message, NODES_DONE, done)
    for name, needs in order:
        inputs, node = [done.get(needed, needed) for needed in needs], nodes[name]
        if hasattr(node._component, "awaited"):
            _, messages = inputs[0]
            awaited: List["Future[Any]"] = node._component.awaited(messages)
            return awaited
        done[name] = node(*inputs)
    return []


def read_while_the_conversation_is_fetched() -> None:
    """Change Rasa's processor so."""
    log, parse = MessageProcessor.log_message, MessageProcessor.parse_message

    async def begin_and_log(
        self: MessageProcessor, message: UserMessage, should_save_tracker: bool = True
    ) -> DialogueStateTracker:
        if not message.parse_data and not self.http_interpreter:
            target = self.model_metadata.nlu_target
            message.awaited = begin_reading(self.graph_runner, target, message)
        return await log(self, message, should_save_tracker)

    async def parse_when_encoded(
        self: MessageProcessor, message: UserMessage, *arguments: Any, **options: Any
    ) -> Dict[Text, Any]:
        for encoded in getattr(message, "awaited", ()):
            if not encoded.done():
                await asyncio.wrap_future(encoded)
        parsed: Dict[Text, Any] = await parse(self, message, *arguments, **options)
        return parsed

    MessageProcessor.log_message = begin_and_log
    MessageProcessor.parse_message = parse_when_encoded
