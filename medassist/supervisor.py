"""`medassist run`, once all is prepared: starts the servers, watches them, ends them together.

It runs as `python -m medassist.supervisor MODEL`, in the place of the command that prepared: a
process that only waits need not hold what reads medicines and makes databases (75 MB).
"""

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
from types import FrameType
from typing import NoReturn

import httpx

from medassist.log_files import LogFiles
from medassist.scaling_settings import address_of, is_here
from medassist.settings import LOOPBACK, ROOT, Settings, SettingsError, load_settings
from medassist.web.limits import UVICORN_LIMITS

START_SECONDS = 240
"""How long a server may take to become healthy (a cold disk is slow)."""

STOP_SECONDS = 8
"""How long a server may take to end by itself before it is killed."""

LOOK_SECONDS = 10.0
"""How often it is looked whether a running server still answers, and how long it may take to."""

MOST_SILENCES = 12
"""So many times in a row it may not answer before it counts as hanging, and is started again.
Two minutes: one that has too much to do is slow, and must not lose what it has in memory."""

RESTART_SECONDS = 2
"""A server that ends sooner after its start than this is not started again at once."""


ACTION_PORT = 5055
"""Where an action server listens whose port no setting names."""


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
    port_setting: str = ""
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    looked_at: float = 0.0
    silences: int | None = None
    """How often in a row it did not answer; None until it has answered since its start."""

    def start(self) -> None:
        """Start the process in a group of its own; its output goes to its log file."""
        self.started_at = self.looked_at = time.monotonic()
        self.silences = None
        self.log.parent.mkdir(parents=True, exist_ok=True)
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

    def healthy(self, seconds: float = 2.0) -> bool:
        """Whether it answers its health address in time."""
        if self.port is None:
            return not self.ended()
        try:
            address = address_of(self.environment.get("SANIC_HOST", LOOPBACK), self.port)
            return httpx.get(address + self.health, timeout=seconds, verify=False).is_success
        except httpx.HTTPError:
            return False

    def hangs(self) -> bool:
        """Whether it lives, has answered before, and has not answered for two minutes.

        It is asked now and then only, however often this is called.
        """
        now = time.monotonic()
        if self.port is None or now < self.looked_at + LOOK_SECONDS:
            return False
        self.looked_at = now
        if self.healthy(LOOK_SECONDS):
            self.silences = 0
        elif self.silences is not None:
            self.silences += 1
        return (self.silences or 0) >= MOST_SILENCES

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
    """The servers and the alert worker, as this installation runs them on one machine.

    Only the front door listens on the address of the settings: its neighbours are here.
    """
    secret = settings.internal_secret or secrets.token_urlsafe(32)
    workers = settings.scaling.rasa_workers
    return [
        *([action_server(settings, secret, LOOPBACK)] if settings.action_port else []),
        *(rasa_server(settings, secret, LOOPBACK, model, number) for number in range(workers)),
        front_door(settings, secret, settings.scaling.host),
        # It holds no port, so nobody would notice one that is left over.
        alert_worker(settings, secret, "--parent", str(os.getpid())),
    ]


def check(settings: Settings) -> None:
    """Raise SettingsError or ClinicFileError when a server could not start.

    A bad alert target or clinic file, or an open address without a secret of its own.
    """
    require_secret_if_open(settings)
    if settings.action_url and not settings.action_port and is_here(settings.action_url):
        raise SettingsError(
            "MEDASSIST_ACTION_URL is on this machine, where no action server would be started. Set "
            "MEDASSIST_ACTION_PORT instead, or neither: then Rasa runs the actions itself."
        )
    check_alerts(settings)


def check_alerts(settings: Settings) -> None:
    """Raise SettingsError or ClinicFileError when the alert worker could not start."""
    from medassist.cases.alert_targets import senders
    from medassist.cases.clinics import Clinics

    senders(settings)
    Clinics(settings)


def require_secret_if_open(settings: Settings) -> None:
    """Raise SettingsError when other machines could reach us and the secret is made up anew."""
    if settings.scaling.is_open and not settings.internal_secret:
        raise SettingsError(
            f"MEDASSIST_HOST is {settings.scaling.host}, which other machines can reach. "
            "Set MEDASSIST_INTERNAL_SECRET to something long and random first."
        )


def become(part: str, settings: Settings, model: Path) -> NoReturn:
    """Turn this process into one part, so that signals reach it: what `medassist serve` does.

    Raises SettingsError when the part could not work with these settings, and StartError when
    Rasa's model is not there: a server of many does not train.
    """
    require_secret_if_open(settings)
    secret, host = settings.internal_secret, settings.scaling.host
    if not secret:
        raise SettingsError(
            "MEDASSIST_INTERNAL_SECRET must be set, and be the same for all parts: they know "
            "each other by it."
        )
    if part == "rasa":
        if not model.exists():
            raise StartError(f"There is no model {model.name}. Run `medassist train` first.")
        server = rasa_server(settings, secret, host, model)
    elif part == "alerts":
        check_alerts(settings)
        server = alert_worker(settings, secret)
    else:
        make = {"front-door": front_door, "actions": action_server}[part]
        server = make(settings, secret, host)
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execve(server.command[0], server.command, {**os.environ, **server.environment})


def action_server(settings: Settings, secret: str, host: str) -> Server:
    """The action server, listening on `host`."""
    port = settings.action_port or ACTION_PORT
    return Server(
        "action server",
        [sys.executable, "-m", "actions.serve", "--port", str(port)],
        port,
        "/health",
        _log(settings, "actions"),
        _environment(settings, secret, host),
        "MEDASSIST_ACTION_PORT",
    )


