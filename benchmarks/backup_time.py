"""The time and size of a back-up and a restore: `python -m benchmarks.backup_time`.

The events have the kinds and sizes of real ones (11 a message, a message of 2.3 kB, a reply of
1.2 kB), with random figures in them, as the classifier's are. Give a PostgreSQL URL for a second
line; it must be of a database that may be filled and emptied.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

from sqlalchemy import insert, text
from sqlalchemy.engine import Engine

from medassist.storage.backup import backup_to_file, restore
from medassist.storage.database import migrate, open_database
from medassist.storage.rasa_tables import events, rasa_metadata

WORDS = "what is baclofen for and may i take two of the tablets with milk before i sleep".split()


def noise(length: int) -> str:
    """Words that compress about as JSON of triage and of answers does."""
    return " ".join(random.choices(WORDS, k=length // 4))[:length]


def of_one_message(number: int) -> list[dict[str, object]]:
    """The eleven rows that one message leaves."""
    said = " ".join(random.choices(WORDS, k=8))
    guesses = [{"name": f"ask_{n}", "confidence": random.random()} for n in range(14)]
    parsed = {"intent": guesses[0], "text": said, "intent_ranking": guesses, "triage": noise(1300)}
    datas: list[tuple[str, dict[str, object]]] = [
        ("user", {"event": "user", "text": said, "parse_data": parsed}),
        ("user_featurization", {"use_text_for_featurization": False, "metadata": "x" * 120}),
        *[("bot", {"text": " ".join(random.choices(WORDS, k=90)), "data": noise(700)})] * 2,
        *[("action", {"name": "action_listen", "metadata": "x" * 200})] * 3,
        *[("slot", {"name": "level", "value": "routine", "metadata": "x" * 120})] * 4,
    ]
    row = {"sender_id": f"web-{number // 6:032x}", "timestamp": 1.8e9 + number}
    return [{**row, "type_name": kind, "data": json.dumps(data)} for kind, data in datas]


def fill(engine: Engine, messages: int) -> None:
    """Put that many messages into Rasa's table."""
    rasa_metadata.create_all(engine)
    for start in range(0, messages, 500):
        lot = [row for n in range(start, min(start + 500, messages)) for row in of_one_message(n)]
        with engine.begin() as connection:
            connection.execute(insert(events), lot)


def measure(name: str, engine: Engine, new: Engine, count: int, folder: Path) -> None:
    """Fill one database, back it up, restore it into the other; print a line."""
    migrate(engine)
    fill(engine, count // 11 + 1)
    file = folder / f"{name}.backup"
    start = time.perf_counter()
    manifest = backup_to_file(engine, engine, file)
    made = time.perf_counter()
    with file.open("rb") as source:
        restore(new, new, source)
    done = time.perf_counter()
    rows = manifest.rows["conversations/events"]
    print(
        f"{name}: {rows:,} events: back-up {made - start:.1f} s, restore {done - made:.1f} s, "
        f"file {file.stat().st_size / 1e6:.1f} MB"
    )


def main() -> None:
    """Measure SQLite, and PostgreSQL when a URL is given."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=100_000)
    options.add_argument("--postgres", help="such as postgresql+psycopg2://user@host/name")
    chosen = options.parse_args()
    random.seed(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        both = [open_database(f"sqlite:///{folder / part}.db") for part in ("old", "new")]
        measure("SQLite", both[0], both[1], chosen.events, folder)
        print(f"  the SQLite file itself: {(folder / 'old.db').stat().st_size / 1e6:.1f} MB")
        if chosen.postgres:
            admin = open_database(chosen.postgres)
            schemas = ("backup_time_old", "backup_time_new")
            with admin.begin() as connection:
                for schema in schemas:
                    connection.execute(text(f"CREATE SCHEMA {schema}"))
            both = [
                open_database(f"{chosen.postgres}?options=-csearch_path%3D{schema}")
                for schema in schemas
            ]
            try:
                measure("PostgreSQL", both[0], both[1], chosen.events, folder)
            finally:
                for engine in both:
                    engine.dispose()
                with admin.begin() as connection:
                    for schema in schemas:
                        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))


if __name__ == "__main__":
    main()
