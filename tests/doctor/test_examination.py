"""`medassist doctor` as a whole, and the settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from medassist.doctor.examine import CHECKS
from medassist.settings import ROOT, load_settings
from medassist.training import model_file
from tests.doctor.conftest import Report
from tests.web.served import free_port


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
