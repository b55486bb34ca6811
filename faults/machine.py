"""A whole medassist that can be hurt: started as a person starts it, its parts found and struck."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from faults.databases import Postgresql, Redis
from medassist.settings import ROOT, Settings, load_settings
from tests.cases.receivers import Receiver
from tests.conftest import free_port, wait_until

START_SECONDS = 300
"""How long it may take until all is healthy; the machine may be busy."""

PARTS = ("front door", "Rasa server", "alert worker")
ACTION_SERVER = "action server"
"""A part that not every installation has."""


class MachineError(Exception):
    """medassist did not start, or a part of it cannot be found; the message says which."""


class Machine:
    """One installation with a receiver of alerts, and the ways to hurt it."""

    def __init__(self, var: Path, **more: str) -> None:
        self.receiver = Receiver().start()
        self.log = var / "medassist-run.log"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("MEDASSIST_")},
            "MEDASSIST_VAR": str(var),
            "MEDASSIST_PORT": str(free_port()),
            "MEDASSIST_RASA_PORT": str(free_port()),
            "MEDASSIST_INTERNAL_SECRET": secrets.token_hex(16),
            "MEDASSIST_NEW_CONVERSATIONS": "1000000",
            "MEDASSIST_ALERT_WEBHOOK_URL": self.receiver.url,
            "MEDASSIST_ALERT_WEBHOOK_SECRET": "between-the-suite-and-its-receiver",
            "RASA_TELEMETRY_ENABLED": "false",
            "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
            **more,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.disk: Path | None = None
        """A small file system of its own, if it has one."""
        self.clock: Path | None = None
        """What its clock is moved by (libfaketime), if it can be moved."""
        self.postgresql: Postgresql | None = None
        self.redis: Redis | None = None

    @property
    def settings(self) -> Settings:
        """The settings that all parts have."""
        return load_settings(self.environment)

    def start(self) -> None:
        """`medassist run`, until every part is healthy. Raises MachineError."""
        var = Path(self.environment["MEDASSIST_VAR"])
        var.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "medassist.cli", "run"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise MachineError(f"medassist did not start; see {self.log}.")
            time.sleep(0.5)

    def healthy(self) -> bool:
        """Whether all parts live, and those that listen answer."""
        settings = self.settings
        addresses = [
            f"{settings.front_door_url}/healthz",
            f"{settings.rasa_url}/status?token={settings.internal_secret}",
        ]
        if settings.action_url:
            addresses.append(f"{settings.action_url}/health")
        try:
            if not all(httpx.get(a, timeout=5, trust_env=False).is_success for a in addresses):
                return False
            return all(self.processes(part) for part in PARTS)
        except httpx.HTTPError:
            return False

    def wait_until_healthy(self, seconds: float = START_SECONDS) -> None:
        """Raises MachineError when it does not get well."""
        if not wait_until(self.healthy, seconds, every=0.5):
            raise MachineError(f"medassist did not get well again; see {self.log}.")

    def stop(self) -> None:
        """End everything, whatever state it is in."""
        for process in self._all():
            _signal(process, signal.SIGCONT)
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.kill_everything()
        self.receiver.stop()

    # ── parts ──

    def _all(self) -> list[psutil.Process]:
        if self.process is None or self.process.poll() is not None:
            return []
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def processes(self, part: str) -> list[psutil.Process]:
        """The processes of a part; empty while it is gone."""
        settings = self.settings
        ports = {
            "front door": settings.front_door_port,
            "Rasa server": settings.rasa_port,
            ACTION_SERVER: settings.action_port,
        }
        found = []
        for process in self._all()[1:]:
            try:
                words = process.cmdline()
                mark = str(ports.get(part, "medassist.cases.alert_worker"))
                if mark in words:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def kill(self, part: str) -> None:
        """SIGKILL, as a crash or the kernel's out-of-memory killer does."""
        self._strike(part, signal.SIGKILL)

    @contextmanager
    def frozen(self, part: str) -> Iterator[None]:
        """SIGSTOP, then SIGCONT: a part that lives and does nothing."""
        stopped = self._strike(part, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in stopped:
                _signal(process, signal.SIGCONT)

    def _strike(self, part: str, sign: signal.Signals) -> list[psutil.Process]:
        found = self.processes(part)
        if not found:
            raise MachineError(f"There is no {part} to strike.")
        for process in found:
            _signal(process, sign)
        return found

    def kill_everything(self) -> None:
        """SIGKILL to every process at once, as when the machine loses its power."""
        for process in self._all():
            _signal(process, signal.SIGKILL)
        if self.process:
            self.process.wait(30)


def _signal(process: psutil.Process, sign: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):  # it has just ended by itself
        process.send_signal(sign)


@contextmanager
def running(var: Path, **more: str) -> Iterator[Machine]:
    """A started machine that is ended whatever happens."""
    machine = Machine(var, **more)
    try:
        machine.start()
        yield machine
    finally:
        machine.stop()
