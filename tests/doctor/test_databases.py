"""The databases, one thing broken at a time."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.engine import Engine

from medassist.medicines.answers import load_answers
from medassist.medicines.files import read_medicines
from medassist.medicines.reviews import APPROVED, decide
from medassist.settings import ROOT
from medassist.staff import accounts
from medassist.storage.database import migrate, open_database
from medassist.storage.tables import answer_versions, cases, now
from tests.conftest import POSTGRES
from tests.doctor.conftest import Report
from tests.web.served import free_port


def sqlite(tmp_path: Path) -> Engine:
    return open_database(f"sqlite:///{tmp_path / 'var' / 'medassist.db'}")


@pytest.fixture
def filled(tmp_path: Path) -> Engine:
    """A database as the first start leaves it."""
    engine = sqlite(tmp_path)
    migrate(engine)
    load_answers(engine, read_medicines(ROOT / "data" / "medicines"))
    accounts.add_account(engine, "kim", "admin", password=None)
    return engine


def test_a_database_as_it_should_be_is_well_but_for_the_approvals(
    doctor: Callable[..., Report], filled: Engine
) -> None:
    report = doctor("database")
    assert "sqlite" in report.line("OK", "database")
    assert report.line("OK", "accounts") == "1 active, 1 of them administrators."
    assert report.lines("OK", "clock")
    assert "0 approved by a clinician" in report.line("WARNING", "answers")
    assert report.code == 0


def test_a_database_that_is_not_there_is_not_made_by_looking(
    doctor: Callable[..., Report], tmp_path: Path
) -> None:
    assert "medassist prepare" in doctor("database").line("WARNING", "database")
    assert list((tmp_path / "var").iterdir()) == []


def test_a_database_without_tables_is_a_problem(
    doctor: Callable[..., Report], tmp_path: Path
) -> None:
    (tmp_path / "var" / "medassist.db").touch()
    assert "no tables" in doctor("database").line("PROBLEM", "database")


def test_tables_of_an_older_and_of_a_newer_version_are_a_problem(
    doctor: Callable[..., Report], tmp_path: Path
) -> None:
    engine = sqlite(tmp_path)
    migrate(engine)
    migrate_down(engine)
    said = doctor("database").line("PROBLEM", "database")
    assert "of an older version" in said
    assert "medassist prepare" in said
    with engine.begin() as connection:
        connection.execute(text("UPDATE medassist_migrations SET version_num = 'future'"))
    assert "of a newer medassist (future)" in doctor("database").line("PROBLEM", "database")


def migrate_down(engine: Engine) -> None:
    from alembic import command

    from medassist.storage.database import migration_config

    command.downgrade(migration_config(engine), "-1")


def test_a_database_that_is_none_is_a_problem(doctor: Callable[..., Report]) -> None:
    report = doctor("database", MEDASSIST_DATABASE_URL="medassist.db")
    assert "MEDASSIST_DATABASE_URL is not a database URL" in report.line("PROBLEM", "database")


@pytest.mark.parametrize(
    ("check", "variable", "about"),
    [
        ("database", "MEDASSIST_DATABASE_URL", "database"),
        ("conversations", "MEDASSIST_TRACKER_DATABASE_URL", "conversations"),
    ],
)
def test_a_database_that_cannot_be_reached_is_a_problem_and_its_password_is_not_said(
    doctor: Callable[..., Report], check: str, variable: str, about: str
) -> None:
    url = f"postgresql+psycopg2://user:hush-hush@127.0.0.1:{free_port()}/medassist"
    report = doctor(check, **{variable: url})
    assert "Connection refused" in report.line("PROBLEM", about)
    assert "hush" not in report.output


def test_no_answers_are_a_problem_and_changed_files_are_warned_of(
    doctor: Callable[..., Report], filled: Engine, data: Path
) -> None:
    file = data / "medicines" / "baclofen.yml"
    words = file.read_text(encoding="utf-8")
    file.write_text(words.replace("title: Baclofen", "title: Baclofen tablets", 1))
    assert file.read_text(encoding="utf-8") != words
    waiting = doctor("database", MEDASSIST_DATA=str(data)).lines("WARNING", "answers")[-1]
    assert "are not in force yet. Run `medassist answers load`." in waiting
    with filled.begin() as connection:
        connection.execute(update(answer_versions).values(in_force=False))
    assert "None is in force" in doctor("database").line("PROBLEM", "answers")


def test_asking_for_approval_without_any_is_a_problem(
    doctor: Callable[..., Report], filled: Engine
) -> None:
    report = doctor("database", MEDASSIST_REQUIRE_APPROVAL="1")
    assert "no question gets one" in report.line("PROBLEM", "answers")
    with filled.connect() as connection:
        first = connection.execute(text("SELECT min(id) FROM answer_versions")).scalar_one()
    decide(filled, first, APPROVED, "kim")
    report = doctor("database", MEDASSIST_REQUIRE_APPROVAL="1")
    assert "1 in force" in report.line("WARNING", "answers")
    assert "1 approved by a clinician" in report.line("WARNING", "answers")


def test_nobody_who_may_administer_is_a_problem(
    doctor: Callable[..., Report], filled: Engine
) -> None:
    with filled.begin() as connection:
        connection.execute(text("UPDATE accounts SET active = false"))
    assert "medassist users add" in doctor("database").line("PROBLEM", "accounts")


def test_a_clock_that_is_behind_what_is_stored_is_a_problem(
    doctor: Callable[..., Report], filled: Engine
) -> None:
    with filled.begin() as connection:
        connection.execute(
            insert(cases).values(
                conversation="c", channel="website", level="urgent", kind="triage",
                status="open", opened_at=now() + timedelta(days=2),
            )
        )  # fmt: skip
    assert "this machine's clock says" in doctor("database").line("PROBLEM", "clock")


@pytest.fixture
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL schema with our tables, whose clock can be set."""
    from sqlalchemy.exc import OperationalError

    schema = f"medassist_doctor_{secrets.token_hex(4)}"
    admin = open_database(POSTGRES)
    try:
        with admin.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
    except OperationalError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("no PostgreSQL on this machine (set MEDASSIST_TEST_POSTGRES_URL)")
    # Our own clock_timestamp() is found before the built-in one.
    url = f"{POSTGRES}?options=-csearch_path%3D{schema},pg_catalog"
    engine = open_database(url)
    migrate(engine)
    load_answers(engine, read_medicines(ROOT / "data" / "medicines"))
    engine.dispose()
    yield url
    with admin.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    admin.dispose()


