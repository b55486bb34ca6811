"""Where the time of one message goes in our bot: each part of Rasa's turn, timed in process."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.quiet import silence_logs
from medassist.dialogue.early_reading import read_while_the_conversation_is_fetched
from medassist.dialogue.own_actions import run_actions_here
from medassist.dialogue.turn_cost import spare_repeated_work

TURNS = 5
"""Messages of one conversation."""


class Stopwatch:
    """Adds up the milliseconds of named parts."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = defaultdict(float)
        self.running = False

    def add(self, part: str, begun: float) -> None:
        """Count the time since `begun` for this part, once the warm-up is over."""
        if self.running:
            self.taken[part] += 1000 * (time.perf_counter() - begun)

    def of_calls(self, owner: Any, name: str, part: Callable[..., str]) -> None:
        """Time each call of `owner.name`; `part` names it from the call's arguments."""
        original = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            begun = time.perf_counter()
            try:
                return original(*args, **kwargs)
            finally:
                self.add(part(*args), begun)

        setattr(owner, name, timed)

    def of_coroutines(self, owner: Any, name: str, part: Callable[..., str]) -> None:
        """The same for a coroutine function."""
        original = getattr(owner, name)

        async def timed(*args: Any, **kwargs: Any) -> Any:
            begun = time.perf_counter()
            try:
                return await original(*args, **kwargs)
            finally:
                self.add(part(*args), begun)

        setattr(owner, name, timed)


def time_of_parts(
    model: Path, endpoints: Path, texts: Sequence[str], var: Path
) -> list[tuple[str, float]]:
    """Mean milliseconds a message, by part; the last line is the whole turn.

    Actions run here, as `medassist run` runs them. Conversations have `TURNS` messages.
    """
    import os

    os.environ["MEDASSIST_VAR"] = str(var)
    silence_logs()
    spare_repeated_work()
    read_while_the_conversation_is_fetched()
    run_actions_here()
    import rasa.core.actions.action as actions
    from rasa.core.agent import load_agent
    from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
    from rasa.core.utils import AvailableEndpoints
    from rasa.engine.graph import GraphNode

    watch = Stopwatch()
    watch.of_calls(GraphNode, "__call__", lambda node, *_: _part_of(node._node_name))
    watch.of_coroutines(actions.RemoteAction, "run", lambda *_: "action")
    watch.of_coroutines(actions.ActionExtractSlots, "run", lambda *_: "slots")
    watch.of_coroutines(actions.ActionBotResponse, "run", lambda *_: "fixed words")

    async def converse() -> list[tuple[str, float]]:
        agent = await load_agent(
            model_path=str(model), endpoints=AvailableEndpoints.read_endpoints(str(endpoints))
        )
        store = agent.tracker_store
        watch.of_coroutines(store, "retrieve", lambda *_: "conversation store, read")
        watch.of_coroutines(store, "save", lambda *_: "conversation store, write")
        for warm in (True, False):
            watch.running = not warm
            begun = time.perf_counter()
            for number, text in enumerate(texts):
                sender = f"{'warm' if warm else 'timed'}-{number // TURNS}"
                await agent.handle_message(UserMessage(text, CollectingOutputChannel(), sender))
            whole = 1000 * (time.perf_counter() - begun)
        count = len(texts)
        parts = sorted(((n, t / count) for n, t in watch.taken.items()), key=lambda p: -p[1])
        rest = whole / count - sum(taken for _, taken in parts)
        return [*parts, ("the rest of Rasa's turn", rest), ("whole turn", whole / count)]

    return asyncio.run(converse())


def _part_of(node: str) -> str:
    """A readable name of a node of Rasa's graph ("run_medassist.nlu.triage.TriageGate8")."""
    name = node.removeprefix("run_").rpartition(".")[2].rstrip("0123456789")
    return {"nlu_message_converter": "message in", "select_prediction": "policies' choice"}.get(
        name, name
    )
