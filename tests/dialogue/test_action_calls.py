"""An action server that is away for a moment, and one that hangs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from rasa.core.actions import action as rasa_action
from rasa.core.actions.action import RemoteAction
from rasa.core.channels.channel import CollectingOutputChannel
from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import RasaException
from rasa.utils.endpoints import EndpointConfig
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from medassist.dialogue import patience
from tests.web.served import Served, free_port


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list]:
    monkeypatch.setattr(RemoteAction, "run", RemoteAction.run)  # put back afterwards
    monkeypatch.setattr(patience, "AWAY_SECONDS", 4.0)
    monkeypatch.setattr(rasa_action, "DEFAULT_REQUEST_TIMEOUT", 1)
    patience.wait_for_the_action_server()

    def run(port: int, name: str = "action_answer", stay: float = 0.0) -> list:
        action = RemoteAction(name, EndpointConfig(f"http://127.0.0.1:{port}/webhook"))
        domain = Domain.empty()
        tracker = DialogueStateTracker.from_events("somebody", [])
        nlg = TemplatedNaturalLanguageGenerator({})

        async def turn() -> list:
            try:
                return await action.run(CollectingOutputChannel(), nlg, tracker, domain)
            finally:
                await asyncio.sleep(stay)  # Rasa goes on

        return asyncio.run(turn())

    return run


class Actions:
    """An action server that counts its calls."""

    def __init__(self, seconds: float = 0.0, failing: int = 0) -> None:
        self.calls, self.seconds, self.failing = 0, seconds, failing

    async def webhook(self, _request: Request) -> Response:
        self.calls += 1
        await asyncio.sleep(self.seconds)
        if self.calls <= self.failing:  # as ours do when their database is away
            return JSONResponse({"events": [], "responses": [{"text": "Not reached."}]})
        event = {"event": "slot", "name": "medicine", "value": "baclofen", "timestamp": None}
        return JSONResponse({"events": [event], "responses": []})

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/webhook", self.webhook, methods=["POST"])])


def test_an_action_server_that_starts_again_is_waited_for(call: Callable[..., list]) -> None:
    port = free_port()
    actions = Actions()
    served = Served(actions.app, port)
    starting = threading.Timer(1.0, served.start)
    starting.start()
    try:
        assert [event.key for event in call(port)] == ["medicine"]
    finally:
        starting.join()
        served.stop()
    assert actions.calls == 1


def test_when_it_was_away_too_long_staff_are_told_all_the_same(
    call: Callable[..., list], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "AWAY_SECONDS", 0.1)
    monkeypatch.setattr(patience, "LATER_AGAIN_SECONDS", 0.3)
    actions = Actions()
    served = Served(actions.app, free_port())
    starting = threading.Timer(1.0, served.start)
    starting.start()
    try:
        with pytest.raises(RasaException):  # so the guard says that staff were not reached
            call(served.port, "action_alert_staff", stay=6.0)
    finally:
        starting.join()
        served.stop()
    assert actions.calls == 1


@pytest.mark.parametrize(("name", "calls"), [("action_alert_staff", 3), ("action_answer", 1)])
def test_when_its_database_is_away_staff_are_told_when_it_is_back(
    call: Callable[..., list], monkeypatch: pytest.MonkeyPatch, name: str, calls: int
) -> None:
    monkeypatch.setattr(patience, "LATER_AGAIN_SECONDS", 0.2)
    actions = Actions(failing=2)
    served = Served(actions.app, free_port())
    served.start()
    try:
        said = call(served.port, name, stay=3.0)
    finally:
        served.stop()
    assert [event.text for event in said] == ["Not reached."]
    assert actions.calls == calls


def test_one_that_stays_away_is_given_up(call: Callable[..., list]) -> None:
    began = time.monotonic()
    with pytest.raises(RasaException):
        call(free_port())
    assert time.monotonic() - began > 2  # it was waited for


def test_one_that_hangs_is_not_called_twice(call: Callable[..., list]) -> None:
    actions = Actions(seconds=2.0)
    served = Served(actions.app, free_port())
    served.start()
    try:
        with pytest.raises(Exception):  # noqa: B017, PT011 (aiohttp's, whichever)
            call(served.port)
    finally:
        served.stop()
    assert actions.calls == 1
