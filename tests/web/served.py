"""Serves an ASGI app from a thread, on a port that stays its own over a restart."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import uvicorn

from medassist.web.limits import LARGEST_HEAD
from medassist.web.patience import PatientProtocol


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    def __init__(self, make_app: Callable[[], Any], port: int) -> None:
        self.make_app = make_app
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._server: uvicorn.Server | None = None

    def start(self) -> None:
        config = uvicorn.Config(
            self.make_app(),
            host="127.0.0.1",
            port=self.port,
            log_level="error",
            http=PatientProtocol,
            h11_max_incomplete_event_size=LARGEST_HEAD,
            ws="none",  # Sanic holds websockets at a version that uvicorn cannot load
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            assert self._thread.is_alive(), "it did not start"
            assert time.monotonic() < deadline, "it did not start in time"
            time.sleep(0.01)

    @property
    def is_running(self) -> bool:
        return self._server is not None

    def stop(self) -> None:
        if self._server:
            self._server.should_exit = True
            self._thread.join(20)
            self._server = None
