"""What one address can take from everybody else: connections, room, time, memory."""

from __future__ import annotations

import secrets
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from medassist.web import patience
from medassist.web.app import create_app
from medassist.web.hub import Hub
from tests.conftest import Bot
from tests.web.conftest import QUICK, settings_in
from tests.web.patient import Patient
from tests.web.served import Served


def connected(port: int, sent: bytes) -> socket.socket:
    plug = socket.create_connection(("127.0.0.1", port), timeout=10)
    plug.sendall(sent)
    return plug


def drip(plug: socket.socket, drops: int = 400, every: float = 0.02) -> bool:
    """Send a byte now and then; whether the other side has let go in the meantime."""
    plug.settimeout(every)
    for _ in range(drops):
        try:
            plug.sendall(b"a")
            if plug.recv(1) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


# ── slow senders ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "beginning",
    [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "],
    ids=["nothing", "a letter", "a header without an end"],
)
def test_whoever_never_finishes_a_requests_head_is_let_go(
    front_door: Served, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.3)
    with connected(front_door.port, beginning) as plug:
        if not beginning:
            plug.settimeout(10)
            assert plug.recv(1) == b""
        else:
            assert drip(plug)


def test_a_second_request_on_a_connection_has_the_same_time(
    front_door: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.3)
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with connected(front_door.port, whole) as plug:
        answer = b""
        while b'{"status":"ok"}' not in answer:
            answer += plug.recv(4096)
        time.sleep(0.5)  # a quiet connection is not a slow request
        plug.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        assert drip(plug)


def test_a_body_that_does_not_come_is_refused_with_a_word(
    front_door: Served, monkeypatch: pytest.MonkeyPatch, patient: Patient
) -> None:
    monkeypatch.setattr(patience.WholeBodies, "SECONDS", 0.3)
    head = (
        b"POST /chat/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n"
        b"X-Conversation-Key: " + patient.key.encode() + b'\r\n\r\n{"id": "'
    )
    with connected(front_door.port, head) as plug:
        assert plug.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_a_stream_is_not_a_slow_request(
    front_door: Served, monkeypatch: pytest.MonkeyPatch, patient: Patient
) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(patience.WholeBodies, "SECONDS", 0.2)
    stream = patient.listen()
    time.sleep(0.8)
    patient.say("still there?")
    assert stream.reply()["text"] == "You said: still there?"


# ── large heads ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nCookie: " + b"a" * 2_000_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 2_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 250_000 + b"\r\n",
    ],
    ids=["a header", "an address", "many headers"],
)
def test_a_head_over_the_limit_is_refused(front_door: Served, head: bytes) -> None:
    with connected(front_door.port, b"") as plug:
        try:
            plug.sendall(head)
            assert plug.recv(4096).startswith(b"HTTP/1.1 400 ")
        except ConnectionError:
            pass  # it closed while we were still sending
    assert httpx.get(f"{front_door.url}/healthz").status_code == 200


# ── smuggling: two readings of one request ──────────────────────────────────────────────────


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nContent-Length: 50\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length: 5, 50\r\n",
        b"X: y\r\n Transfer-Encoding\x00: chunked\r\n",
    ],
    ids=range(7),
)
def test_a_request_whose_end_is_not_clear_is_refused_and_the_connection_closed(
    front_door: Served, framing: bytes
) -> None:
    hidden = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    request = b"POST /chat/conversations HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n0\r\n\r\n"
    with connected(front_door.port, request + hidden) as plug:
        answer = b""
        try:
            while chunk := plug.recv(4096):
                answer += chunk
        except ConnectionError:
            pass
    assert answer[9:12] in (b"400", b"501")
    assert b'"ok"' not in answer


