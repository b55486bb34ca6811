"""The website's connector: replies reach a front door that was away, in their order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from medassist.channels import website
from medassist.channels.website import WebsiteOutput
from medassist.settings import load_settings
from tests.cases.receivers import Receiver
from tests.conftest import free_port


def test_replies_wait_for_a_front_door_that_is_away_and_come_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(website, "AGAIN_SECONDS", 0.1)
    front_door = Receiver(port=free_port())
    environment = {"MEDASSIST_VAR": str(tmp_path), "MEDASSIST_PORT": str(front_door.port)}
    settings = load_settings({**environment, "MEDASSIST_INTERNAL_SECRET": "a-secret-of-the-tests"})

    async def turn() -> None:
        async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
            output = WebsiteOutput(settings, client, "message-one")
            await output.send_response("somebody", {"text": "Call 911 now."})
            front_door.start()  # it is back in the middle of the turn
            await output.send_response("somebody", {"text": "Staff are told."})
            await output.hand_over_the_rest()

    try:
        asyncio.run(turn())
    finally:
        front_door.stop()
    assert [r.data["reply"]["id"] for r in front_door.received] == [
        "message-one.0", "message-one.1",
    ]  # fmt: skip
