"""The supervisor keeps the alert worker running beside the servers, and starts nothing unusable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from medassist import supervisor
from medassist.cases.clinic_file import ClinicFileError
from medassist.settings import ROOT, Settings, SettingsError, load_settings
from medassist.storage.database import migrate, open_database
from tests.conftest import free_port, wait_until


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"MEDASSIST_VAR": str(tmp_path)})


@pytest.fixture
def worker(settings: Settings) -> Iterator[supervisor.Server]:
    """The alert worker as `medassist run` starts it, on a database of its own."""
    engine = open_database(settings.database_url)
    migrate(engine)
    engine.dispose()
    server = supervisor.servers(settings, settings.var / "model.tar.gz")[-1]
    server.environment["MEDASSIST_DATABASE_URL"] = settings.database_url
    yield server
    server.stop()


def starts(worker: supervisor.Server) -> int:
    return (
        worker.log.read_text(encoding="utf-8").count("Alerts go to") if worker.log.exists() else 0
    )


def lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_the_alert_worker_has_no_port_and_is_healthy_while_it_lives(
    worker: supervisor.Server,
) -> None:
    assert (worker.name, worker.port) == ("alert worker", None)
    assert not worker.healthy()
    worker.start()
    assert worker.healthy()
    assert wait_until(lambda: starts(worker) == 1)
    worker.stop()
    assert worker.ended()
    assert not worker.healthy()


def test_a_killed_alert_worker_is_started_again_and_ends_with_the_rest(
    worker: supervisor.Server,
) -> None:
    stop = threading.Event()
    ready = threading.Event()
    running = threading.Thread(target=supervisor.run, args=([worker], ready.set, stop.is_set))
    running.start()
    try:
        assert ready.wait(30)
        assert wait_until(lambda: starts(worker) == 1)
        assert worker.process is not None
        first = worker.process.pid
        os.kill(first, signal.SIGKILL)
        assert wait_until(lambda: starts(worker) == 2)
        assert worker.process.pid != first
    finally:
        stop.set()
        running.join(30)
    assert worker.ended()


def test_a_worker_whose_supervisor_was_killed_ends_by_itself(
    settings: Settings, worker: supervisor.Server
) -> None:
    script = (
        "import time; from medassist.settings import load_settings; "
        "from medassist.supervisor import servers; s = load_settings(); "
        "w = servers(s, s.var / 'model.tar.gz')[-1]; w.start(); print(w.process.pid, flush=True); "
        "time.sleep(600)"
    )
    killed = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "MEDASSIST_VAR": str(settings.var)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert killed.stdout is not None
    with killed, killed.stdout as output:
        pid = int(output.readline())
        assert wait_until(lambda: starts(worker) == 1)
        killed.kill()
    assert wait_until(lambda: not lives(pid))


def test_a_server_that_hangs_is_started_again_and_one_that_starts_slowly_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(supervisor, "MOST_SILENCES", 2)
    port = free_port()
    slow = (
        "import sys, time, http.server; time.sleep(3); "
        "http.server.test(http.server.SimpleHTTPRequestHandler, "
        "port=int(sys.argv[1]), bind='127.0.0.1')"
    )
    command = [sys.executable, "-c", slow, str(port)]
    server = supervisor.Server("slow server", command, port, "/", tmp_path / "server.log")
    stop, ready = threading.Event(), threading.Event()
    running = threading.Thread(target=supervisor.run, args=([server], ready.set, stop.is_set))
    running.start()
    try:
        assert ready.wait(30)
        assert server.process is not None
        assert wait_until(lambda: server.silences == 0)
        first = server.process.pid
        os.kill(first, signal.SIGSTOP)
        assert wait_until(lambda: server.process is not None and server.process.pid != first)
        second = server.process.pid
        assert wait_until(lambda: server.silences == 0)  # it took its time, and was let
        assert server.process.pid == second
    finally:
        stop.set()
        running.join(60)
    assert not lives(first)
    assert capsys.readouterr().out == "The slow server does not answer; starting it again.\n"


def test_an_alert_target_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    bad = load_settings({"MEDASSIST_VAR": str(tmp_path), "MEDASSIST_ALERT_URLS": "nonsense://hush"})
    with pytest.raises(SettingsError, match="MEDASSIST_ALERT_URLS: URL number 1") as caught:
        supervisor.check(bad)
    assert "hush" not in str(caught.value)


def test_an_action_server_here_that_nobody_would_start_stops_the_start(tmp_path: Path) -> None:
    here = {"MEDASSIST_VAR": str(tmp_path), "MEDASSIST_ACTION_URL": "http://127.0.0.1:5055"}
    with pytest.raises(SettingsError, match="MEDASSIST_ACTION_PORT instead"):
        supervisor.check(load_settings(here))
    supervisor.check(load_settings({**here, "MEDASSIST_ACTION_PORT": "5055"}))
    supervisor.check(load_settings({**here, "MEDASSIST_ACTION_URL": "http://actions:5055"}))


def test_a_clinic_file_with_a_mistake_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "safety").symlink_to(ROOT / "data" / "safety")
    (tmp_path / "clinic.yml").write_text("name: us\ntime_zone: Mars/Base\nhours: {}\n")
    bad = load_settings({"MEDASSIST_VAR": str(tmp_path), "MEDASSIST_DATA": str(tmp_path)})
    with pytest.raises(ClinicFileError, match="time_zone"):
        supervisor.check(bad)