def test_a_chunk_that_does_not_end_as_it_says_is_refused(front_door: Served) -> None:
    request = (
        b"POST /internal/replies HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\n{}XX0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    with connected(front_door.port, request) as plug:
        answer = b""
        try:
            while chunk := plug.recv(4096):
                answer += chunk
        except ConnectionError:
            pass
    assert b'"ok"' not in answer


# ── room ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/chat/history"), ("GET", "/chat/events"), ("POST", "/chat/thumbs")],
)
def test_made_up_keys_take_no_room_beyond_the_share_of_their_address(
    tmp_path: Path, method: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hubs: list[Hub] = []
    make = Hub.__init__

    def remembered(hub: Hub, **more: Any) -> None:
        make(hub, **more)
        hubs.append(hub)

    monkeypatch.setattr(Hub, "__init__", remembered)
    settings = settings_in(tmp_path, MEDASSIST_NEW_CONVERSATIONS="3")
    served = Served(lambda: create_app(settings, QUICK), settings.front_door_port)
    served.start()
    try:
        codes = []
        for _ in range(10):
            headers = {"X-Conversation-Key": secrets.token_urlsafe(32)}
            with httpx.stream(method, served.url + path, headers=headers) as answer:
                codes.append(answer.status_code)
        assert 429 not in codes[:3]
        assert codes[3:] == [429] * 7
        assert len(hubs[0]) == 3
    finally:
        served.stop()


# ── as it is started ────────────────────────────────────────────────────────────────────────


def test_the_running_front_door_has_these_limits(bot: Bot) -> None:
    answer = httpx.get(f"{bot.settings.front_door_url}/healthz")
    assert "server" not in answer.headers
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nCookie: " + b"a" * 2_000_000 + b"\r\n\r\n"
    with connected(bot.settings.front_door_port, b"") as plug:
        try:
            plug.sendall(head)
            assert plug.recv(4096).startswith(b"HTTP/1.1 400 ")
        except ConnectionError:
            pass
    held = bot.pid_on(bot.settings.front_door_port)
    files = next(
        line.split() for line in Path(f"/proc/{held}/limits").read_text().splitlines()
        if line.startswith("Max open files")
    )  # fmt: skip
    assert files[3] == files[4]


# ── shares ──────────────────────────────────────────────────────────────────────────────────


def at(address: str) -> dict[str, str]:
    """As the proxy on this machine says where somebody is."""
    return {"X-Forwarded-For": address}


def test_many_conversations_of_one_address_cannot_keep_everybody_else_waiting(
    tmp_path: Path, rasa_server: Served
) -> None:
    settings = settings_in(tmp_path / "few", MEDASSIST_NEW_CONVERSATIONS="2")
    served = Served(lambda: create_app(settings, QUICK), settings.front_door_port)
    served.start()
    try:
        keys = [secrets.token_urlsafe(32) for _ in range(2)]

        def say(number: int, address: str, key: str) -> httpx.Response:
            return httpx.post(
                f"{served.url}/chat/messages",
                json={"id": f"message-{number}", "text": "hello"},
                headers={"X-Conversation-Key": key, **at(address)},
            )

        answers = [say(number, "9.9.9.9", keys[number % 2]) for number in range(8)]
        assert [answer.status_code for answer in answers] == [202] * 6 + [429] * 2
        assert "call 911 now" in answers[-1].json()["error"]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 60
        history = httpx.get(
            f"{served.url}/chat/history", headers={"X-Conversation-Key": keys[0], **at("9.9.9.9")}
        )
        assert history.status_code == 429
        assert say(9, "9.9.9.8", secrets.token_urlsafe(32)).status_code == 202
    finally:
        served.stop()


GENERIC = {
    "MEDASSIST_GENERIC_SECRET": "a-secret-of-thirty-two-characters-",
    "MEDASSIST_GENERIC_CALLBACK_URL": "http://127.0.0.1:9/nowhere",
}


@pytest.mark.parametrize(("status", "wanted"), [(403, [403] * 60 + [429] * 3), (200, [200] * 63)])
def test_whoever_forges_webhooks_again_and_again_is_turned_away_before_rasa(
    tmp_path: Path, status: int, wanted: list[int]
) -> None:
    seen: list[str] = []

    async def answer(request: Request) -> Response:
        seen.append(request.url.path)
        return Response(status_code=status)

    settings = settings_in(tmp_path, **GENERIC)
    route = Route("/webhooks/generic/messages", answer, methods=["POST"])
    behind = Served(lambda: Starlette(routes=[route]), settings.rasa_port)
    served = Served(lambda: create_app(settings, QUICK), settings.front_door_port)
    behind.start()
    served.start()
    try:
        url = f"{served.url}/webhooks/generic/messages"
        with httpx.Client() as client:
            codes = [client.post(url, headers=at("9.9.9.9")).status_code for _ in range(63)]
            assert codes == wanted
            reached = len(seen)
            assert reached == sum(code != 429 for code in wanted)
            for other in ("9.9.9.8", "127.0.0.1", "10.0.0.7"):
                assert client.post(url, headers=at(other)).status_code == status
            proxy = [client.post(url, headers=at("10.0.0.7")).status_code for _ in range(70)]
            assert set(proxy) == {status}  # everybody may come through it
    finally:
        served.stop()
        behind.stop()
