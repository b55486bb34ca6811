"""The migrations make exactly the tables the code describes, and can be undone."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from sqlalchemy.engine import Engine

from medassist.storage.database import migrate, migration_config
from medassist.storage.tables import metadata


def test_there_is_one_newest_migration(empty_database: Engine) -> None:
    scripts = ScriptDirectory.from_config(migration_config(empty_database))
    assert len(scripts.get_heads()) == 1


def test_migrated_tables_are_the_described_tables(empty_database: Engine) -> None:
    migrate(empty_database)
    with empty_database.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": "medassist_migrations"}
        )
        assert compare_metadata(context, metadata) == []


def test_every_migration_can_be_undone(empty_database: Engine) -> None:
    migrate(empty_database)
    command.downgrade(migration_config(empty_database), "base")
    assert set(inspect(empty_database).get_table_names()) <= {"medassist_migrations"}


def test_migrating_twice_is_harmless(empty_database: Engine) -> None:
    migrate(empty_database)
    migrate(empty_database)
    assert "cases" in inspect(empty_database).get_table_names()
