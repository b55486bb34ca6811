"""The databases, and what must be in ours."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select, text
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from medassist.doctor.findings import OK, PROBLEM, WARNING, Finding
from medassist.medicines.answers import Answers, digest_of, stored_content
from medassist.medicines.files import MedicineFileError, read_medicines
from medassist.medicines.reviews import FILE_APPROVED
from medassist.scaling_settings import is_here
from medassist.settings import Settings, SettingsError
from medassist.staff.accounts import all_accounts
from medassist.storage.database import migration_config, open_database
from medassist.storage.tables import answer_versions, cases

VERSION_TABLE = "medassist_migrations"

CLOCK_WARNING = 2.0
CLOCK_PROBLEM = 30.0
"""Seconds between this machine's clock and the database's."""


def ours(settings: Settings) -> Iterator[Finding]:
    """Our database answers, has our tables of today, can be written to, and holds what it must."""
    yield from _of_several_machines(settings)
    try:
        engine = open_database_if_there(settings.database_url)
    except SettingsError as error:
        yield Finding(PROBLEM, "database", f"{error}")
        return
    if engine is None:
        yield Finding(
            WARNING,
            "database",
            "It is not there yet. `medassist run` and `medassist prepare` make it, and with it the "
            "first account.",
        )
        return
    try:
        with engine.connect() as connection:
            findings = list(_state(connection))
            yield from findings
            if any(finding.kind == PROBLEM for finding in findings):
                return
            yield from _clock(connection)
        yield from _answers(engine, settings)
        yield from _accounts(engine)
    except SQLAlchemyError as error:
        yield Finding(PROBLEM, "database", f"It cannot be used: {reason(error)}")
    finally:
        engine.dispose()


def conversations(settings: Settings) -> Iterator[Finding]:
    """The database where Rasa keeps the conversations answers."""
    about = "conversations"
    try:
        engine = open_database_if_there(settings.tracker_database_url)
    except SettingsError:
        yield Finding(PROBLEM, about, "MEDASSIST_TRACKER_DATABASE_URL is not a database URL.")
        return
    if engine is None:
        yield Finding(OK, about, "Their database is made at the first start.")
        return
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        yield Finding(OK, about, f"Their database answers ({engine.dialect.name}).")
    except SQLAlchemyError as error:
        yield Finding(PROBLEM, about, f"Their database cannot be used: {reason(error)}")
    finally:
        engine.dispose()


def reason(error: SQLAlchemyError) -> str:
    """Why a database failed: the first line of what its driver says. Drivers name no password."""
    lines = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def open_database_if_there(url: str) -> Engine | None:
    """The engine, or None for an SQLite file that does not exist: looking must not make it.

    Raises SettingsError.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is not None and parsed.get_backend_name() == "sqlite":
        if not parsed.database or not Path(parsed.database).exists():
            return None
    return open_database(url)


def _of_several_machines(settings: Settings) -> Iterator[Finding]:
    """What is in a file of one machine cannot be used by another."""
    neighbours = [*settings.scaling.rasa_urls, *settings.scaling.front_door_urls]
    neighbours += [settings.action_url] if settings.action_url else []
    if all(is_here(url) for url in neighbours):
        return
    for name, url in (
        ("MEDASSIST_DATABASE_URL", settings.database_url),
        ("MEDASSIST_TRACKER_DATABASE_URL", settings.tracker_database_url),
    ):
        if url.startswith("sqlite"):
            yield Finding(
                PROBLEM,
                "database",
                f"The parts are on several machines, and SQLite is on this one only. Set {name} to "
                "a PostgreSQL.",
            )


