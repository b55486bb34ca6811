"""Of Rasa, only the doors of the channels that are on can be reached from outside."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from medassist.settings import load_settings
from medassist.storage.database import migrate, open_database
from medassist.web.app import create_app
from tests.web.rasa_stand_in import SECRET
from tests.web.served import Served, free_port


@pytest.fixture
def reached() -> list[str]:
    """The paths that came as far as Rasa."""
    return []


@pytest.fixture
def front_door(tmp_path: Path, reached: list[str]) -> Iterator[Served]:
    settings = load_settings(
        {
            "MEDASSIST_VAR": str(tmp_path),
            "MEDASSIST_PORT": str(free_port()),
            "MEDASSIST_RASA_PORT": str(free_port()),
            "MEDASSIST_INTERNAL_SECRET": SECRET,
            "MEDASSIST_PUBLIC_URL": "https://bot.example",
            "MEDASSIST_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "MEDASSIST_TWILIO_AUTH_TOKEN": "0" * 32,
            "MEDASSIST_SMS_NUMBERS": "+15550100123",
        }
    )
    engine = open_database(settings.database_url)
    migrate(engine)
    engine.dispose()

    async def everything(request: Request) -> Response:
        reached.append(request.scope["path"])
        return PlainTextResponse("reached")

    rasa = Served(
        lambda: Starlette(routes=[Route("/{path:path}", everything, methods=["GET", "POST"])]),
        settings.rasa_port,
    )
    door = Served(lambda: create_app(settings), settings.front_door_port)
    rasa.start()
    door.start()
    yield door
    door.stop()
    rasa.stop()


def post_bare(port: int, path: str) -> int:
    """The status of a path sent as it stands: a client library would tidy its dots away."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        body = json.dumps({"sender": "x", "message": "hello"})
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_door_of_a_channel_that_is_on_leads_to_rasa(
    front_door: Served, reached: list[str]
) -> None:
    assert post_bare(front_door.port, "/webhooks/sms/messages") == 200
    assert reached == ["/webhooks/sms/messages"]


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/rest/webhook",
        "/webhooks/website/messages",
        "/webhooks/telegram/updates",
        "/webhooks/sms/../rest/webhook",
        "/webhooks/sms/./../rest/webhook",
        "/webhooks/sms/..",
        "/webhooks/sms/../../conversations/x/tracker",
        "/webhooks/sms/%2e%2e/rest/webhook",
        "/webhooks/sms/..%2frest%2fwebhook",
        "/webhooks/sms//../rest/webhook",
        "/webhooks/sms/messages/../../rest/webhook",
        "/conversations/x/tracker",
        "/model/parse",
    ],
)
def test_no_other_address_of_rasa_can_be_reached(
    front_door: Served, reached: list[str], path: str
) -> None:
    assert post_bare(front_door.port, path) in (404, 405)
    assert reached == []
