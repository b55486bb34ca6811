"""PostgreSQL and Redis of our own, to be killed without harm to anybody else's."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from medassist.settings import LOOPBACK
from tests.conftest import free_port

START_SECONDS = 60


class DatabaseError(Exception):
    """A server of ours did not start; the message says which."""


class _Server(ABC):
    """One server process with its children."""

    name: str
    process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def start(self) -> None:
        """Start it and wait until it answers."""

    def _all(self) -> list[psutil.Process]:
        if self.process is None or self.process.poll() is not None:
            return []
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def _send(self, sign: signal.Signals) -> None:
        for process in self._all():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(sign)

    def kill(self) -> None:
        """SIGKILL to all of it."""
        self._send(signal.SIGKILL)
        if self.process:
            self.process.wait(30)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP to all of it, then SIGCONT."""
        self._send(signal.SIGSTOP)
        try:
            yield
        finally:
            self._send(signal.SIGCONT)

    def _wait_for_port(self, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError):
                import socket

                socket.create_connection((LOOPBACK, port), 1).close()
                return
            time.sleep(0.2)
        raise DatabaseError(f"{self.name} did not start.")


class Postgresql(_Server):
    """A cluster of its own in `folder`; PostgreSQL refuses to run as root, so not as root."""

    name = "PostgreSQL"

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries, self._folder = binaries, folder
        self.port = free_port()
        folder.mkdir(mode=0o700)
        self._as: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            self._as = ["runuser", "-u", "postgres", "--"]
        self._run("initdb", "-D", str(folder / "data"), "-U", "postgres", "-A", "trust")

    def url(self, database: str) -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg2://postgres@{LOOPBACK}:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it answers (after a crash it recovers first)."""
        command = [
            *self._as, str(self._binaries / "postgres"), "-D", str(self._folder / "data"),
            "-p", str(self.port), "-k", str(self._folder), "-c", f"listen_addresses={LOOPBACK}",
        ]  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._folder, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            ready = subprocess.run(
                [self._binaries / "pg_isready", "-h", LOOPBACK, "-p", str(self.port), "-q"]
            )
            if ready.returncode == 0:
                return
            time.sleep(0.2)
        raise DatabaseError("PostgreSQL did not start.")

    def create(self, database: str) -> None:
        """Make an empty database."""
        self._run("createdb", "-h", LOOPBACK, "-p", str(self.port), "-U", "postgres", database)

    def stop_at_once(self) -> None:
        """`pg_ctl stop -m immediate`: no good-bye, recovery at the next start."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "stop", "-m", "immediate")
        if self.process:
            self.process.wait(30)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self._as, str(self._binaries / program), *arguments],
            cwd=self._folder,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise DatabaseError(f"{program} failed: {done.stderr.strip().splitlines()[-1:]}")


class Redis(_Server):
    """A Redis that keeps nothing on disk, so that it comes back empty."""

    name = "Redis"

    def __init__(self, binary: Path, folder: Path) -> None:
        self._binary, self._folder = binary, folder
        self.port = free_port()
        self.url = f"redis://{LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        command = [
            str(self._binary), "--port", str(self.port), "--bind", LOOPBACK,
            "--save", "", "--appendonly", "no",
        ]  # fmt: skip
        with (self._folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._folder, start_new_session=True
            )
        self._wait_for_port(self.port)
