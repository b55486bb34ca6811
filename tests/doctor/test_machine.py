"""This machine: packages, ports, room, and who may read what."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from medassist.settings import ROOT
from tests.doctor.conftest import LONG, Report


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
        prepares, supervises = ["medassist.cli", "run"], ["medassist.supervisor", "model.tar.gz"]
        for var, (name, given) in (("var", prepares), ("var", supervises), ("other", prepares)):
            environment = {**os.environ, "MEDASSIST_VAR": str(tmp_path / var)}
            running.append(
                subprocess.Popen(
                    [name, "-c", "import sys; sys.stdin.read()", given],
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
    assert f"{free / 1024**2:,.0f} MB free" in doctor("folder").line(kind, "disk")


@pytest.mark.parametrize(("free", "kind"), [(8 * 1024**2, "PROBLEM"), (64 * 1024**2, "OK")])
def test_a_container_with_its_databases_elsewhere_needs_little_room(
    doctor: Callable[..., Report], monkeypatch: pytest.MonkeyPatch, free: int, kind: str
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    report = doctor("folder", MEDASSIST_DATABASE_URL="postgresql+psycopg2://u@db/medassist")
    assert report.lines(kind, "disk")


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
