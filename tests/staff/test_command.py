"""`medassist users`, as somebody types it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from medassist.settings import ROOT, load_settings
from medassist.staff import accounts, audit
from medassist.staff.sign_in import check_password
from medassist.storage.database import open_database


def users(var: Path, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "medassist.cli", "users", *words],
        cwd=ROOT,
        env={**os.environ, "MEDASSIST_VAR": str(var), "MEDASSIST_DATABASE_URL": ""},
        input=typed,
        capture_output=True,
        text=True,
    )


def test_an_account_is_made_listed_reset_and_disabled(tmp_path: Path) -> None:
    made = users(tmp_path, "add", "Boss", "--role", "admin", "--generate")
    assert made.returncode == 0, made.stderr
    first = re.findall(r"shown only now\): (\S+)", made.stdout)[0]
    typed = "a long password\na long password\n"
    added = users(tmp_path, "add", "kim", "--role", "triage", "--shown-as", "Kim L.", typed=typed)
    assert added.returncode == 0, added.stderr
    assert "a long password" not in added.stdout
    listed = users(tmp_path, "list").stdout.splitlines()
    assert listed == ["boss\tadmin\tactive\tboss", "kim\ttriage\tactive\tKim L."]
    engine = open_database(load_settings({"MEDASSIST_VAR": str(tmp_path)}).database_url)
    assert check_password(engine, "boss", first) is not None
    assert check_password(engine, "kim", "a long password") is not None
    reset = users(tmp_path, "reset-password", "boss", "--generate")
    second = re.findall(r"shown only now\): (\S+)", reset.stdout)[0]
    assert check_password(engine, "boss", first) is None
    assert check_password(engine, "boss", second) is not None
    assert users(tmp_path, "disable", "kim").returncode == 0
    assert not accounts.find_account(engine, "kim").active
    assert [(e.account, e.action, e.object) for e in audit.entries(engine)] == [
        ("(command line)", "disable_account", "account kim"),
        ("(command line)", "reset_password", "account boss"),
        ("(command line)", "add_account", "account kim"),
        ("(command line)", "add_account", "account boss"),
    ]


def test_what_cannot_be_done_is_one_plain_line(tmp_path: Path) -> None:
    users(tmp_path, "add", "boss", "--role", "admin", "--generate")
    for words, said in (
        (("add", "boss", "--role", "admin", "--generate"), "There is an account named 'boss'"),
        (("add", "kim", "--role", "king", "--generate"), "A role is one of"),
        (("disable", "boss"), "This is the last administrator"),
        (("disable", "nobody"), "There is no account named 'nobody'"),
        (("reset-password", "nobody"), "There is no account named 'nobody'"),
    ):
        failed = users(tmp_path, *words)
        assert failed.returncode == 1
        assert failed.stderr.startswith(f"medassist: {said}")
        assert failed.stderr.count("\n") == 1
