"""The installations that are struck: plain, on a small disk, with a clock to move, with servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from faults.databases import DatabaseError, Postgresql, Redis
from faults.machine import Machine
from tests.conftest import free_port

DISK_MEGABYTES = 64
CLOCKS = tuple(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
POSTGRESQL = tuple(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))


class UnavailableError(Exception):
    """This machine cannot have such an installation; the message says what it lacks."""


@contextmanager
def installation(kind: str) -> Iterator[Machine]:
    """A running installation of a kind. Raises UnavailableError, MachineError."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        folder.chmod(0o755)
        machine = KINDS[kind](folder, stack)
        stack.callback(machine.stop)
        machine.start()
        yield machine


def _plain(folder: Path, _stack: ExitStack) -> Machine:
    return Machine(folder)


def _with_an_action_server(folder: Path, _stack: ExitStack) -> Machine:
    return Machine(folder, MEDASSIST_ACTION_PORT=str(free_port()))


def _on_a_small_disk(folder: Path, stack: ExitStack) -> Machine:
    disk = folder / "disk"
    disk.mkdir()
    size = f"size={DISK_MEGABYTES}m"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(disk)])
    if mounted.returncode:
        raise UnavailableError("a small file system cannot be mounted (it needs root)")
    stack.callback(subprocess.run, ["umount", "-l", str(disk)])
    machine = Machine(disk)
    machine.disk = disk
    return machine


def _with_a_clock_to_move(folder: Path, _stack: ExitStack) -> Machine:
    if not CLOCKS:
        raise UnavailableError("libfaketime is not installed (Debian's package `faketime`)")
    clock = folder / "clock"
    clock.write_text("+0\n", encoding="utf-8")
    machine = Machine(
        folder,
        LD_PRELOAD=str(CLOCKS[0]),
        FAKETIME_TIMESTAMP_FILE=str(clock),
        FAKETIME_CACHE_DURATION="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",  # a clock that is put right moves this one only
        DONT_FAKE_MONOTONIC="1",
    )
    machine.clock = clock
    return machine


def postgresql_in(folder: Path, stack: ExitStack) -> Postgresql:
    """A running PostgreSQL with the two databases. Raises UnavailableError."""
    if not POSTGRESQL or (os.geteuid() == 0 and shutil.which("runuser") is None):
        raise UnavailableError("there is no PostgreSQL server here (Debian's `postgresql`)")
    try:
        server = Postgresql(POSTGRESQL[0], folder / "postgresql")
        stack.callback(server.kill)
        server.start()
        for database in ("medassist", "conversations"):
            server.create(database)
    except DatabaseError as error:
        raise UnavailableError(str(error)) from None
    return server


def _on_postgresql(folder: Path, stack: ExitStack) -> Machine:
    server = postgresql_in(folder, stack)
    machine = Machine(
        folder,
        MEDASSIST_DATABASE_URL=server.url("medassist"),
        MEDASSIST_TRACKER_DATABASE_URL=server.url("conversations"),
    )
    machine.postgresql = server
    return machine


def _with_two_rasas(folder: Path, stack: ExitStack) -> Machine:
    binary = shutil.which("redis-server")
    if binary is None:
        raise UnavailableError("there is no Redis server here (Debian's `redis-server`)")
    server = postgresql_in(folder, stack)
    redis = Redis(Path(binary), folder)
    stack.callback(redis.kill)
    redis.start()
    machine = Machine(
        folder,
        MEDASSIST_DATABASE_URL=server.url("medassist"),
        MEDASSIST_TRACKER_DATABASE_URL=server.url("conversations"),
        MEDASSIST_ACTION_PORT=str(free_port()),
        MEDASSIST_REDIS_URL=redis.url,
        MEDASSIST_RASA_WORKERS="2",
    )
    machine.postgresql, machine.redis = server, redis
    return machine


KINDS: dict[str, Callable[[Path, ExitStack], Machine]] = {
    "sqlite": _plain,
    "action server": _with_an_action_server,
    "small disk": _on_a_small_disk,
    "own clock": _with_a_clock_to_move,
    "postgresql": _on_postgresql,
    "two Rasas": _with_two_rasas,
}
