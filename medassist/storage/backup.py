"""Both databases in one file, and back: from any of the databases we support to any other.

The file is a zip: each table as lines of JSON, and `manifest.json` with the migration it was made
at, and each table's rows and SHA-256. It is read in one snapshot of each database, so medassist
may go on meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import IO, Any

from alembic import command
from alembic.util import CommandError
from sqlalchemy import JSON, DateTime, MetaData, Table, func, insert, inspect, select, text
from sqlalchemy.engine import Connection, Engine

from medassist import __version__
from medassist.storage.database import migrate, migration_config
from medassist.storage.going import known_revisions, stored_revision
from medassist.storage.rasa_tables import erased, events, rasa_metadata
from medassist.storage.tables import metadata, now

FORMAT = 1
"""Of the file. A reader refuses any other."""

MANIFEST = "manifest.json"
OURS, CHATS = "ours", "conversations"
_ROWS = 500
"""Rows that are read or written at once."""


class BackupError(Exception):
    """No back-up, or no restore; one plain line says why, and what was left as it is."""


@dataclass(frozen=True)
class Manifest:
    """What a back-up holds. `rows` and `digests` are by the names of its parts (`ours/cases`)."""

    made_at: str
    medassist: str
    revision: str
    rows: dict[str, int]
    digests: dict[str, str]

    @property
    def summary(self) -> str:
        """One line for a person."""
        rows, cases = sum(self.rows.values()), self.rows.get(f"{OURS}/cases", 0)
        chats = self.rows.get(f"{CHATS}/events", 0)
        return (
            f"made at {self.made_at}, migration {self.revision}: {rows} rows, of these "
            f"{chats} of chats and {cases} cases"
        )


def _plain(value: Any) -> Any:
    """A value of a row as JSON has it; times are UTC."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} has no place in a back-up")


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that sees the database as it is now, whatever others write."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")  # Python's driver begins none before reading
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
        else:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            connection.execute(text("SELECT 1"))
        yield connection
        connection.rollback()


def _stored(connection: Connection, names: set[str]) -> list[Table]:
    """Those of these tables that are there, as they are there, in order of what points where."""
    there = MetaData()
    present = set(inspect(connection).get_table_names())
    there.reflect(connection, only=sorted(names & present))
    return list(there.sorted_tables)


def write_backup(engine: Engine, tracker: Engine, into: IO[bytes]) -> Manifest:
    """Write all of our database and of the chats; `into` need not be seekable."""
    rows: dict[str, int] = {}
    digests: dict[str, str] = {}
    made_at = now().isoformat(timespec="seconds")
    with ExitStack() as stack:
        ours = stack.enter_context(_snapshot(engine))
        chats = stack.enter_context(_snapshot(tracker))
        archive = stack.enter_context(
            zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED, compresslevel=4)
        )
        revision = stored_revision(ours)
        if revision is None:
            raise BackupError("There is nothing to back up: this database has no tables of ours.")
        for where, connection, names in (
            (OURS, ours, set(metadata.tables)),
            (CHATS, chats, {events.name}),
        ):
            for table in _stored(connection, names):
                part = f"{where}/{table.name}"
                rows[part], digests[part] = _write_table(connection, table, archive, part)
        manifest = Manifest(made_at, __version__, revision, rows, digests)
        archive.writestr(MANIFEST, json.dumps({"format": FORMAT, **vars(manifest)}, indent=2))
    return manifest


def _write_table(
    connection: Connection, table: Table, archive: zipfile.ZipFile, part: str
) -> tuple[int, str]:
    """Write one table as lines of JSON, in order of its key; returns its rows and its digest."""
    digest, count = hashlib.sha256(), 0
    query = select(table).order_by(*table.primary_key.columns)
    with archive.open(f"{part}.jsonl", "w", force_zip64=True) as member:
        for row in connection.execution_options(yield_per=_ROWS).execute(query):
            line = json.dumps(dict(row._mapping), default=_plain, ensure_ascii=False) + "\n"
            data = line.encode("utf-8", "surrogatepass")
            member.write(data)
            digest.update(data)
            count += 1
    return count, digest.hexdigest()


def backup_to_file(engine: Engine, tracker: Engine, path: Path) -> Manifest:
    """Write a back-up for its owner's eyes only. An existing file is left alone."""
    if path.exists():
        raise BackupError(f"{path} exists already. It was left as it is.")
    part = path.with_name(f"{path.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            manifest = write_backup(engine, tracker, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise BackupError(f"{path} could not be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)
    return manifest