def _state(connection: Connection) -> Iterator[Finding]:
    """Whether the tables are those of this version, and can be written to."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    script = ScriptDirectory.from_config(migration_config(connection.engine))
    present, newest = context.get_current_revision(), script.get_current_head()
    if present != newest:
        known = {revision.revision for revision in script.walk_revisions()}
        if present is None:
            said = "It has no tables yet. Run `medassist prepare`."
        elif present in known:
            said = (
                f"Its tables are of an older version ({present}, wanted {newest}). "
                "Run `medassist prepare`."
            )
        else:
            said = f"Its tables are of a newer medassist ({present}). Install that version."
        yield Finding(PROBLEM, "database", said)
        return
    try:
        # A change of nothing, taken back: it needs the same rights as any other.
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = version_num"))
    except SQLAlchemyError as error:
        yield Finding(PROBLEM, "database", f"It cannot be written to: {reason(error)}")
    else:
        name = connection.dialect.name
        yield Finding(OK, "database", f"It answers ({name}), is up to date and can be written to.")
    finally:
        connection.rollback()


def _clock(connection: Connection) -> Iterator[Finding]:
    """This machine's clock goes as the database's does, or is later than what the database holds.

    Waiting times, sign-ins and signatures are reckoned by it.
    """
    here = datetime.now(timezone.utc)
    if connection.dialect.name == "postgresql":
        before = time.time()
        there = float(
            connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
        )
        apart = abs(there - (before + time.time()) / 2)
        if apart > CLOCK_WARNING:
            kind = PROBLEM if apart > CLOCK_PROBLEM else WARNING
            yield Finding(
                kind,
                "clock",
                f"This machine's clock and the database's are {apart:,.0f} seconds apart. Let both "
                "follow a time server (NTP).",
            )
            return
    newest = max(
        (at for column in (answer_versions.c.loaded_at, cases.c.opened_at)
         if (at := connection.execute(select(func.max(column))).scalar()) is not None),
        default=None,
    )  # fmt: skip
    if newest is not None and newest.tzinfo is None:
        newest = newest.replace(tzinfo=timezone.utc)
    if newest is not None and newest > here + timedelta(seconds=CLOCK_PROBLEM):
        yield Finding(
            PROBLEM,
            "clock",
            f"The database holds entries of {newest:%d %b %Y %H:%M} UTC, and this machine's clock "
            f"says {here:%d %b %Y %H:%M} UTC. Set it right.",
        )
        return
    yield Finding(OK, "clock", f"{here:%d %b %Y %H:%M} UTC.")


def _answers(engine: Engine, settings: Settings) -> Iterator[Finding]:
    """Answers are in force, and which are approved."""
    said = Answers(engine, approved_only=settings.require_approval).in_force()
    everything = Answers(engine).in_force()
    if not everything:
        yield Finding(PROBLEM, "answers", "None is in force. Run `medassist answers load`.")
        return
    if not said:
        yield Finding(
            PROBLEM,
            "answers",
            f"MEDASSIST_REQUIRE_APPROVAL is on and none of {len(everything)} answers is approved: "
            "no question gets one. Let a clinician approve them at /staff/answers.",
        )
        return
    grades = Counter(answer.review for answer in everything)
    shown = ", ".join(f"{number} {grade}" for grade, number in sorted(grades.items()))
    approved = grades[FILE_APPROVED]
    yield Finding(
        OK if approved == len(everything) else WARNING,
        "answers",
        f"{len(said)} in force ({shown}). {approved} approved by a clinician"
        + (
            "."
            if approved == len(everything)
            else "; the others say so. Let a clinician read them at /staff/answers."
        ),
    )
    try:
        files = read_medicines(settings.data / "medicines")
    except (MedicineFileError, OSError):
        return  # said of the medicine files
    with engine.connect() as connection:
        loaded = set(
            connection.execute(
                select(answer_versions.c.digest).where(answer_versions.c.in_force.is_(True))
            ).scalars()
        )
    waiting = sum(
        digest_of(stored_content(medicine, answer)) not in loaded
        for medicine in files.values()
        for answer in medicine.answers
    )
    if waiting:
        yield Finding(
            WARNING,
            "answers",
            f"{waiting} in the medicine files are not in force yet. Run `medassist answers load`.",
        )


def _accounts(engine: Engine) -> Iterator[Finding]:
    """Somebody can administer the console."""
    accounts = all_accounts(engine)
    if not accounts:
        yield Finding(
            WARNING,
            "accounts",
            "Nobody has one. `medassist run` or `medassist prepare` makes an administrator's.",
        )
        return
    admins = [account for account in accounts if account.active and account.role == "admin"]
    if not admins:
        yield Finding(
            PROBLEM,
            "accounts",
            "No administrator is active. Run `medassist users add NAME --role admin`.",
        )
        return
    active = sum(account.active for account in accounts)
    yield Finding(OK, "accounts", f"{active} active, {len(admins)} of them administrators.")
