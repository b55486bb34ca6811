"""`medassist doctor`: one thing is broken at a time, and the line that says so is read."""

from __future__ import annotations

import http.server
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.engine import Engine
from typer.testing import CliRunner

from medassist.cli import app
from medassist.doctor.examine import CHECKS
from medassist.medicines.answers import load_answers
from medassist.medicines.files import read_medicines
from medassist.medicines.reviews import APPROVED, decide
from medassist.settings import ROOT, load_settings
from medassist.staff import accounts
from medassist.storage.database import migrate, open_database
from medassist.storage.tables import answer_versions, cases, now
from medassist.training import model_file
from tests.conftest import POSTGRES
from tests.deploy.conftest import self_made_certificate
from tests.web.served import free_port

LONG = "0123456789abcdef" * 3


@dataclass
class Report:
    """What `medassist doctor` printed."""

    code: int
    output: str

    def lines(self, kind: str, about: str) -> list[str]:
        start = f"{kind:<8} {about}: "
        return [ln.removeprefix(start) for ln in self.output.splitlines() if ln.startswith(start)]

    def line(self, kind: str, about: str) -> str:
        found = self.lines(kind, about)
        assert len(found) == 1, self.output
        return found[0]


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Report]:
    """Runs the command on an installation of its own, with these settings."""
    for key in [key for key in os.environ if key.startswith("MEDASSIST_")]:
        monkeypatch.delenv(key)
    var = tmp_path / "var"
    var.mkdir(mode=0o700)
    own = {
        "MEDASSIST_VAR": str(var),
        "MEDASSIST_PORT": str(free_port()),
        "MEDASSIST_RASA_PORT": str(free_port()),
        "MEDASSIST_ACTION_PORT": str(free_port()),
    }

    def run(*only: str, **settings: str) -> Report:
        with monkeypatch.context() as environment:
            for key, value in {**own, **settings}.items():
                environment.setenv(key, value)
            done = CliRunner().invoke(app, ["doctor", *only])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.output
        assert "Traceback" not in done.output
        return Report(done.exit_code, done.output)

    return run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder, for breaking."""
    shutil.copytree(ROOT / "data", tmp_path / "data", ignore=shutil.ignore_patterns("evaluation"))
    return tmp_path / "data"


# ── the whole ───────────────────────────────────────────────────────────────────────────────


def test_a_whole_examination_is_one_line_for_each_finding_and_changes_nothing(
    tmp_path: Path,
) -> None:
    """As a person runs it. What is as it is shipped has warnings, and no problem but the model."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MEDASSIST_")}
    own = {
        "MEDASSIST_VAR": str(tmp_path / "var"),
        "MEDASSIST_PORT": str(free_port()),
        "MEDASSIST_RASA_PORT": str(free_port()),
        "MEDASSIST_ACTION_PORT": str(free_port()),
    }
    done = subprocess.run(
        [sys.executable, "-m", "medassist.cli", "doctor"],
        cwd=ROOT, env={**clean, **own}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    *findings, last = done.stdout.splitlines()
    report = Report(done.returncode, done.stdout)
    assert all(line.startswith(("OK      ", "WARNING ", "PROBLEM ")) for line in findings)
    about = {line[9:].split(":")[0] for line in findings}
    assert about >= {"settings", "packages", "disk", "medicine files", "safety files", "model",
                     "database", "ports", "secrets", "alerts", "channels"}  # fmt: skip
    has_model = model_file(load_settings(own)).exists()
    assert report.lines("OK" if has_model else "PROBLEM", "model")
    assert len(report.output.split("PROBLEM")) == (1 if has_model else 2)
    assert done.returncode == (0 if has_model else 1)
    assert "warnings." in last
    assert not (tmp_path / "var").exists()


def test_a_whole_examination_looks_at_everything() -> None:
    assert len(CHECKS) == 18


def test_only_what_is_asked_for_is_looked_at(doctor: Callable[..., Report]) -> None:
    report = doctor("channels")
    assert [line[9:].split(":")[0] for line in report.output.splitlines()[:-1]] == [
        "settings",
        "channels",
    ]
    assert (report.code, report.output.splitlines()[-1]) == (0, "All is well.")


def test_what_cannot_be_looked_at_is_said_with_what_can(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "medassist.cli", "doctor", "weather"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("medassist: 'weather' cannot be looked at. Choose from packages,")


# ── settings ────────────────────────────────────────────────────────────────────────────────


def test_a_setting_that_cannot_be_read_is_a_problem(doctor: Callable[..., Report]) -> None:
    report = doctor(MEDASSIST_PORT="eighty")
    assert "MEDASSIST_PORT must be a port number" in report.line("PROBLEM", "settings")
    assert (report.code, report.output.splitlines()[-1]) == (1, "1 problem.")


def test_a_secret_file_that_is_gone_is_a_problem(doctor: Callable[..., Report]) -> None:
    report = doctor(MEDASSIST_INTERNAL_SECRET_FILE="/nowhere/secret")
    assert "No such file" in report.line("PROBLEM", "settings")


def test_half_a_channel_is_a_problem(doctor: Callable[..., Report]) -> None:
    report = doctor("channels", MEDASSIST_SLACK_BOT_TOKEN="xoxb-hush")
    assert "also needs MEDASSIST_SLACK_SIGNING_SECRET" in report.line("PROBLEM", "settings")
    assert "hush" not in report.output


def test_a_setting_that_nothing_reads_is_warned_of_with_what_may_be_meant(
    doctor: Callable[..., Report],
) -> None:
    report = doctor("channels", MEDASSIST_PUBLIC_ULR="https://a.example", MEDASSIST_COLOUR="blue")
    assert report.lines("WARNING", "settings") == [
        "MEDASSIST_PUBLIC_ULR is read by nothing. Do you mean MEDASSIST_PUBLIC_URL?",
        "MEDASSIST_COLOUR is read by nothing. See docs/settings.md.",
    ]
    assert report.code == 0


# ── this machine ────────────────────────────────────────────────────────────────────────────


def test_packages_that_differ_from_the_lock_are_a_problem(
    doctor: Callable[..., Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "\nrasa==3.6.21" in lock
    (tmp_path / "requirements.lock").write_text(
        lock.replace("\nrasa==3.6.21", "\nrasa==3.6.20") + "\nno-such-package==1.0 \\\n"
    )
    assert "as locked" in doctor("packages").line("OK", "packages")
    monkeypatch.setattr("medassist.doctor.machine.ROOT", tmp_path)
    said = doctor("packages").line("PROBLEM", "packages")
    assert "rasa is 3.6.21 and not 3.6.20" in said
    assert "no-such-package is missing" in said


def test_a_port_that_another_program_has_is_a_problem(doctor: Callable[..., Report]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        report = doctor("ports", MEDASSIST_RASA_PORT=str(port))
    said = report.line("PROBLEM", "ports")
    assert said.startswith(f"Port {port} (the Rasa server's) is taken by another program.")
    assert "MEDASSIST_RASA_PORT" in said
    assert "front door" in report.line("OK", "ports")


class _FrontDoor(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/healthz"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    """Serves something that answers like a front door, over TLS if a certificate is given."""
    servers = []

    def start(certificate: tuple[Path, Path] | None = None) -> int:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _FrontDoor)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return int(server.server_address[1])

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_port_that_a_part_of_ours_has_is_well(
    doctor: Callable[..., Report], serve: Callable[..., int]
) -> None:
    report = doctor("ports", MEDASSIST_PORT=str(serve()))
    assert "Running here: front door." in report.lines("OK", "ports")
    assert report.code == 0


def test_neighbours_that_do_not_answer_are_warned_of(doctor: Callable[..., Report]) -> None:
    report = doctor("ports", MEDASSIST_RASA_URL="http://rasa.invalid:5005")
    said = report.line("WARNING", "neighbours")
    assert "The Rasa server at http://rasa.invalid:5005 does not answer (ConnectError)" in said


def test_two_that_run_on_one_folder_are_a_problem(
    doctor: Callable[..., Report], tmp_path: Path
) -> None:
    """Stand-ins with the command line of `medassist run`."""
    running = []
    try:
        for var in (tmp_path / "var", tmp_path / "var", tmp_path / "other"):
            environment = {**os.environ, "MEDASSIST_VAR": str(var)}
            running.append(
                subprocess.Popen(
                    ["medassist.cli", "-c", "import sys; sys.stdin.read()", "run"],
                    executable=sys.executable,
                    stdin=subprocess.PIPE,
                    env=environment,
                )
            )
        pids = sorted(process.pid for process in running[:2])
        report = doctor("runs")
        assert f"processes {pids[0]} and {pids[1]}" in report.line("PROBLEM", "medassist run")
        running[0].communicate()
        assert f"process {running[1].pid}" in doctor("runs").line("OK", "medassist run")
    finally:
        for process in running:
            if process.poll() is None:
                process.communicate()


def test_a_folder_that_cannot_be_written_to_is_a_problem(
    doctor: Callable[..., Report], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    report = doctor("folder", MEDASSIST_VAR=str(tmp_path / "file" / "var"))
    assert "cannot be written to" in report.line("PROBLEM", "var")


@pytest.mark.parametrize(
    ("free", "kind"), [(100 * 1024**2, "PROBLEM"), (1024**3, "WARNING"), (10 * 1024**3, "OK")]
)
def test_little_room_is_warned_of_and_none_is_a_problem(
    doctor: Callable[..., Report], monkeypatch: pytest.MonkeyPatch, free: int, kind: str
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    assert f"{free / 1024**3:.1f} GB free" in doctor("folder").line(kind, "disk")


def test_conversations_that_others_can_read_are_warned_of(
    doctor: Callable[..., Report], tmp_path: Path
) -> None:
    (tmp_path / "var" / "conversations.db").touch()
    assert doctor("folder").lines("WARNING", "var") == []
    (tmp_path / "var").chmod(0o755)
    assert f"chmod 700 {tmp_path / 'var'}" in doctor("folder").line("WARNING", "var")


def test_a_secret_file_that_others_can_read_is_warned_of(doctor: Callable[..., Report]) -> None:
    file = Path("/tmp") / f"medassist-test-{secrets.token_hex(8)}"  # a folder open to all
    try:
        file.write_text(LONG)
        file.chmod(0o644)
        said = doctor("secret-files", MEDASSIST_INTERNAL_SECRET_FILE=str(file))
        assert f"chmod 600 {file}" in said.line("WARNING", "secrets")
        assert LONG not in said.output
        file.chmod(0o600)
        mended = doctor("secret-files", MEDASSIST_INTERNAL_SECRET_FILE=str(file))
        assert mended.line("OK", "secrets") == "1 in files that others cannot read."
    finally:
        file.unlink()


# ── what is said ────────────────────────────────────────────────────────────────────────────


def test_a_medicine_file_with_a_mistake_is_a_problem(
    doctor: Callable[..., Report], data: Path
) -> None:
    file = data / "medicines" / "baclofen.yml"
    assert "all in order" in doctor("medicines", MEDASSIST_DATA=str(data)).line(
        "OK", "medicine files"
    )
    file.write_text(file.read_text(encoding="utf-8").replace("title:", "tilte:", 1))
    said = doctor("medicines", MEDASSIST_DATA=str(data)).line("PROBLEM", "medicine files")
    assert "baclofen.yml:" in said


def test_a_safety_file_with_a_mistake_is_a_problem(
    doctor: Callable[..., Report], data: Path
) -> None:
    file = next((data / "safety").glob("*.yml"))
    file.write_text(file.read_text(encoding="utf-8") + "\n  : broken: [\n")
    said = doctor("safety", MEDASSIST_DATA=str(data)).line("PROBLEM", "safety files")
    assert file.name in said


def test_a_region_that_is_none_is_a_problem(doctor: Callable[..., Report]) -> None:
    said = doctor("safety", MEDASSIST_REGION="mars").line("PROBLEM", "safety files")
    assert "MEDASSIST_REGION must be one of US" in said


def test_unknown_opening_hours_are_warned_of_and_bad_ones_are_a_problem(
    doctor: Callable[..., Report], data: Path
) -> None:
    file, days = data / "clinic.yml", "monday tuesday wednesday thursday friday saturday sunday"
    file.write_text("name: Elm Road\ntime_zone: Europe/London\nhours: unknown\n")
    said = doctor("clinic", MEDASSIST_DATA=str(data)).line("WARNING", "clinic file")
    assert "opening hours are unknown" in said
    known = "".join(f"  {day}: 9:00-17:00\n" for day in days.split())
    file.write_text(f"name: Elm Road\ntime_zone: Europe/London\nhours:\n{known}")
    assert "Elm Road" in doctor("clinic", MEDASSIST_DATA=str(data)).line("OK", "clinic file")
    file.write_text(f"name: Elm Road\ntime_zone: Europe/Nowhere\nhours:\n{known}")
    said = doctor("clinic", MEDASSIST_DATA=str(data)).line("PROBLEM", "clinic file")
    assert "time_zone" in said


def test_a_model_made_of_other_data_is_a_problem(doctor: Callable[..., Report], data: Path) -> None:
    file = data / "medicines" / "baclofen.yml"
    words = file.read_text(encoding="utf-8")
    assert "lioresal" in words.lower()
    file.write_text(words.replace("Lioresal", "Lioresalium").replace("lioresal", "lioresalium"))
    said = doctor("model", MEDASSIST_DATA=str(data)).line("PROBLEM", "model")
    assert "medassist train" in said


# ── the databases ───────────────────────────────────────────────────────────────────────────


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


# ── Redis and the event broker ──────────────────────────────────────────────────────────────


def test_a_redis_that_cannot_be_reached_is_a_problem_and_its_password_is_not_said(
    doctor: Callable[..., Report],
) -> None:
    url = f"redis://:hush@127.0.0.1:{free_port()}/0"
    report = doctor("redis", MEDASSIST_REDIS_URL=url)
    assert "It cannot be reached" in report.line("PROBLEM", "Redis")
    assert "hush" not in report.output


def test_a_redis_that_answers_is_well(doctor: Callable[..., Report]) -> None:
    url = os.environ.get("MEDASSIST_TEST_REDIS_URL", "redis://127.0.0.1:6379/4")
    require_port(6379, "Redis")
    assert doctor("redis", MEDASSIST_REDIS_URL=url).line("OK", "Redis") == "It answers."


def test_several_of_a_part_without_redis_are_a_problem(doctor: Callable[..., Report]) -> None:
    report = doctor("redis", MEDASSIST_FRONT_DOOR_URL="http://a:8000 http://b:8000")
    assert "no MEDASSIST_REDIS_URL" in report.line("PROBLEM", "Redis")
    assert doctor("redis").lines("PROBLEM", "Redis") == []


def test_an_event_broker_that_cannot_be_used_is_a_problem_and_its_password_is_not_said(
    doctor: Callable[..., Report],
) -> None:
    url = f"amqp://guest:hush@127.0.0.1:{free_port()}/%2F"
    report = doctor("event-broker", MEDASSIST_EVENT_BROKER_URL=url)
    assert "It cannot be used" in report.line("PROBLEM", "event broker")
    assert "hush" not in report.output


def test_an_event_broker_that_takes_a_connection_is_well(doctor: Callable[..., Report]) -> None:
    require_port(5672, "RabbitMQ")
    url = "amqp://guest:guest@127.0.0.1:5672/%2F"
    assert doctor("event-broker", MEDASSIST_EVENT_BROKER_URL=url).lines("OK", "event broker")


def require_port(port: int, name: str) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} must be here under CI=true")
    pytest.skip(f"no {name} on this machine")


# ── outside ─────────────────────────────────────────────────────────────────────────────────


def test_no_public_address_is_warned_of(doctor: Callable[..., Report]) -> None:
    assert "on this machine only" in doctor("public-address").line("WARNING", "public address")


def test_a_public_address_without_tls_is_a_problem(doctor: Callable[..., Report]) -> None:
    report = doctor("public-address", MEDASSIST_PUBLIC_URL="http://chat.example.org")
    assert "is not https" in report.line("PROBLEM", "public address")


def test_cookies_that_go_without_tls_are_a_problem(doctor: Callable[..., Report]) -> None:
    report = doctor(
        "public-address",
        MEDASSIST_PUBLIC_URL="https://chat.example.org",
        MEDASSIST_COOKIE_SECURE="0",
    )
    assert "MEDASSIST_COOKIE_SECURE is off" in report.line("PROBLEM", "public address")


def test_a_certificate_that_nobody_trusts_is_a_problem(
    doctor: Callable[..., Report], serve: Callable[..., int], tmp_path: Path
) -> None:
    port = serve(self_made_certificate(tmp_path))
    report = doctor("public-address", MEDASSIST_PUBLIC_URL=f"https://127.0.0.1:{port}")
    assert "certificate" in report.line("PROBLEM", "public address")


def test_a_public_address_that_answers_is_well_and_one_that_does_not_is_warned_of(
    doctor: Callable[..., Report], serve: Callable[..., int]
) -> None:
    report = doctor("public-address", MEDASSIST_PUBLIC_URL=f"http://127.0.0.1:{serve()}")
    assert "answers" in report.line("OK", "public address")
    report = doctor("public-address", MEDASSIST_PUBLIC_URL="https://chat.invalid")
    assert "cannot be reached from here" in report.line("WARNING", "public address")


def test_a_website_without_tls_that_shows_the_chat_is_warned_of(
    doctor: Callable[..., Report],
) -> None:
    report = doctor("public-address", MEDASSIST_EMBED_ORIGINS="http://a.example https://b.example")
    assert "http://a.example" in report.line("WARNING", "widget")


def test_a_clinic_that_alerts_nobody_is_warned(doctor: Callable[..., Report]) -> None:
    said = doctor("alerts").line("WARNING", "alerts")
    assert said.startswith("Nobody is told of a case")


def test_an_alert_target_that_cannot_be_used_is_a_problem(doctor: Callable[..., Report]) -> None:
    report = doctor("alerts", MEDASSIST_ALERT_URLS="json://a.example nonsense://hush")
    assert "URL number 2" in report.line("PROBLEM", "alerts")
    assert "hush" not in report.output


def test_targets_that_can_be_used_are_well_and_nothing_is_sent(
    doctor: Callable[..., Report],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as target:
        target.settimeout(0.5)
        url = f"json://127.0.0.1:{target.getsockname()[1]}"
        report = doctor("alerts", MEDASSIST_ALERT_URLS=url)
        with pytest.raises(TimeoutError):
            target.accept()
    assert report.line("OK", "alerts") == "1 target(s) can be used. None was tried."


def test_a_channel_whose_provider_cannot_reach_us_is_a_problem(
    doctor: Callable[..., Report],
) -> None:
    channel = {
        "MEDASSIST_GENERIC_SECRET": LONG,
        "MEDASSIST_GENERIC_CALLBACK_URL": "https://hooks.example.org",
    }
    assert "generic" in doctor("channels", **channel).line("PROBLEM", "channels")
    public = {**channel, "MEDASSIST_PUBLIC_URL": "https://chat.example.org"}
    assert "generic" in doctor("channels", **public).line("OK", "channels")


def test_several_machines_without_a_secret_of_their_own_are_a_problem(
    doctor: Callable[..., Report],
) -> None:
    several = {"MEDASSIST_RASA_URL": "http://rasa:5005"}
    said = doctor("secrets", **several).line("PROBLEM", "secrets")
    assert "MEDASSIST_INTERNAL_SECRET is not set" in said
    assert doctor("secrets", **several, MEDASSIST_INTERNAL_SECRET=LONG).code == 0
    assert doctor("secrets", MEDASSIST_HOST="0.0.0.0").code == 1


@pytest.mark.parametrize("weak", ["hush-hush-hush-hush", "ab" * 30])
def test_a_secret_that_can_be_guessed_is_warned_of_and_not_said(
    doctor: Callable[..., Report], weak: str
) -> None:
    report = doctor("secrets", MEDASSIST_INTERNAL_SECRET=weak)
    assert "MEDASSIST_INTERNAL_SECRET can be guessed" in report.line("WARNING", "secrets")
    assert weak not in report.output


def test_keeping_for_ever_is_warned_of(doctor: Callable[..., Report]) -> None:
    pytest.importorskip("medassist.privacy_settings", reason="medassist/privacy_settings.py")
    assert "90 days" in doctor("retention").line("OK", "retention")
    report = doctor("retention", MEDASSIST_KEEP_CONVERSATIONS_DAYS="forever")
    assert "conversations" in report.line("WARNING", "retention")
