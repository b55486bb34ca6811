"""A back-up holds all, can be made meanwhile, and comes back whole or not at all."""

from __future__ import annotations

import io
import json
import secrets
import threading
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, func, insert, select, text
from sqlalchemy.engine import Engine

from medassist.cases.cases import find_case, history, open_case
from medassist.medicines.answers import Answers, load_answers
from medassist.medicines.files import read_medicines
from medassist.settings import ROOT
from medassist.storage.backup import BackupError, backup_to_file, restore, write_backup
from medassist.storage.database import migrate, migration_config, open_database
from medassist.storage.rasa_tables import events
from medassist.storage.tables import case_events, cases, content_gaps, metadata, now
from tests.conftest import POSTGRES
from tests.privacy.conftest import Medassist
from tests.privacy.held import hold
from tests.staff.conversations import write


@pytest.fixture(params=["sqlite", "postgresql"])
def new_databases(
    request: pytest.FixtureRequest, database: Engine, tmp_path: Path
) -> Iterator[tuple[Engine, Engine]]:
    """Two databases that are empty; on PostgreSQL one for both."""
    if request.param == "sqlite":
        both = tuple(open_database(f"sqlite:///{tmp_path / name}.db") for name in ("new", "chats"))
        yield both
    else:
        if database.dialect.name != "postgresql":
            pytest.skip("from SQLite to PostgreSQL is the real bot's test")
        schema = f"medassist_test_{secrets.token_hex(4)}"
        with database.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        engine = open_database(f"{POSTGRES}?options=-csearch_path%3D{schema}")
        both = (engine, engine)
        yield both
        with database.begin() as connection:
            engine.dispose()
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    for engine in both:
        engine.dispose()


def contents(engine: Engine, chats: Engine) -> dict[str, list[str]]:
    """Every row of every table, as the program reads it."""
    found = {}
    for database, tables in ((engine, metadata.sorted_tables), (chats, [events])):
        with database.connect() as connection:
            for table in tables:
                rows = connection.execute(select(table).order_by(*table.primary_key.columns))
                found[table.name] = [
                    json.dumps(dict(row._mapping), default=as_utc, sort_keys=True) for row in rows
                ]
    return found


def as_utc(moment: datetime) -> str:
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).isoformat()


def fill_all(engine: Engine, chats: Engine) -> int:
    case = hold(engine, chats, "sms-ü🦄", "+15550100999")
    load_answers(engine, read_medicines(ROOT / "data" / "medicines"))
    write(chats, now(), "a null \x00 and a lone \ud83d", conversation="web-9")
    return case


def backed_up(engine: Engine, chats: Engine) -> io.BytesIO:
    file = io.BytesIO()
    write_backup(engine, chats, file)
    return file


def test_what_is_restored_is_what_was_there(
    database: Engine,
    tracker: Engine,
    new_databases: tuple[Engine, Engine],
) -> None:
    case = fill_all(database, tracker)
    manifest = restore(*new_databases, backed_up(database, tracker))
    assert contents(*new_databases) == contents(database, tracker)
    assert manifest.rows["ours/cases"] == 1
    new = new_databases[0]
    assert find_case(new, case) == find_case(database, case)
    assert history(new, case) == history(database, case)
    assert Answers(new).in_force() == Answers(database).in_force()


def test_after_a_restore_new_rows_get_new_numbers(
    database: Engine,
    tracker: Engine,
    new_databases: tuple[Engine, Engine],
) -> None:
    case = fill_all(database, tracker)
    restore(*new_databases, backed_up(database, tracker))
    new, chats = new_databases
    later = open_case(
        new, conversation="web-2", channel="website", level="urgent", kind="overdose",
        detail={}, targets=[],
    )  # fmt: skip
    assert later > case
    write(chats, now(), "it goes on")
    with chats.connect() as connection:
        assert connection.execute(select(func.count(events.c.id))).scalar() == 10


def test_a_backup_made_while_others_write_is_of_one_moment(
    database: Engine,
    tracker: Engine,
    tmp_path: Path,
) -> None:
    stop = threading.Event()

    def write_on() -> None:
        while not stop.is_set():
            open_case(
                database, conversation=secrets.token_hex(8), channel="website", level="urgent",
                kind="overdose", detail={}, targets=["webhook"],
            )  # fmt: skip

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        file = backed_up(database, tracker)
    finally:
        stop.set()
        writer.join()
    new, chats = (open_database(f"sqlite:///{tmp_path / name}.db") for name in ("new", "chats"))
    restore(new, chats, file)  # foreign keys are checked: no event without its case
    with new.connect() as connection:
        numbers = [
            connection.execute(select(func.count()).select_from(table)).scalar()
            for table in (cases, case_events, metadata.tables["notifications"])
        ]
    assert len(set(numbers)) == 1
    new.dispose()
    chats.dispose()


