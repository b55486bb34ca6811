"""The migrations make exactly the tables the code describes, and can be undone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, inspect
from sqlalchemy.engine import Engine

from medassist.cases.cases import acknowledge, find_case, history
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


def test_cases_from_before_the_console_keep_their_rows_and_wait_since_they_were_opened(
    empty_database: Engine,
) -> None:
    migrate(empty_database, "0001")
    old = MetaData()
    old.reflect(empty_database)
    opened_at = datetime(2026, 11, 1, 12, 30, 15, 250000, tzinfo=timezone.utc)
    case = {
        "conversation": "web-1",
        "channel": "website",
        "level": "emergency",
        "kind": "overdose",
        "status": "open",
    }
    with empty_database.begin() as connection:
        for number in range(3):
            at = opened_at + timedelta(days=number)
            connection.execute(old.tables["cases"].insert().values(**case, opened_at=at))
            connection.execute(
                old.tables["case_events"]
                .insert()
                .values(case_id=number + 1, event="opened", detail={"words": f"w{number}"}, at=at)
            )
    migrate(empty_database)
    found = [find_case(empty_database, number) for number in (1, 2, 3)]
    assert [c.level_since for c in found] == [opened_at + timedelta(days=n) for n in range(3)]
    assert all(c.level_since == c.opened_at for c in found)
    assert {(c.conversation, c.level, c.kind, c.status, c.holder) for c in found} == {
        ("web-1", "emergency", "overdose", "open", None)
    }
    kept = [history(empty_database, number) for number in (1, 2, 3)]
    assert [(e["event"], e["account"], e["detail"]["words"]) for (e,) in kept] == [
        ("opened", None, f"w{number}") for number in range(3)
    ]
    acknowledge(empty_database, 1, "kim")
    assert find_case(empty_database, 1).acknowledged_by == "kim"


def test_a_migration_that_fails_halfway_leaves_the_database_as_it_was(
    empty_database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(empty_database, "0001")
    before = MetaData()
    before.reflect(empty_database)
    executed = Operations.execute

    def fail_at_the_last_step(self: Operations, statement: str) -> None:
        executed(self, statement)
        raise KeyboardInterrupt

    monkeypatch.setattr(Operations, "execute", fail_at_the_last_step)
    with pytest.raises(KeyboardInterrupt):
        migrate(empty_database)
    monkeypatch.undo()
    after = MetaData()
    after.reflect(empty_database)
    assert set(after.tables) == set(before.tables)
    assert set(after.tables["cases"].c.keys()) == set(before.tables["cases"].c.keys())
    migrate(empty_database)
    assert "audit_log" in inspect(empty_database).get_table_names()
