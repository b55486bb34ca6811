"""Each migration goes up, down and up again with rows in every table, and loses no row it need not."""

from __future__ import annotations

import itertools
from datetime import datetime, timezone
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    Boolean,
    DateTime,
    Float,
    Integer,
    MetaData,
    String,
    insert,
    select,
    text,
)
from sqlalchemy.engine import Engine
from sqlalchemy.sql.schema import Column

from medassist.storage.database import migrate, migration_config
from medassist.storage.going import MigrationError, go_to

MOMENT = datetime(2026, 11, 1, 12, 30, 15, 250000, tzinfo=timezone.utc)
ROWS = 3

Snapshot = dict[str, list[dict[str, Any]]]


def value_for(column: Column, number: int) -> Any:
    if column.foreign_keys or isinstance(column.type, Integer):
        return number
    if isinstance(column.type, Boolean):
        return number % 2 == 0
    if isinstance(column.type, DateTime):
        return MOMENT
    if isinstance(column.type, JSON):
        return {"words": f"ü{number}", "list": [1, None]}
    if isinstance(column.type, Float):
        return number + 0.1
    assert isinstance(column.type, String), column
    return f"{column.name} ü{number}"[: column.type.length or 100]


def tables_of(engine: Engine) -> MetaData:
    found = MetaData()
    found.reflect(engine)
    found.remove(found.tables["medassist_migrations"])
    return found


def fill(engine: Engine, only: set[str] | None = None) -> None:
    with engine.begin() as connection:
        for table in tables_of(engine).sorted_tables:
            if only is None or table.name in only:
                for number in range(1, ROWS + 1):
                    row = {c.name: value_for(c, number) for c in table.columns}
                    connection.execute(insert(table).values(**row))


def contents(engine: Engine) -> Snapshot:
    found: Snapshot = {}
    with engine.connect() as connection:
        for table in tables_of(engine).sorted_tables:
            query = select(table).order_by(*table.primary_key.columns)
            found[table.name] = [dict(row._mapping) for row in connection.execute(query)]
    return found


def shared(one: Snapshot, other: Snapshot) -> Snapshot:
    """The part of `one` whose tables and columns `other` has too."""
    return {
        name: [{k: v for k, v in row.items() if k in other[name][0]} for row in rows]
        for name, rows in one.items()
        if other.get(name)
    }


def revisions(engine: Engine) -> list[str]:
    """Every migration, the first first."""
    scripts = ScriptDirectory.from_config(migration_config(engine))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def test_every_step_down_and_up_again_keeps_what_both_sides_know(empty_database: Engine) -> None:
    config = migration_config(empty_database)
    migrate(empty_database)
    fill(empty_database)
    steps = revisions(empty_database)
    assert len(steps) >= 4
    above = contents(empty_database)
    assert all(len(rows) == ROWS for rows in above.values())
    for lower, upper in reversed(list(itertools.pairwise(steps))):
        command.downgrade(config, lower)
        below = contents(empty_database)
        assert below == shared(above, below), f"down from {upper}"
        migrate(empty_database, upper)
        again = contents(empty_database)
        assert shared(again, below) == shared(below, again), f"up to {upper}"
        command.downgrade(config, lower)
        above = contents(empty_database)


def test_what_the_first_release_held_is_there_after_all_migrations(empty_database: Engine) -> None:
    migrate(empty_database, revisions(empty_database)[0])
    fill(empty_database)
    before = contents(empty_database)
    migrate(empty_database)
    after = contents(empty_database)
    assert shared(after, before) == before
    assert all(len(after[name]) == ROWS for name in before)
    new = set(after) - set(before)
    fill(empty_database, new)  # the new tables take rows, also those that point to old ones
    assert all(len(contents(empty_database)[name]) == ROWS for name in new)


def test_all_the_way_down_and_up_again_works_twice(empty_database: Engine) -> None:
    for _ in range(2):
        migrate(empty_database)
        fill(empty_database)
        command.downgrade(migration_config(empty_database), "base")
        assert tables_of(empty_database).sorted_tables == []


def test_an_older_release_is_gone_back_to_only_when_said_so(empty_database: Engine) -> None:
    first, *_between, newest = revisions(empty_database)
    assert (go_to(empty_database, None).before, go_to(empty_database, None).before) == (
        None,
        newest,
    )
    fill(empty_database)
    kept = contents(empty_database)
    with pytest.raises(MigrationError, match="--back"):
        go_to(empty_database, first)
    assert contents(empty_database) == kept
    assert go_to(empty_database, first, back=True).after == first
    assert len(contents(empty_database)["cases"]) == ROWS
    assert go_to(empty_database, None).after == newest


def test_a_database_of_a_later_release_is_left_alone(empty_database: Engine) -> None:
    migrate(empty_database)
    with empty_database.begin() as connection:
        connection.execute(text("UPDATE medassist_migrations SET version_num = '9999'"))
    with pytest.raises(MigrationError, match="later medassist"):
        go_to(empty_database, None)
    with pytest.raises(MigrationError, match="no migration 4711"):
        go_to(empty_database, "4711")