def rasa_server(settings: Settings, secret: str, host: str, model: Path, number: int = 0) -> Server:
    """The Rasa server of this number (from 0), listening on `host`."""
    port = settings.rasa_port + number
    return Server(
        f"Rasa server {number + 1}" if number else "Rasa server",
        [
            sys.executable, "-m", "medassist.dialogue.serve", "run",
            "--model", str(model),
            "--endpoints", str(_endpoints(settings)),
            "--credentials", str(_credentials(settings, host)),
            "--interface", host,
            "--port", str(port),
            "--enable-api",
        ],
        port,
        f"/status?token={secret}",
        _log(settings, f"rasa-{number + 1}" if number else "rasa"),
        _environment(settings, secret, host),
        "MEDASSIST_RASA_PORT",
    )  # fmt: skip


def front_door(settings: Settings, secret: str, host: str) -> Server:
    """The front door, listening on `host`."""
    return Server(
        "front door",
        [
            sys.executable, "-m", "uvicorn", "--factory", "medassist.web.app:create_app",
            "--host", host,
            "--port", str(settings.front_door_port),
            *UVICORN_LIMITS,
            "--no-access-log",
            "--ws", "none",
            "--timeout-graceful-shutdown", "2",
        ],
        settings.front_door_port,
        "/healthz",
        _log(settings, "front-door"),
        _environment(settings, secret, host),
        "MEDASSIST_PORT",
    )  # fmt: skip


def alert_worker(settings: Settings, secret: str, *options: str) -> Server:
    """The alert worker, which listens nowhere."""
    command = [sys.executable, "-m", "medassist.cases.alert_worker", *options]
    environment = _environment(settings, secret, LOOPBACK)
    return Server("alert worker", command, None, "", _log(settings, "alerts"), environment)


def _environment(settings: Settings, secret: str, host: str) -> dict[str, str]:
    return {
        **_folders(settings),
        "MEDASSIST_INTERNAL_SECRET": secret,
        "RASA_TELEMETRY_ENABLED": "false",
        "SANIC_HOST": host,
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    }


def _folders(settings: Settings) -> dict[str, str]:
    """Where everything is, however the settings name it: the servers start in another folder."""
    return {"MEDASSIST_VAR": str(settings.var), "MEDASSIST_DATA": str(settings.data)}


def _log(settings: Settings, name: str) -> Path:
    return settings.var / "logs" / f"{name}.log"


def _endpoints(settings: Settings) -> Path:
    """Our endpoints file with this installation's neighbours. It holds no secret."""
    text = (ROOT / "endpoints.yml").read_text(encoding="utf-8")
    own = address_of(LOOPBACK, ACTION_PORT)
    return _written(settings.var / "endpoints.yml", text.replace(own, settings.action_url or own))


def _credentials(settings: Settings, host: str) -> Path:
    """Rasa's connectors. The one without a password is for this machine only."""
    file = ROOT / "credentials.yml"
    if host == LOOPBACK or not settings.scaling.is_open:
        return file
    text = file.read_text(encoding="utf-8")
    return _written(settings.var / "credentials.yml", text.replace("\nrest: {}\n", "\n"))


def _written(path: Path, text: str) -> Path:
    """Write a file at once: another server of ours may be reading it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
    return path


def require_free_ports(wanted: Sequence[Server]) -> None:
    """Raise StartError when another program listens where a server of ours should."""
    for server in wanted:
        if server.port is None:
            continue
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, server.port)) == 0:
                raise StartError(
                    f"Port {server.port} (the {server.name}'s) is taken by another program. "
                    f"Stop it, or choose another port with {server.port_setting}."
                )


def run(
    wanted: Sequence[Server],
    ready: Callable[[], None],
    stop_requested: Callable[[], bool],
    tidy: Callable[[], None] = lambda: None,
) -> None:
    """Start all, call `ready` once they are healthy, restart any that ends or hangs, until asked.

    `tidy` is called again and again meanwhile.

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
                elif server.hangs():
                    print(f"The {server.name} does not answer; starting it again.", flush=True)
                    server.stop()
                    server.start()
            tidy()
            time.sleep(0.5)
    finally:
        for server in reversed(wanted):
            server.stop()


def take_over(settings: Settings, model: Path) -> NoReturn:
    """Turn this process, which has prepared everything, into the supervisor."""
    sys.stdout.flush()
    os.chdir(ROOT)
    command = [sys.executable, "-m", "medassist.supervisor", str(model)]
    os.execve(sys.executable, command, {**os.environ, **_folders(settings)})


def main(model: Path) -> None:
    """Run everything with this model until Ctrl-C."""
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        if stopping:
            raise KeyboardInterrupt
        stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    settings = load_settings()
    wanted = servers(settings, model)
    logs = {server.log for server in wanted} | set((settings.var / "logs").glob("*.log"))
    tidy = LogFiles(sorted(logs), settings.operations.keep_logs_days).tidy
    try:
        run(wanted, lambda: say_ready(settings), lambda: stopping, tidy)
    except StartError as error:
        print(f"medassist: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    print("Stopped.")


def say_ready(settings: Settings) -> None:
    """Tell where everything is."""
    here = address_of(settings.scaling.host, settings.front_door_port)
    print(
        f"\nmedassist is ready.\n"
        f"  Chat page   {here}/\n"
        f"  REST        POST {settings.rasa_url}/webhooks/rest/webhook\n"
        f"  Terminal    .venv/bin/medassist chat\n"
        f"  For staff   {here}/staff\n"
        f"  Logs        {settings.var / 'logs'}\n"
        f"Ctrl-C ends it.",
        flush=True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
