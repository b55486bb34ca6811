"""Rasa's own server with our connectors and its HTTP API; only what answers is a script.

Server, lock store, tracker store and the API are Rasa's. In place of a trained model stands
`Turns`, which says what the script has for a text, as the pipeline and the rules would.
"""

from __future__ import annotations

import asyncio
import threading
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from rasa.core.channels.channel import InputChannel, OutputChannel, UserMessage
from rasa.core.lock_store import InMemoryLockStore
from rasa.core.run import configure_app
from rasa.core.tracker_store import InMemoryTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, BotUttered, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker, EventVerbosity
from sanic import Sanic

from medassist.cases.clinics import Clinics
from medassist.channels.website import WebsiteInput
from medassist.dialogue.responses import RegionalResponses
from medassist.settings import ROOT, Settings

SECRET = "the-installation's-secret"

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Rasa warns at every domain that has slots
    DOMAIN = Domain.load(str(ROOT / "domain.yml"))


def echo(text: str) -> list[dict[str, Any]]:
    return [{"text": f"You said: {text}"}]


@dataclass
class Turns:
    """`script` says what answers a text (else it is echoed); `got` is what came, in order.

    A script that is a name is that response of domain.yml, worded as Rasa words it. A text of `breaking` makes the turn fail before it says anything; one of `hanging` never
    ends. `sets` are slots that a text sets. `trackers` are what an action would be given.
    """

    script: dict[str, Any] = field(default_factory=dict)
    got: list[tuple[str, str]] = field(default_factory=list)
    breaking: set[str] = field(default_factory=set)
    hanging: set[str] = field(default_factory=set)
    sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    delay: float = 0.0
    trackers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.got]

    @property
    def conversation(self) -> str:
        return self.got[-1][0]


class StandInAgent:
    """As rasa.core.agent.Agent, as far as the server and the connectors use it."""

    def __init__(self, turns: Turns, settings: Settings) -> None:
        self.turns = turns
        self.responses = RegionalResponses(None, DOMAIN, Clinics(settings))
        self.domain = DOMAIN
        self.tracker_store = InMemoryTrackerStore(DOMAIN)
        self.lock_store = InMemoryLockStore()
        self.processor = self
        self.ready = True

    def is_ready(self) -> bool:
        return self.ready

    async def parse_message(self, text: str) -> dict[str, Any]:
        return {"triage": {"level": self.turns.sets.get(text, {}).get("level", "routine")}}

    def is_core_ready(self) -> bool:
        return self.ready

    async def get_tracker(self, conversation: str, **_: Any) -> DialogueStateTracker:
        return await self.tracker_store.get_or_create_tracker(
            conversation, append_action_listen=False
        )

    fetch_tracker_with_initial_session = get_tracker
    fetch_tracker_and_update_session = get_tracker
    fetch_full_tracker_with_initial_session = get_tracker

    async def execute_side_effects(
        self, events: Sequence[Any], tracker: DialogueStateTracker, output: OutputChannel
    ) -> None:
        for event in events:
            if isinstance(event, BotUttered):
                await output.send_response(tracker.sender_id, event.message())

    async def handle_message(self, message: UserMessage) -> None:
        async with self.lock_store.lock(message.sender_id):
            self.turns.got.append((message.sender_id, message.text))
            tracker = await self.get_tracker(message.sender_id)
            tracker.update(ActionExecuted("action_listen"))
            tracker.update(
                UserUttered(
                    message.text,
                    input_channel=message.input_channel,
                    message_id=message.message_id,
                    metadata=message.metadata,
                )
            )
            await asyncio.sleep(self.turns.delay)
            while message.text in self.turns.hanging:
                await asyncio.sleep(0.02)
            if message.text in self.turns.breaking:
                raise ValueError(message.text)
            for name, value in self.turns.sets.get(message.text, {}).items():
                tracker.update(SlotSet(name, value), DOMAIN)
            if not tracker.get_slot("handover"):
                replies = self.turns.script.get(message.text)
                if isinstance(replies, str):
                    channel = message.input_channel or ""
                    replies = [await self.responses.generate(replies, tracker, channel)]
                for reply in echo(message.text) if replies is None else replies:
                    await message.output_channel.send_response(message.sender_id, dict(reply))
                    data = {k: reply.get(k) for k in ("buttons", "custom")}
                    tracker.update(BotUttered(reply.get("text"), data))
            self.turns.trackers.append(tracker.current_state(EventVerbosity.ALL))
            await self.tracker_store.save(tracker)


class RasaServer:
    """In a thread, on a port of its own; a second one is another worker, or the next run."""

    def __init__(self, channels: Sequence[InputChannel], port: int, agent: StandInAgent) -> None:
        self.channels, self.port, self.agent = channels, port, agent
        self.url = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        Sanic.test_mode = True
        self._loop = asyncio.new_event_loop()
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 20
        while True:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/version", timeout=1, trust_env=False).is_success:
                    return
            assert self._thread.is_alive(), "it did not start"
            assert time.monotonic() < deadline, "it did not start in time"
            time.sleep(0.02)

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        if self._thread.is_alive() and self._stopping:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(20)

    def push(self, conversation: str, events: list[dict[str, Any]], token: str = SECRET) -> Any:
        """Append events through Rasa's HTTP API and have them said, as the console does."""
        return httpx.post(
            f"{self.url}/conversations/{conversation}/tracker/events",
            params={
                "output_channel": "latest",
                "execute_side_effects": "true",
                "token": token,
            },
            json=events,
            timeout=20,
            trust_env=False,
        )

    def tracker(self, conversation: str) -> dict[str, Any]:
        response = httpx.get(
            f"{self.url}/conversations/{conversation}/tracker",
            params={"include_events": "ALL", "token": SECRET},
            trust_env=False,
        )
        found: dict[str, Any] = response.raise_for_status().json()
        return found

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        app = configure_app(
            list(self.channels), enable_api=True, auth_token=SECRET, port=self.port,
            use_uvloop=False,
        )  # fmt: skip
        app.ctx.agent = self.agent
        server = await app.create_server(
            host="127.0.0.1", port=self.port, return_asyncio_server=True, access_log=False
        )
        await server.startup()
        await server.before_start()
        await server.after_start()
        await server.start_serving()
        app.is_running = True  # Sanic's own runner says so; tasks need it
        await self._stopping.wait()
        await server.before_stop()
        server.close()
        await server.wait_closed()
        for channel in self.channels:
            if isinstance(channel, WebsiteInput):
                await channel._front_door.aclose()
        for connection in list(server.connections or ()):
            connection.close_if_idle()
        await asyncio.sleep(0.02)
        await server.after_stop()
