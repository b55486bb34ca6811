"""Who the alert worker talks to: a receiver of alerts, Rasa's HTTP API, and the worker itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from sqlalchemy.engine import Engine

from medassist.settings import ROOT

RASA_SECRET = "between-our-servers"


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in the middle is what these tests are about."""


@dataclass
class Received:
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Receiver:
    """A web server that takes alerts. `port` 0 chooses a free one."""

    port: int = 0
    status: int = 200
    seconds: float = 0.0
    """How long it takes after it has noted the request, before it answers."""
    received: list[Received] = field(default_factory=list)

    def start(self) -> Receiver:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append(Received(self.path, headers, body))
                time.sleep(receiver.seconds)
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = QuietServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def apprise_url(self) -> str:
        return f"json://127.0.0.1:{self.port}/apprise"

    def keys(self) -> list[str]:
        return [r.headers["webhook-id"] for r in self.received]


@dataclass
class RasaApi:
    """The two calls of Rasa's HTTP API that reach a patient, as Rasa 3.6 answers them."""

    down: bool = False
    trackers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    slots: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """What went out to patients: conversation and bot event."""

    def start(self) -> RasaApi:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                conversation, query = self._conversation()
                assert query["include_events"] == ["ALL"]
                self._answer({"events": api.trackers.get(conversation, [])}, query)

            def do_POST(self) -> None:
                conversation, query = self._conversation()
                events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not api.down and query.get("token") == [RASA_SECRET]:
                    assert query["output_channel"] == ["latest"]
                    assert query["execute_side_effects"] == ["true"]
                    for event in events:
                        api.trackers.setdefault(conversation, []).append(event)
                        if event["event"] == "slot":
                            slots = api.slots.setdefault(conversation, {})
                            slots[event["name"]] = event["value"]
                        if event["event"] == "bot":
                            api.sent.append((conversation, event))
                self._answer({}, query)

            def _conversation(self) -> tuple[str, dict[str, list[str]]]:
                parts = urlsplit(self.path)
                return unquote(parts.path.split("/")[2]), parse_qs(parts.query)

            def _answer(self, answer: dict[str, Any], query: dict[str, list[str]]) -> None:
                allowed = query.get("token") == [RASA_SECRET]
                body = json.dumps(answer).encode()
                self.send_response(500 if api.down else 200 if allowed else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wrote(self, conversation: str, text: str = "help") -> None:
        """A patient has written something."""
        self.trackers.setdefault(conversation, []).append({"event": "user", "text": text})


class Worker:
    """The alert worker as a process of its own, as `medassist run` starts it."""

    def __init__(self, engine: Engine, var: Path, **settings: str) -> None:
        self.log = var / f"worker-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "medassist.cases.alert_worker"],
                cwd=ROOT,
                env={
                    **{k: v for k, v in os.environ.items() if not k.startswith("MEDASSIST_")},
                    "MEDASSIST_VAR": str(var),
                    "MEDASSIST_DATABASE_URL": engine.url.render_as_string(hide_password=False),
                    "MEDASSIST_INTERNAL_SECRET": RASA_SECRET,
                    **settings,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def end(self) -> int:
        """Ask it to end, as the supervisor does."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")


@contextmanager
def running(engine: Engine, var: Path, **settings: str) -> Iterator[Worker]:
    worker = Worker(engine, var, **settings)
    try:
        yield worker
    finally:
        worker.kill()
