"""Where the alert worker answers whoever watches it: `/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

import json
import logging
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sqlalchemy.engine import Engine

from medassist.metrics import CONTENT_TYPE, exposition, is_allowed
from medassist.settings import LOOPBACK
from medassist.storage.reachable import Reachable

logger = logging.getLogger("medassist.alerts")

ALIVE_SECONDS = 120.0
"""A worker whose clocks have not been looked at for this long hangs."""

REQUEST_SECONDS = 10.0
"""How long a request may take to arrive."""


class Heartbeat:
    """When the worker last did something."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def beat(self) -> None:
        """It does something now."""
        self._last = time.monotonic()

    @property
    def is_alive(self) -> bool:
        """Whether that is not long ago."""
        return time.monotonic() - self._last < ALIVE_SECONDS


class AlertDoors(ThreadingHTTPServer):
    """A small server in a thread of its own. Raises OSError when the port is taken."""

    daemon_threads = True

    def __init__(
        self,
        port: int,
        heartbeat: Heartbeat,
        engine: Engine,
        metrics_token: str | None,
        host: str = LOOPBACK,
    ) -> None:
        super().__init__((host, port), _Request)
        self.heartbeat, self.metrics_token = heartbeat, metrics_token
        self.database = Reachable(engine)
        threading.Thread(target=self.serve_forever, daemon=True, name="doors").start()

    def missing(self) -> list[str]:
        """What is missing for the worker to work, in plain words."""
        missing = [] if self.heartbeat.is_alive else ["The alert worker hangs."]
        return missing if self.database.check() else [*missing, "The database does not answer."]

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader went away, or sent nonsense: of no use to anybody."""


class _Request(BaseHTTPRequestHandler):
    server: AlertDoors
    timeout = REQUEST_SECONDS

    def do_GET(self) -> None:
        """One of the three addresses."""
        path = self.path.partition("?")[0]
        token = self.server.metrics_token
        if path == "/healthz":
            alive = self.server.heartbeat.is_alive
            self._say(["The alert worker hangs."] if not alive else [])
        elif path == "/readyz":
            self._say(self.server.missing())
        elif path == "/metrics" and token:
            if is_allowed(token, self.headers.get("authorization")):
                self._send(HTTPStatus.OK, exposition(), CONTENT_TYPE)
            else:
                self._refuse(HTTPStatus.UNAUTHORIZED, "This address needs a token.")
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _say(self, missing: list[str]) -> None:
        if missing:
            self._json(
                HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready", "error": " ".join(missing)}
            )
        else:
            self._json(HTTPStatus.OK, {"status": "ok"})

    def _refuse(self, status: HTTPStatus, said: str) -> None:
        self._json(status, {"error": said})

    def _json(self, status: HTTPStatus, content: dict[str, str]) -> None:
        self._send(status, json.dumps(content).encode(), "application/json")

    def _send(self, status: HTTPStatus, body: bytes, media_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """Nothing of our versions."""
        return "medassist"

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged."""
