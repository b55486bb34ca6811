"""The alert worker's process answers whoever watches it, if it is told where."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from medassist.cases import alert_doors
from medassist.cases.alert_doors import AlertDoors, Heartbeat
from medassist.settings import ROOT
from medassist.storage.database import migrate, open_database
from tests.conftest import free_port, wait_until

TOKEN = "a-token-of-this-test-0001"


def get(port: int, path: str, token: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers, timeout=15, trust_env=False)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Any]:
    running: list[subprocess.Popen[str]] = []

    def start(**more: str) -> subprocess.Popen[str]:
        environment = {"PATH": "/usr/bin:/bin", "MEDASSIST_VAR": str(tmp_path), **more}
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "medassist.cases.alert_worker"],
                cwd=ROOT,
                env=environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        )
        return running[-1]

    engine = open_database(f"sqlite:///{tmp_path / 'medassist.db'}")
    migrate(engine)
    engine.dispose()
    yield start
    for process in running:
        process.kill()
        process.communicate()


def answers(port: int) -> bool:
    try:
        return get(port, "/healthz").is_success
    except httpx.HTTPError:
        return False


def test_it_is_healthy_ready_and_measured_with_the_token_only(worker: Any) -> None:
    port = free_port()
    process = worker(MEDASSIST_ALERTS_METRICS_PORT=str(port), MEDASSIST_METRICS_TOKEN=TOKEN)
    assert wait_until(lambda: answers(port))
    assert get(port, "/readyz").json() == {"status": "ok"}
    assert get(port, "/metrics").status_code == 401
    assert get(port, "/metrics", "another").status_code == 401
    measured = get(port, "/metrics", TOKEN)
    assert measured.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'medassist_errors_total{part="alerts"} 0.0' in measured.text
    assert get(port, "/nothing").status_code == 404
    process.terminate()
    assert process.wait(20) == 0


def test_without_a_token_there_are_no_metrics(worker: Any) -> None:
    port = free_port()
    worker(MEDASSIST_ALERTS_METRICS_PORT=str(port))
    assert wait_until(lambda: answers(port))
    assert get(port, "/metrics", "None").status_code == 404


def test_a_port_that_is_taken_is_one_plain_line(worker: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        process = worker(MEDASSIST_ALERTS_METRICS_PORT=str(other.getsockname()[1]))
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "medassist: MEDASSIST_ALERTS_METRICS_PORT" in output
    assert "Traceback" not in output


def test_a_hanging_database_and_hanging_clocks_are_said_in_words(monkeypatch) -> None:
    heartbeat = Heartbeat()
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg2://med:hush@127.0.0.1:{silent.getsockname()[1]}/x"
        doors = AlertDoors(port, heartbeat, open_database(url), None)
        try:
            response = get(port, "/readyz")
            assert response.status_code == 503
            assert response.json()["error"] == "The database does not answer."
            assert get(port, "/healthz").status_code == 200
            monkeypatch.setattr(alert_doors, "ALIVE_SECONDS", 0.0)
            assert get(port, "/healthz").json()["error"] == "The alert worker hangs."
            heartbeat.beat()
            monkeypatch.setattr(alert_doors, "ALIVE_SECONDS", 60.0)
            assert get(port, "/healthz").status_code == 200
        finally:
            doors.shutdown()
            doors.server_close()
