"""Setting up either does all of its work or says that it did not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from medassist.settings import ROOT

LOCKS = ("requirements-setup.lock", "requirements-encoder.lock", "requirements.lock")
FAKE_PYTHON = """#!/bin/sh
case "$*" in
    "-m pip --version") exit 0 ;;
    "-m pip install"*) echo "no network"; exit 1 ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose Python cannot install anything."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup", tmp_path / "scripts")
    for name in (*LOCKS, "pyproject.toml"):
        (tmp_path / name).write_text("", encoding="utf-8")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(FAKE_PYTHON, encoding="utf-8")
    python.chmod(0o755)
    return tmp_path


def test_a_set_up_that_failed_says_why_and_is_tried_again(checkout: Path) -> None:
    for _ in range(2):
        done = subprocess.run(
            [checkout / "scripts" / "setup"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "the packages could not be installed" in done.stderr
        assert "no network" in done.stderr
    assert not list((checkout / ".venv").glob("installed-*"))
