"""`medassist run`: starts the servers, waits until they are healthy, and ends them together."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from medassist.cases.alert_targets import senders
from medassist.cases.clinics import Clinics
from medassist.settings import LOOPBACK, ROOT, Settings

START_SECONDS = 240
"""How long a server may take to become healthy (a cold disk is slow)."""

STOP_SECONDS = 8
"""How long a server may take to end by itself before it is killed."""

RESTART_SECONDS = 2
"""A server that ends sooner after its start than this is not started again at once."""


class StartError(Exception):
    """A server could not be started; the message says what to mend."""


@dataclass
class Server:
    """One server process: how it is started and how its health is asked.

    One without a port is healthy as long as its process lives.
    """

    name: str
    command: list[str]
    port: int | None
    health: str
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0

    def start(self) -> None:
        """Start the process in a group of its own; its output goes to its log file."""
        self.started_at = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def healthy(self) -> bool:
        """Whether it answers its health address."""
        if self.port is None:
            return not self.ended()
        try:
            return httpx.get(f"http://{LOOPBACK}:{self.port}{self.health}", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def ended(self) -> bool:
        """Whether the process is gone."""
        return self.process is None or self.process.poll() is not None

    def stop(self) -> None:
        """End the whole group: politely, then for certain."""
        if self.process is None:
            return
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sign)
            except ProcessLookupError:
                break
            try:
                self.process.wait(STOP_SECONDS)
                break
            except subprocess.TimeoutExpired:
                continue


def servers(settings: Settings, model: Path) -> list[Server]:
    """The three servers and the alert worker, as this installation runs them.

    Raises SettingsError when the worker could not start: a bad alert target or clinic file.
    """
    senders(settings)
    Clinics(settings)
    logs = settings.var / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    secret = settings.internal_secret or secrets.token_urlsafe(32)
    endpoints = settings.var / "endpoints.yml"
    text = (ROOT / "endpoints.yml").read_text(encoding="utf-8")
    endpoints.write_text(
        text.replace("http://127.0.0.1:5055", settings.action_url), encoding="utf-8"
    )
    environment = {
        "MEDASSIST_VAR": str(settings.var),
        "MEDASSIST_INTERNAL_SECRET": secret,
        "RASA_TELEMETRY_ENABLED": "false",
        "SANIC_HOST": LOOPBACK,
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    }
    python = sys.executable
    return [
        Server(
            "action server",
            [python, "-m", "rasa_sdk", "--actions", "actions", "--port", str(settings.action_port)],
            settings.action_port,
            "/health",
            logs / "actions.log",
            environment,
        ),
        Server(
            "Rasa server",
            [
                python, "-m", "medassist.dialogue.serve", "run",
                "--model", str(model),
                "--endpoints", str(endpoints),
                "--credentials", str(ROOT / "credentials.yml"),
                "--interface", LOOPBACK,
                "--port", str(settings.rasa_port),
                "--enable-api",
                "--auth-token", secret,
            ],
            settings.rasa_port,
            f"/status?token={secret}",
            logs / "rasa.log",
            environment,
        ),
        Server(
            "front door",
            [
                python, "-m", "uvicorn", "--factory", "medassist.web.app:create_app",
                "--host", LOOPBACK,
                "--port", str(settings.front_door_port),
                "--no-access-log",
                "--ws", "none",
                "--timeout-graceful-shutdown", "2",
            ],
            settings.front_door_port,
            "/healthz",
            logs / "front-door.log",
            environment,
        ),
        Server(
            "alert worker",
            # It holds no port, so nobody would notice one that is left over.
            [python, "-m", "medassist.cases.alert_worker", "--parent", str(os.getpid())],
            None,
            "",
            logs / "alerts.log",
            environment,
        ),
    ]  # fmt: skip


def require_free_ports(wanted: Sequence[Server]) -> None:
    """Raise StartError when another program listens where a server of ours should."""
    variables = ("MEDASSIST_ACTION_PORT", "MEDASSIST_RASA_PORT", "MEDASSIST_PORT")
    listening = [(server, server.port) for server in wanted if server.port is not None]
    for (server, port), variable in zip(listening, variables, strict=True):
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                raise StartError(
                    f"Port {port} (the {server.name}'s) is taken by another program. "
                    f"Stop it, or choose another port with {variable}."
                )


def run(
    wanted: Sequence[Server], ready: Callable[[], None], stop_requested: Callable[[], bool]
) -> None:
    """Start all, call `ready` once they are healthy, restart any that ends, until asked to stop.

    Raises StartError when a server ends while it starts, or is not healthy in time.
    Whatever happens, no process is left behind.
    """
    try:
        for server in wanted:
            server.start()
        deadline = time.monotonic() + START_SECONDS
        waiting = list(wanted)
        while waiting and not stop_requested():
            for server in list(waiting):
                if server.ended():
                    raise StartError(f"The {server.name} ended at once; see {server.log}.")
                if server.healthy():
                    waiting.remove(server)
            if time.monotonic() > deadline:
                names = ", ".join(server.name for server in waiting)
                raise StartError(f"Not healthy after {START_SECONDS} s: {names}; see var/logs.")
            time.sleep(0.25)
        if not stop_requested():
            ready()
        while not stop_requested():
            for server in wanted:
                if server.ended() and time.monotonic() > server.started_at + RESTART_SECONDS:
                    print(f"The {server.name} ended; starting it again.", flush=True)
                    server.start()
            time.sleep(0.5)
    finally:
        for server in reversed(wanted):
            server.stop()
