"""The faults: what is done to which part. Each is over when it returns."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from faults.machine import ACTION_SERVER, PARTS, Machine

FREEZE_SECONDS = 20.0
"""Longer than every time limit of one request, and than the honest word's 10 seconds."""


@dataclass(frozen=True)
class Fault:
    """`done` says in plain words what happens; `on` is the kind of installation it happens to."""

    name: str
    done: str
    strike: Callable[[Machine], None]
    on: str = "sqlite"


def _on(part: str) -> str:
    """The kind of installation that has this part."""
    return ACTION_SERVER if part == ACTION_SERVER else "sqlite"


def _kill(part: str) -> Callable[[Machine], None]:
    return lambda machine: machine.kill(part)


def _freeze(part: str, seconds: float = FREEZE_SECONDS) -> Callable[[Machine], None]:
    def strike(machine: Machine) -> None:
        with machine.frozen(part):
            time.sleep(seconds)

    return strike


def receiver_down(machine: Machine) -> None:
    """Nobody listens where alerts go."""
    machine.receiver.stop()
    time.sleep(FREEZE_SECONDS)
    machine.receiver.start()


def receiver_hangs(machine: Machine) -> None:
    """The receiver notes an alert and answers after a quarter of a minute, so not in time."""
    machine.receiver.seconds = 15.0
    time.sleep(FREEZE_SECONDS)
    machine.receiver.seconds = 0.0


def receiver_fails(machine: Machine) -> None:
    """The receiver says 500."""
    machine.receiver.status = 500
    time.sleep(FREEZE_SECONDS)
    machine.receiver.status = 200


def power_cut(machine: Machine) -> None:
    """Everything is killed at once and started again."""
    machine.kill_everything()
    time.sleep(1)
    machine.start()


def disk_full(machine: Machine) -> None:
    """Not a byte more can be written."""
    assert machine.disk is not None
    filler = machine.disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65_536))
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"0")
    time.sleep(FREEZE_SECONDS)
    filler.unlink()


def _clock_jumps(seconds: int) -> Callable[[Machine], None]:
    def strike(machine: Machine) -> None:
        assert machine.clock is not None
        moved = int(machine.clock.read_text(encoding="utf-8")) + seconds
        machine.clock.write_text(f"{moved:+d}\n", encoding="utf-8")

    return strike


def postgresql_killed(machine: Machine) -> None:
    """Every process of PostgreSQL is killed; it starts again after five seconds."""
    assert machine.postgresql is not None
    machine.postgresql.kill()
    time.sleep(5)
    machine.postgresql.start()


def postgresql_stopped(machine: Machine) -> None:
    """An immediate stop, then a start with recovery."""
    assert machine.postgresql is not None
    machine.postgresql.stop_at_once()
    machine.postgresql.start()


def postgresql_frozen(machine: Machine) -> None:
    """It takes connections and answers nothing."""
    assert machine.postgresql is not None
    with machine.postgresql.frozen():
        time.sleep(FREEZE_SECONDS)


def redis_killed(machine: Machine) -> None:
    """Killed, and empty when it comes back."""
    assert machine.redis is not None
    machine.redis.kill()
    time.sleep(3)
    machine.redis.start()


def redis_frozen(machine: Machine) -> None:
    """It takes connections and answers nothing."""
    assert machine.redis is not None
    with machine.redis.frozen():
        time.sleep(FREEZE_SECONDS)


def nothing(_machine: Machine) -> None:
    """For comparison."""


FAULTS = (
    Fault("none", "nothing, for comparison", nothing),
    *(
        Fault(f"kill {part}", f"the {part} is killed (SIGKILL)", _kill(part), on=_on(part))
        for part in (*PARTS, ACTION_SERVER)
    ),
    *(
        Fault(
            f"freeze {part}",
            f"the {part} stands still for {FREEZE_SECONDS:.0f} s (SIGSTOP, SIGCONT)",
            _freeze(part),
            on=_on(part),
        )
        for part in (*PARTS, ACTION_SERVER)
    ),
    Fault("receiver down", "nobody listens where alerts go, for 20 s", receiver_down),
    Fault("receiver hangs", "the alerts' receiver answers after 15 s, for 20 s", receiver_hangs),
    Fault("receiver fails", "the alerts' receiver answers 500 for 20 s", receiver_fails),
    Fault("power cut", "every process is killed (SIGKILL), then started again", power_cut),
    Fault("disk full", "the disk is full for 20 s", disk_full, on="small disk"),
    Fault("clock forward", "the clock jumps an hour forward", _clock_jumps(3600), on="own clock"),
    Fault("clock back", "the clock jumps an hour back", _clock_jumps(-3600), on="own clock"),
    Fault(
        "PostgreSQL killed",
        "every process of PostgreSQL is killed (SIGKILL), and started again after 5 s",
        postgresql_killed,
        on="postgresql",
    ),
    Fault(
        "PostgreSQL stopped",
        "PostgreSQL is stopped at once (`immediate`) and started again",
        postgresql_stopped,
        on="postgresql",
    ),
    Fault(
        "PostgreSQL frozen",
        "PostgreSQL stands still for 20 s (SIGSTOP, SIGCONT)",
        postgresql_frozen,
        on="postgresql",
    ),
    Fault(
        "Redis killed",
        "Redis is killed (SIGKILL), and is back after 3 s with nothing in it",
        redis_killed,
        on="two Rasas",
    ),
    Fault(
        "Redis frozen",
        "Redis stands still for 20 s (SIGSTOP, SIGCONT)",
        redis_frozen,
        on="two Rasas",
    ),
    Fault(
        "one of two Rasas killed",
        "one of two Rasa servers is killed (SIGKILL)",
        _kill("Rasa server"),
        on="two Rasas",
    ),
    Fault(
        "one of two Rasas frozen",
        "one of two Rasa servers stands still for 20 s (SIGSTOP, SIGCONT)",
        _freeze("Rasa server"),
        on="two Rasas",
    ),
)
