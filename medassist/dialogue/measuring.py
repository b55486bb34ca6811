"""Counts and times every turn of Rasa, from outside its parts."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Optional, Text

from rasa.core.actions.action import RemoteAction
from rasa.core.channels.channel import UserMessage
from rasa.core.processor import MessageProcessor
from rasa.engine.graph import GraphNode
from rasa.shared.core.events import BotUttered
from rasa.shared.core.trackers import DialogueStateTracker

from medassist.logging_setup import in_conversation
from medassist.metrics import (
    CHANNELS,
    FALLBACKS,
    LEVELS,
    MESSAGE_LEVELS,
    MESSAGES,
    REPLIES,
    STEP_SECONDS,
    channel_label,
)

STEP_OF_PART = {
    "MedicineRecognizer": "recognise",
    "TopicClassifier": "classify",
    "TriageGate": "triage",
}
"""The parts of the pipeline that are timed, by their class, with their step.

The encoder, which works in a thread of its own, times itself.
"""

FALLBACK = "nlu_fallback"
"""The intent of a message that was not understood."""


def measure_turns() -> None:
    """From now on count and time; call it once, before the model is loaded.

    A turn is counted where Rasa begins it, so that none is missed: not the ones that fail, nor
    those that a database never sees.
    """
    messages = {name: MESSAGES.labels(name) for name in CHANNELS}
    levels = {level: MESSAGE_LEVELS.labels(level) for level in LEVELS}
    replies = {name: REPLIES.labels(name) for name in CHANNELS}
    seconds = {step: STEP_SECONDS.labels(step) for step in (*STEP_OF_PART.values(), "action")}
    of_turn = STEP_SECONDS.labels("reply")

    run_node = GraphNode.__call__
    handle = MessageProcessor.handle_message
    log = MessageProcessor.log_message
    run_action = RemoteAction.run
    send = MessageProcessor._send_bot_messages

    def timed_node(self: GraphNode, *inputs: Any) -> Any:
        step = STEP_OF_PART.get(self._component_class.__name__)
        if step is None or self._fn_name != "process":
            return run_node(self, *inputs)
        with seconds[step].time():
            return run_node(self, *inputs)

    async def counted_turn(
        self: MessageProcessor, message: UserMessage
    ) -> Optional[List[Dict[Text, Any]]]:
        messages[channel_label(message.input_channel)].inc()
        begun = time.perf_counter()
        with in_conversation(message.sender_id):
            try:
                return await handle(self, message)
            finally:
                of_turn.observe(time.perf_counter() - begun)

    async def counted_message(
        self: MessageProcessor, message: UserMessage, should_save_tracker: bool = True
    ) -> DialogueStateTracker:
        tracker = await log(self, message, should_save_tracker)
        latest = tracker.latest_message
        if latest is not None:
            level = ((latest.parse_data or {}).get("triage") or {}).get("level")
            if level in levels:
                levels[level].inc()
            if (latest.intent or {}).get("name") == FALLBACK:
                FALLBACKS.inc()
        return tracker

    async def timed_action(self: RemoteAction, *args: Any, **kwargs: Any) -> Any:
        with seconds["action"].time():
            return await run_action(self, *args, **kwargs)

    async def counted_replies(events: Any, tracker: Any, output_channel: Any) -> None:
        await send(events, tracker, output_channel)
        said = sum(isinstance(event, BotUttered) for event in events)
        if said:
            name = output_channel.name()
            if name == "collector":  # REST collects the replies of a turn
                name = tracker.get_latest_input_channel()
            replies[channel_label(name)].inc(said)

    GraphNode.__call__ = timed_node
    MessageProcessor.handle_message = counted_turn
    MessageProcessor.log_message = counted_message
    MessageProcessor._send_bot_messages = staticmethod(counted_replies)
    RemoteAction.run = timed_action
