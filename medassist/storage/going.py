"""Going from one release's tables to another's, both ways."""

from __future__ import annotations

from dataclasses import dataclass

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection, Engine

from medassist.storage.database import migrate, migration_config

VERSIONS = "medassist_migrations"
"""The table in which Alembic notes the migration that a database is at."""


class MigrationError(Exception):
    """The tables cannot go there; one plain line says why. Nothing was changed."""


@dataclass(frozen=True)
class Going:
    """The migrations before and after; None is a database without tables of ours."""

    before: str | None
    after: str


def known_revisions(engine: Engine) -> list[str]:
    """Every migration that this release knows, oldest first."""
    scripts = ScriptDirectory.from_config(migration_config(engine))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def stored_revision(connection: Connection) -> str | None:
    """The migration that a database is at."""
    if not inspect(connection).has_table(VERSIONS):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSIONS}")).scalar()
    return str(found) if found else None


def go_to(engine: Engine, revision: str | None, back: bool = False) -> Going:
    """Bring the tables to a migration, by default the newest.

    Going back drops what only later releases know, so it must be asked for with `back`.
    Raises MigrationError.
    """
    known = known_revisions(engine)
    wanted = revision or known[-1]
    with engine.connect() as connection:
        before = stored_revision(connection)
    if wanted not in known:
        raise MigrationError(f"There is no migration {wanted}. Known are {', '.join(known)}.")
    if before is not None and before not in known:
        raise MigrationError(
            f"The database is at migration {before}, of a later medassist. Take it back with that "
            "one, before you install this one."
        )
    if before is not None and known.index(before) > known.index(wanted):
        if not back:
            raise MigrationError(
                f"The database is at {before}. Going back to {wanted} drops what only later "
                "releases know. Make a back-up, then say so with --back."
            )
        command.downgrade(migration_config(engine), wanted)
    else:
        migrate(engine, wanted)
    return Going(before, wanted)