def test_a_backup_of_an_earlier_version_is_brought_up_to_date(
    empty_database: Engine, tmp_path: Path
) -> None:
    migrate(empty_database, "0001")
    old = MetaData()
    old.reflect(empty_database)
    opened_at = datetime(2026, 11, 1, 12, 30, tzinfo=timezone.utc)
    row = {"conversation": "web-1", "channel": "website", "level": "urgent", "kind": "overdose"}
    with empty_database.begin() as connection:
        connection.execute(
            insert(old.tables["cases"]).values(id=7, **row, status="open", opened_at=opened_at)
        )
    file = backed_up(empty_database, empty_database)
    new, chats = (open_database(f"sqlite:///{tmp_path / name}.db") for name in ("new", "chats"))
    restore(new, chats, file)
    assert find_case(new, 7).level_since == opened_at
    new.dispose()
    chats.dispose()


def test_a_database_that_is_not_empty_is_left_alone_unless_told(
    database: Engine,
    tracker: Engine,
    new_databases: tuple[Engine, Engine],
) -> None:
    fill_all(database, tracker)
    file = backed_up(database, tracker)
    new, chats = new_databases
    migrate(new)
    row = {"conversation": "x", "medicine": "m", "topic": "t", "question": "mine"}
    with new.begin() as connection:
        connection.execute(insert(content_gaps).values(**row))
    with pytest.raises(BackupError, match="not empty: content_gaps has rows"):
        restore(new, chats, file)
    with new.connect() as connection:
        assert connection.execute(select(content_gaps.c.question)).scalars().all() == ["mine"]
    restore(new, chats, file, replace=True)
    assert contents(new, chats) == contents(database, tracker)


def changed(file: io.BytesIO, part: str, change) -> io.BytesIO:
    """The same back-up with one part changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == part:
                data = change(data)
            if data is not None:
                new.writestr(name, data)
    return out


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("ours/cases.jsonl", lambda data: data.replace(b"emergency", b"routine  "), "ours/cases is not"),
        ("ours/cases.jsonl", lambda data: data + data, "ours/cases is not"),
        ("conversations/events.jsonl", lambda data: None, "conversations/events cannot be read"),
        ("manifest.json", lambda data: data.replace(b'"format": 1', b'"format": 2'), "format 2"),
        ("manifest.json", lambda data: b"{}", "no back-up of medassist"),
        ("manifest.json", lambda data: data.replace(b'"revision": "0', b'"revision": "9'), "later medassist"),
    ],
    ids=["changed", "longer", "missing", "another format", "no manifest", "later version"],
)  # fmt: skip
def test_a_damaged_backup_is_refused_before_anything_is_touched(
    part: str, change, said: str, tmp_path: Path
) -> None:
    new, chats = (open_database(f"sqlite:///{tmp_path / name}.db") for name in ("new", "chats"))
    migrate(new)
    fill = open_database(f"sqlite:///{tmp_path / 'full.db'}")
    migrate(fill)
    events.metadata.create_all(fill)
    hold(fill, fill)
    bad = changed(backed_up(fill, fill), part, change)
    before = contents(fill, fill)
    with pytest.raises(BackupError, match=said):
        restore(fill, fill, bad, replace=True)
    assert contents(fill, fill) == before
    for engine in (new, chats, fill):
        engine.dispose()


def test_half_a_file_and_no_file_are_refused(tmp_path: Path) -> None:
    new = open_database(f"sqlite:///{tmp_path / 'new.db'}")
    migrate(new)
    whole = backed_up(new, new).getvalue()
    for bad in (whole[: len(whole) // 2], b"", b"hello"):
        with pytest.raises(BackupError, match="no back-up of medassist"):
            restore(new, new, io.BytesIO(bad), replace=True)
    new.dispose()


def test_a_backup_is_for_its_owner_only_and_never_takes_a_files_place(
    tmp_path: Path,
    medassist: Medassist,
) -> None:
    path = tmp_path / "medassist.backup"
    nothing = medassist("backup", str(path))
    assert (nothing.code, nothing.error.count("\n")) == (1, 1)
    assert not list(tmp_path.glob("medassist.backup*"))
    medassist("answers", "load")
    made = medassist("backup", str(path))
    assert made.code == 0, made.error
    assert "migration" in made.error
    assert path.stat().st_mode & 0o777 == 0o600
    again = medassist("backup", str(path))
    assert (again.code, "exists already" in again.error) == (1, True)
    other = str(tmp_path / "other")
    restored = medassist("restore", str(path), MEDASSIST_VAR=other)
    assert restored.code == 0, restored.error
    assert "baclofen" in medassist("answers", "list", MEDASSIST_VAR=other).said
    for words in (("restore", str(path)), ("restore", str(tmp_path / "none"))):
        refused = medassist(*words)
        assert (refused.code, refused.error.count("\n")) == (1, 1), refused.error


def test_a_backup_that_is_a_day_old_says_when_it_was_made(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'new.db'}")
    migrate(engine)
    manifest = backup_to_file(engine, engine, tmp_path / "b")
    made_at = datetime.fromisoformat(manifest.made_at)
    assert timedelta(0) <= now() - made_at < timedelta(minutes=5)
    scripts = ScriptDirectory.from_config(migration_config(engine))
    assert manifest.revision == scripts.get_current_head()
    engine.dispose()
