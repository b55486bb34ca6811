"""`medassist serve`: one part alone, that is refused where it would be open to others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import Engine

from medassist.settings import ROOT
from medassist.storage.tables import accounts, answer_versions
from tests.conftest import free_port, wait_until


def medassist(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "medassist.cli", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("command", [["run"], ["serve", "front-door"], ["serve", "actions"]])
def test_an_open_address_needs_a_secret(command: list[str], tmp_path: Path) -> None:
    refused = medassist(*command, MEDASSIST_HOST="0.0.0.0", MEDASSIST_VAR=str(tmp_path))
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "MEDASSIST_INTERNAL_SECRET" in refused.stderr


def test_a_part_alone_needs_the_secret_that_the_others_have(tmp_path: Path) -> None:
    refused = medassist("serve", "alerts", MEDASSIST_VAR=str(tmp_path))
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "the same for all parts" in refused.stderr


def test_a_server_of_many_does_not_train(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for entry in (ROOT / "data").iterdir():
        (tmp_path / "data" / entry.name).symlink_to(entry)
    medicines = tmp_path / "data" / "medicines"
    medicines.unlink()
    medicines.mkdir()  # no medicine: another model than the one that is there
    refused = medassist(
        "serve", "rasa",
        MEDASSIST_VAR=str(tmp_path),
        MEDASSIST_DATA=str(tmp_path / "data"),
        MEDASSIST_INTERNAL_SECRET="a-secret-of-the-tests",
    )  # fmt: skip
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "medassist train" in refused.stderr


def test_a_part_is_the_process_itself_and_ends_when_told(tmp_path: Path) -> None:
    port = free_port()
    environment = {
        "MEDASSIST_VAR": str(tmp_path),
        "MEDASSIST_INTERNAL_SECRET": "a-secret-of-the-tests",
        "MEDASSIST_PORT": str(port),
    }
    assert medassist("prepare", **environment).returncode == 0
    part = subprocess.Popen(
        [sys.executable, "-m", "medassist.cli", "serve", "front-door"],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def alive() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/healthz").is_success
        except httpx.HTTPError:
            return False

    try:
        assert wait_until(alive)
        part.send_signal(signal.SIGTERM)
        assert part.wait(20) in (0, -signal.SIGTERM)
    finally:
        part.kill()
        part.wait()


def test_several_may_prepare_an_empty_database_at_once(
    empty_database: Engine, tmp_path: Path
) -> None:
    url = empty_database.url.render_as_string(hide_password=False)

    def prepare(_number: int) -> subprocess.CompletedProcess[str]:
        return medassist("prepare", MEDASSIST_DATABASE_URL=url, MEDASSIST_VAR=str(tmp_path))

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(prepare, range(3)))
    assert [d.returncode for d in done] == [0, 0, 0], [d.stderr for d in done]
    assert sum("Password" in d.stdout for d in done) == 1
    with empty_database.connect() as connection:
        per_answer = connection.execute(
            select(func.count()).select_from(answer_versions).group_by(answer_versions.c.answer_id)
        ).scalars()
        assert set(per_answer) == {1}
        assert connection.execute(select(func.count()).select_from(accounts)).scalar() == 1
    again = medassist("prepare", MEDASSIST_DATABASE_URL=url, MEDASSIST_VAR=str(tmp_path))
    assert again.returncode == 0
    assert "(0 new, 0 changed, 0 withdrawn)" in again.stdout
    assert "Password" not in again.stdout