@contextmanager
def seekable(path: Path) -> Iterator[IO[bytes]]:
    """A back-up to read; from standard input (`-`) by way of a file that nobody can open."""
    if str(path) == "-":
        with tempfile.TemporaryFile() as spooled:
            shutil.copyfileobj(sys.stdin.buffer, spooled)
            spooled.seek(0)
            yield spooled
        return
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise BackupError(f"{path} could not be read: {error.strerror}.") from None


def read_manifest(archive: zipfile.ZipFile) -> Manifest:
    """What a back-up says of itself. Raises BackupError when it is none, or of another time."""
    try:
        said = json.loads(archive.read(MANIFEST))
        found = said.pop("format")
        manifest = Manifest(**said)
    except (KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile):
        raise BackupError("This is no back-up of medassist.") from None
    if found != FORMAT:
        raise BackupError(f"This back-up has the format {found}; this medassist reads {FORMAT}.")
    return manifest


def _check(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Read all of it once. Raises BackupError when anything is missing or changed."""
    for part, digest in manifest.digests.items():
        found, count = hashlib.sha256(), 0
        try:
            with archive.open(f"{part}.jsonl") as member:
                for line in member:
                    found.update(line)
                    count += 1
        except (KeyError, OSError, EOFError, zipfile.BadZipFile, ValueError):
            raise BackupError(f"The back-up is damaged: {part} cannot be read.") from None
        if found.hexdigest() != digest or count != manifest.rows.get(part):
            raise BackupError(f"The back-up is damaged: {part} is not what was written.")


def restore(engine: Engine, tracker: Engine, source: IO[bytes], replace: bool = False) -> Manifest:
    """Put a back-up into two empty databases, and bring it up to date.

    All of it is checked before anything is touched. Raises BackupError, also when a database
    holds something already, unless `replace`, which drops that first.
    """
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError):
        raise BackupError("This is no back-up of medassist.") from None
    with archive:
        manifest = read_manifest(archive)
        config = migration_config(engine)
        if manifest.revision not in known_revisions(engine):
            raise BackupError(
                f"This back-up is of a later medassist (migration {manifest.revision}). "
                "Restore it with that one."
            )
        _check(archive, manifest)
        if not replace:
            _require_empty(engine, set(metadata.tables))
            _require_empty(tracker, {events.name})
        try:
            command.downgrade(config, "base")
            migrate(engine, manifest.revision)
        except CommandError:
            raise BackupError(
                "The database is of a later medassist. Restore into a new, empty one."
            ) from None
        rasa_metadata.create_all(tracker)
        _fill(engine, archive, manifest, OURS, set(metadata.tables))
        _fill(tracker, archive, manifest, CHATS, {events.name, erased.name})
        migrate(engine)
    return manifest


def _require_empty(engine: Engine, names: set[str]) -> None:
    with engine.connect() as connection:
        for table in _stored(connection, names):
            if connection.execute(select(table).limit(1)).first() is not None:
                raise BackupError(
                    f"The database is not empty: {table.name} has rows. Nothing was changed. "
                    "Use a new database, or --replace to drop all that this one holds."
                )


def _fill(
    engine: Engine, archive: zipfile.ZipFile, manifest: Manifest, where: str, names: set[str]
) -> None:
    """Fill the tables of one database in one transaction."""
    with engine.begin() as connection:
        tables = _stored(connection, names)
        for table in reversed(tables):
            connection.execute(table.delete())
        for table in tables:
            part = f"{where}/{table.name}"
            if part not in manifest.rows:
                continue
            for column in table.columns:
                if isinstance(column.type, JSON):
                    column.type = JSON(none_as_null=True)
            with archive.open(f"{part}.jsonl") as member:
                for rows in _in_lots(member, table):
                    connection.execute(insert(table), rows)
            _count_on(connection, table)


def _in_lots(member: IO[bytes], table: Table) -> Iterator[list[dict[str, Any]]]:
    times = [c.name for c in table.columns if isinstance(c.type, DateTime)]
    rows: list[dict[str, Any]] = []
    for line in member:
        row = json.loads(line.decode("utf-8", "surrogatepass"))
        for name in times:
            if row.get(name) is not None:
                row[name] = datetime.fromisoformat(row[name])
        rows.append(row)
        if len(rows) == _ROWS:
            yield rows
            rows = []
    if rows:
        yield rows


def _count_on(connection: Connection, table: Table) -> None:
    """Let PostgreSQL number the next row after the last one (SQLite does so by itself)."""
    if connection.dialect.name != "postgresql" or "id" not in table.c:
        return
    named = {"table": table.name}
    sequence = connection.execute(text("SELECT pg_get_serial_sequence(:table, 'id')"), named)
    name = sequence.scalar()
    highest = connection.execute(select(func.max(table.c.id))).scalar()
    if name and highest:
        connection.execute(select(func.setval(name, highest)))
