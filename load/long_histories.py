"""Does the conversation store slow down with a million past events, or with a long conversation?

`python -m load.long_histories` measures one more turn (read, add ten events, write) on SQLite and
on PostgreSQL: first in an empty store, then beside the events of other conversations.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.quiet import silence_logs
from load.histories import Writer, write
from load.servers import own_database
from load.words import read_phrases
from medassist.settings import ROOT

EVENTS = 1_000_000
MESSAGES = 2_000
SHORT = 10
"""Messages of the conversation that the long one is compared with."""
TURNS = 40


def main() -> None:
    """Measure, print, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m load.long_histories", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--kinds", nargs="*", default=["sqlite", "postgresql"])
    parser.add_argument("--report", type=Path, default=ROOT / "reports" / "long-histories.json")
    given = parser.parse_args()
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    silence_logs()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the database is dropped
    report = {}
    for kind in given.kinds:
        with database(kind) as url:
            report[kind] = measure(url, given.events, given.messages)
    given.report.parent.mkdir(parents=True, exist_ok=True)
    given.report.write_text(json.dumps(report, indent=2), encoding="utf-8")
    print(table(report))


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The URL of a database that is gone afterwards."""
    if kind == "postgresql":
        with own_database() as url:
            yield url
        return
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'conversations.db'}"


def measure(url: str, events: int, messages: int) -> list[dict[str, Any]]:
    """One row for each: how many other events, how long the conversation, what a turn costs."""
    os.environ["MEDASSIST_TRACKER_DATABASE_URL"] = url
    from rasa.shared.core.domain import Domain

    from medassist.dialogue.conversations import ConversationStore
    from medassist.triage.assess import Triage

    domain = Domain.load(str(ROOT / "domain.yml"))
    store = ConversationStore(domain)
    writer = Writer(Triage.load(ROOT / "data" / "safety"), read_phrases(ROOT / "data"))
    rows: list[dict[str, Any]] = []
    others = 0
    for beside in (0, events):
        begun = time.perf_counter()
        others += write(store.engine, writer.conversations(), beside - others)
        _settle(store.engine)
        if beside:
            took = time.perf_counter() - begun
            print(
                f"{datetime.now():%H:%M:%S} {url.split(':')[0]}: {others} events written "
                f"in {took:.0f} s",
                file=sys.stderr,
                flush=True,
            )
        for length in (SHORT, messages):
            sender = f"measured-{beside}-{length}"
            write(store.engine, writer.long_conversation(sender, length))
            reads, writes, read = asyncio.run(_turns(store, writer, sender))
            rows.append(
                {
                    "bytes_an_event": _bytes_an_event(store.engine),
                    "other_events": others,
                    "messages": length,
                    "events_read": read,
                    "read_ms": round(statistics.median(reads), 2),
                    "write_ms": round(statistics.median(writes), 2),
                    "turn_p95_ms": round(_p95([a + b for a, b in zip(reads, writes)]), 2),
                }
            )
    store.engine.dispose()
    return rows


async def _turns(store: Any, writer: Writer, sender: str) -> tuple[list[float], list[float], int]:
    """Milliseconds to read and to write, for each of `TURNS` turns; events in the last read."""
    reads, writes, number = [], [], 0
    for _ in range(TURNS):
        begun = time.perf_counter()
        tracker = await store.retrieve(sender)
        reads.append(1000 * (time.perf_counter() - begun))
        number = len(tracker.events)
        for event in writer.turn("how much may i take"):
            tracker.update(event)
        begun = time.perf_counter()
        await store.save(tracker)
        writes.append(1000 * (time.perf_counter() - begun))
    return reads, writes, number


def _bytes_an_event(engine: Any) -> int:
    """Room on the disk for each event, with what finds it again (the indexes)."""
    size = (
        "pg_total_relation_size('events')"
        if engine.dialect.name == "postgresql"
        else "(SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)"
    )
    with engine.connect() as connection:
        whole = connection.exec_driver_sql(f"SELECT {size}").scalar()
        number = connection.exec_driver_sql("SELECT count(*) FROM events").scalar()
    return round(whole / number)


def _settle(engine: Any) -> None:
    """What PostgreSQL does by itself within minutes: look at what its tables hold."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE events")


def _p95(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=20)[-1]


def table(report: dict[str, list[dict[str, Any]]]) -> str:
    """The figures as Markdown."""
    lines = [
        "| database | other events | messages | events read | read | write | turn, p95 | event |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kind, rows in report.items():
        lines += [
            f"| {kind} | {r['other_events']:,} | {r['messages']:,} | {r['events_read']:,} "
            f"| {r['read_ms']:.1f} ms | {r['write_ms']:.1f} ms | {r['turn_p95_ms']:.1f} ms "
            f"| {r['bytes_an_event']} bytes |"
            for r in rows
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
