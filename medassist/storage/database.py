"""Opening the database and bringing its tables up to date."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from medassist.settings import SettingsError
from medassist.storage.hanging import give_up_on_a_silent_server, patiently

if TYPE_CHECKING:  # 17 MB in each server otherwise, and only a preparation migrates
    from alembic.config import Config

PREPARING = 0x6D656461
"""The number of PostgreSQL's advisory lock for preparing the database ("meda")."""

MIGRATIONS = Path(__file__).resolve().parent / "migrations"


def open_database(url: str) -> Engine:
    """An engine for `url`; no connection is made yet.

    SQLite waits up to 5 seconds for another process's write and keeps readers unblocked.
    Errors do not show what was to be stored.
    Raises SettingsError when the URL cannot be understood.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError("MEDASSIST_DATABASE_URL is not a database URL.") from error
    if parsed.get_backend_name() == "postgresql":
        give_up_on_a_silent_server()
    if parsed.get_backend_name() != "sqlite":
        return create_engine(
            parsed,
            future=True,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"connect_timeout": 5},
        )
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    # SQLAlchemy 1.4 would open the file anew for each look; 2.0 keeps connections, as we do here.
    engine = create_engine(
        parsed,
        future=True,
        hide_parameters=True,
        poolclass=QueuePool if parsed.database else None,
        connect_args={"timeout": 5, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _configure(connection, _record):  # type: ignore[no-untyped-def]
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten

    return engine


def migration_config(engine: Engine) -> Config:
    """Alembic's configuration for this engine, without an alembic.ini."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    return config


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the tables to `revision` (a new database gets them all)."""
    from alembic import command

    with patiently() if engine.dialect.name == "postgresql" else nullcontext():
        command.upgrade(migration_config(engine), revision)


@contextmanager
def one_at_a_time(engine: Engine) -> Iterator[None]:
    """Wait until no other process is preparing this database, and keep others waiting."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            # It belongs to the session: it outlives the transaction, and ends with a crash.
            connection.execute(text(f"SELECT pg_advisory_lock({PREPARING})"))
            connection.commit()
            try:
                yield
            finally:
                connection.execute(text(f"SELECT pg_advisory_unlock({PREPARING})"))
                connection.commit()
    elif engine.url.database:
        with Path(f"{engine.url.database}.preparing").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    else:
        yield
