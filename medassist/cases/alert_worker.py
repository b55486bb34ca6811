"""`python -m medassist.cases.alert_worker`: delivers the alerts, keeps the clocks, tidies daily.

Each target has a thread of its own, so that one that hangs delays no other. All that the worker
knows is in the database: it may be killed at any moment, and several may run.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from medassist.cases.alert_doors import AlertDoors, Heartbeat
from medassist.cases.alert_targets import Send, SendError, senders
from medassist.cases.alerts import (
    LEASE_SECONDS,
    Alert,
    delivered,
    failed,
    give_up_old,
    renew,
    take_next,
)
from medassist.cases.clinics import Clinics
from medassist.cases.clocks import Clocks
from medassist.cases.patient import Patients
from medassist.logging_setup import set_up_logging
from medassist.privacy import retention
from medassist.settings import Settings, SettingsError, load_settings
from medassist.storage.database import open_database

logger = logging.getLogger("medassist.alerts")

POLL_SECONDS = 0.5
"""How often each target's outbox is looked at while it is empty."""

TICK_SECONDS = 1.0
"""How often the clocks are looked at."""

DATABASE_WAIT_SECONDS = 3.0
"""The pause after the database failed."""

RECORD_SECONDS = 120.0
"""How long recording that an alert was sent is tried; unrecorded, it would be sent again."""

END_SECONDS = 6.0
"""How long an alert that is being sent may take when the worker is asked to end."""


def deliver_next(engine: Engine, target: str, send: Send) -> bool:
    """Deliver the most pressing alert of a target, if one is due; whether there was one."""
    alert = take_next(engine, target)
    if alert is None:
        return False
    reason = None
    with _kept(engine, alert):
        try:
            send(alert)
        except SendError as error:
            reason = str(error)
        except Exception as error:  # a service's plug-in broke: the others go on
            reason = f"failed ({type(error).__name__})"
    if reason is None:
        _record(lambda: delivered(engine, alert))
        logger.info("Event %d of case %d: %s has it", alert.event_id, alert.case_id, target)
    else:
        _record(lambda: failed(engine, alert, reason))
        logger.warning(
            "Event %d of case %d: %s did not take it (try %d): %s",
            alert.event_id, alert.case_id, target, alert.tries, reason,
        )  # fmt: skip
    return True


@contextmanager
def _kept(engine: Engine, alert: Alert) -> Iterator[None]:
    """Keep the lease of an alert while it is sent, however long that takes."""
    sent = threading.Event()

    def keep() -> None:
        while not sent.wait(LEASE_SECONDS / 3):
            try:
                renew(engine, alert)
            except SQLAlchemyError as error:
                logger.warning("The database failed: %s", type(error).__name__)

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        sent.set()
        keeper.join()


def _record(write: Callable[[], None]) -> None:
    """Write how it went, however long the database is busy. Raises its error in the end."""
    deadline = time.monotonic() + RECORD_SECONDS
    while True:
        try:
            return write()
        except SQLAlchemyError as error:
            if time.monotonic() > deadline:
                raise
            logger.warning("The database failed: %s", type(error).__name__)
            time.sleep(0.5)


def _again_and_again(work: Callable[[], bool], pause: float, stop: threading.Event) -> None:
    """Do `work` until told to stop, with a pause when it found nothing to do or failed."""
    while not stop.is_set():
        try:
            worked = work()
        except SQLAlchemyError as error:
            logger.error("The database failed: %s", type(error).__name__)
            stop.wait(DATABASE_WAIT_SECONDS)
        except Exception as error:  # a traceback could hold a patient's words
            logger.error("Failed: %s", type(error).__name__)
            stop.wait(DATABASE_WAIT_SECONDS)
        else:
            if not worked:
                stop.wait(pause)


def work(
    stop: threading.Event, parent: int | None = None, settings: Settings | None = None
) -> None:
    """Deliver and keep the clocks until `stop` is set, or until the `parent` process is gone.

    Raises SettingsError at the start.
    """
    settings = settings or load_settings()
    engine = open_database(settings.database_url)
    tracker = open_database(settings.tracker_database_url)
    patients = Patients(settings)
    clocks = Clocks(engine, settings, Clinics(settings), patients)
    targets = senders(settings)
    heartbeat = Heartbeat()
    doors = _doors(settings, heartbeat, engine)
    threads = [
        threading.Thread(
            target=_again_and_again,
            args=(lambda t=target, s=send: deliver_next(engine, t, s), POLL_SECONDS, stop),
            name=target,
            daemon=True,
        )
        for target, send in targets.items()
    ]
    threads.append(
        threading.Thread(
            target=_again_and_again,
            args=(
                lambda: retention.run_if_due(engine, tracker, settings.privacy, stop),
                retention.LOOK_EVERY_SECONDS,
                stop,
            ),
            name=retention.JOB,
            daemon=True,
        )
    )
    for thread in threads:
        thread.start()
    logger.info("Alerts go to: %s", ", ".join(targets) or "nobody (no target is set)")

    def tick() -> bool:
        heartbeat.beat()
        if parent is not None and os.getppid() != parent:
            logger.warning("medassist run is gone, so the alert worker ends too")
            stop.set()
            return False
        clocks.tick()
        give_up_old(engine)
        return False

    _again_and_again(tick, TICK_SECONDS, stop)
    deadline = time.monotonic() + END_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if doors:
        doors.shutdown()
        doors.server_close()
    patients.close()
    engine.dispose()
    tracker.dispose()


def _doors(settings: Settings, heartbeat: Heartbeat, engine: Engine) -> AlertDoors | None:
    port, token = settings.operations.alerts_port, settings.operations.metrics_token
    if port is None:
        return None
    try:
        return AlertDoors(port, heartbeat, engine, token, settings.scaling.host)
    except OSError as error:
        raise SettingsError(
            f"MEDASSIST_ALERTS_METRICS_PORT: port {port} cannot be used ({error.strerror})."
        ) from None


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    options = argparse.ArgumentParser(description="Delivers medassist's alerts to staff.")
    options.add_argument("--parent", type=int, help="end when this parent process is gone")
    parent = options.parse_args().parent
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        settings = load_settings()
        set_up_logging("alerts", settings.operations)
        work(stop, parent, settings)
    except SettingsError as error:
        print(f"medassist: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
