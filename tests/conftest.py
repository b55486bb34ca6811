"""The real servers, once for all tests that talk to the bot through its front doors."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import redis
from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from medassist.settings import ROOT, Settings, load_settings
from medassist.storage.database import migrate, open_database


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Bot:
    """A running medassist, started by `medassist run` as a person would."""

    settings: Settings
    environment: dict[str, str]
    process: subprocess.Popen[str]
    output: list[str] = field(default_factory=list)

    def say(self, text: str, sender: str) -> list[dict]:
        """One message over Rasa's REST channel; the replies."""
        response = httpx.post(
            f"{self.settings.rasa_url}/webhooks/rest/webhook",
            json={"sender": sender, "message": text},
            timeout=60,
        )
        response.raise_for_status()
        return response.json()

    def pid_on(self, port: int) -> int:
        """The process that listens on a port of this bot."""
        pids = [connection.pid for connection in listeners(port)]
        assert pids, f"nothing listens on port {port}"
        return int(pids[0])

    def listens_on(self, port: int) -> bool:
        return bool(listeners(port))


def listeners(port: int) -> list[Any]:
    return [
        connection
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
    ]


def start_bot(var: Path, **more: str) -> Bot:
    """A bot of its own; `more` are settings beyond those that keep it apart from others."""
    environment = {
        **os.environ,
        **more,
        "MEDASSIST_VAR": str(var),
        "MEDASSIST_PORT": str(free_port()),
        "MEDASSIST_RASA_PORT": str(free_port()),
        "MEDASSIST_INTERNAL_SECRET": secrets.token_hex(16),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "medassist.cli", "run"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    output: list[str] = []
    for line in process.stdout:
        output.append(line)
        if line.startswith("Ctrl-C"):
            return Bot(load_settings(environment), environment, process, output)
    raise AssertionError("medassist did not start:\n" + "".join(output))


def stop_bot(bot: Bot) -> None:
    bot.process.send_signal(signal.SIGINT)
    try:
        bot.process.wait(40)
    except subprocess.TimeoutExpired:
        os.killpg(bot.process.pid, signal.SIGKILL)
        raise
    finally:
        assert bot.process.stdout is not None
        bot.process.stdout.close()


@pytest.fixture(scope="session")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    """One bot for the whole session; tests use senders of their own."""
    running = start_bot(tmp_path_factory.mktemp("var"))
    yield running
    stop_bot(running)


@pytest.fixture(scope="session")
def bot_with_action_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    """Another, whose actions run in an action server of their own."""
    var = tmp_path_factory.mktemp("with-action-server")
    running = start_bot(var, MEDASSIST_ACTION_PORT=str(free_port()))
    yield running
    stop_bot(running)


@pytest.fixture
def sender() -> str:
    """A conversation nobody else has."""
    return f"test-{secrets.token_hex(8)}"


def wait_until(condition, seconds: float = 60.0, every: float = 0.25) -> bool:
    """Whether `condition` came true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(every)
    return False


POSTGRES = os.environ.get(
    "MEDASSIST_TEST_POSTGRES_URL", "postgresql+psycopg2://postgres@127.0.0.1:5432/test"
)


RABBITMQ = os.environ.get("MEDASSIST_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/")
REDIS = os.environ.get("MEDASSIST_TEST_REDIS_URL", "redis://127.0.0.1:6379/3")


@pytest.fixture(scope="session")
def redis_url() -> str:
    """A real Redis. Tests use names of their own, and leave what others keep there alone."""
    client = redis.Redis.from_url(REDIS)
    try:
        client.ping()
    except redis.ConnectionError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("no Redis on this machine (set MEDASSIST_TEST_REDIS_URL)")
    finally:
        client.close()
    return REDIS


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database of each kind with nothing in it."""
    if request.param == "sqlite":
        engine = open_database(f"sqlite:///{tmp_path / 'test.db'}")
        yield engine
        engine.dispose()
        return
    schema = f"medassist_test_{secrets.token_hex(4)}"
    admin = open_database(POSTGRES)
    try:
        with admin.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
    except OperationalError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("no PostgreSQL on this machine (set MEDASSIST_TEST_POSTGRES_URL)")
    engine = open_database(f"{POSTGRES}?options=-csearch_path%3D{schema}")
    yield engine
    engine.dispose()
    with admin.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    admin.dispose()


@pytest.fixture
def database(empty_database: Engine) -> Engine:
    """A database of each kind with our tables in it."""
    migrate(empty_database)
    return empty_database