def test_a_clock_that_differs_from_the_databases_is_a_problem(
    doctor: Callable[..., Report], postgres: str
) -> None:
    assert doctor("database", MEDASSIST_DATABASE_URL=postgres).lines("OK", "clock")
    engine = open_database(postgres)
    for apart, kind in ((3600, "PROBLEM"), (10, "WARNING")):
        with engine.begin() as connection:
            connection.execute(
                text(
                    "CREATE OR REPLACE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql "
                    f"AS 'SELECT pg_catalog.clock_timestamp() + interval ''{apart} seconds'''"
                )
            )
        said = doctor("database", MEDASSIST_DATABASE_URL=postgres).line(kind, "clock")
        assert "seconds apart" in said
    engine.dispose()


def test_a_database_that_may_only_be_read_is_a_problem(
    doctor: Callable[..., Report], postgres: str
) -> None:
    url = postgres.replace("options=", "options=-cdefault_transaction_read_only%3Don%20")
    report = doctor("database", MEDASSIST_DATABASE_URL=url)
    assert "cannot be written to" in report.line("PROBLEM", "database")


def test_sqlite_for_several_machines_is_a_problem(
    doctor: Callable[..., Report], filled: Engine
) -> None:
    report = doctor("database", MEDASSIST_ACTION_URL="http://actions:5055")
    said = report.lines("PROBLEM", "database")
    assert len(said) == 2
    assert "Set MEDASSIST_DATABASE_URL to a PostgreSQL." in said[0]
