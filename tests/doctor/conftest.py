"""An installation that can be broken, and what `medassist doctor` prints about it."""

from __future__ import annotations

import http.server
import os
import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medassist.cli import app
from medassist.settings import ROOT
from tests.web.served import free_port

LONG = "0123456789abcdef" * 3


@dataclass
class Report:
    """What `medassist doctor` printed."""

    code: int
    output: str

    def lines(self, kind: str, about: str) -> list[str]:
        start = f"{kind:<8} {about}: "
        return [ln.removeprefix(start) for ln in self.output.splitlines() if ln.startswith(start)]

    def line(self, kind: str, about: str) -> str:
        found = self.lines(kind, about)
        assert len(found) == 1, self.output
        return found[0]


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Report]:
    """Runs the command on an installation of its own, with these settings."""
    for key in [key for key in os.environ if key.startswith("MEDASSIST_")]:
        monkeypatch.delenv(key)
    var = tmp_path / "var"
    var.mkdir(mode=0o700)
    own = {
        "MEDASSIST_VAR": str(var),
        "MEDASSIST_PORT": str(free_port()),
        "MEDASSIST_RASA_PORT": str(free_port()),
        "MEDASSIST_ACTION_PORT": str(free_port()),
    }

    def run(*only: str, **settings: str) -> Report:
        with monkeypatch.context() as environment:
            for key, value in {**own, **settings}.items():
                environment.setenv(key, value)
            done = CliRunner().invoke(app, ["doctor", *only])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.output
        assert "Traceback" not in done.output
        return Report(done.exit_code, done.output)

    return run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder, for breaking."""
    shutil.copytree(ROOT / "data", tmp_path / "data", ignore=shutil.ignore_patterns("evaluation"))
    return tmp_path / "data"


class _FrontDoor(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/healthz"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    """Serves something that answers like a front door, over TLS if a certificate is given."""
    servers = []

    def start(certificate: tuple[Path, Path] | None = None) -> int:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _FrontDoor)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return int(server.server_address[1])

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()
