"""Two of every part, as on several machines, with PostgreSQL and Redis and the trained model."""

from __future__ import annotations

import itertools
import os
import secrets
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from medassist.scaling_settings import preferred_for
from medassist.settings import ROOT
from medassist.storage.database import open_database
from medassist.storage.tables import cases
from tests.cases.receivers import Receiver
from tests.conftest import POSTGRES, free_port, wait_until
from tests.web.patient import Listening, Patient
from tests.web.test_front_door import sender_of

pytestmark = pytest.mark.timeout(1200)  # two Rasas start at once, which two cores do slowly

QUESTIONS = [
    "what is baclofen used for",
    "can i drink alcohol with baclofen",
    "i missed my noon baclofen",
    "how should i store baclofen",
    "does baclofen make you sleepy",
    "can i crush my baclofen tablets",
    "how much baclofen is usual",
    "can i take baclofen while pregnant",
]


class Machines:
    """Two machines, each with one of every part; they share PostgreSQL and Redis."""

    def __init__(self, directory: Path, database: str, redis_url: str) -> None:
        self.database = database
        self.rasa_ports = [free_port() for _ in range(2)]
        self.door_ports = [free_port() for _ in range(2)]
        self.receiver = Receiver().start()
        self.rasa_urls = tuple(f"http://127.0.0.1:{port}" for port in self.rasa_ports)
        self.logs = directory
        self.common = {
            **os.environ,
            "MEDASSIST_DATABASE_URL": database,
            "MEDASSIST_TRACKER_DATABASE_URL": database,
            "MEDASSIST_REDIS_URL": redis_url,
            "MEDASSIST_RASA_URL": " ".join(self.rasa_urls),
            "MEDASSIST_FRONT_DOOR_URL": " ".join(self.door_urls),
            "MEDASSIST_INTERNAL_SECRET": secrets.token_hex(16),
            "MEDASSIST_CONSENT_CHANNELS": "none",
            "MEDASSIST_ALERT_WEBHOOK_URL": self.receiver.url,
            "MEDASSIST_ALERT_WEBHOOK_SECRET": "a secret",
            # A RabbitMQ that is not there stops nothing.
            "MEDASSIST_EVENT_BROKER_URL": f"amqp://guest:guest@127.0.0.1:{free_port()}/",
        }
        self.processes: dict[str, subprocess.Popen] = {}
        prepared = subprocess.run(
            [sys.executable, "-m", "medassist.cli", "prepare"],
            cwd=ROOT,
            env={**self.common, "MEDASSIST_VAR": str(directory / "0")},
            capture_output=True,
            text=True,
        )
        assert prepared.returncode == 0, prepared.stderr
        for machine in range(2):
            action_port = free_port()
            environment = {
                **self.common,
                "MEDASSIST_VAR": str(directory / str(machine)),
                "MEDASSIST_PORT": str(self.door_ports[machine]),
                "MEDASSIST_RASA_PORT": str(self.rasa_ports[machine]),
                "MEDASSIST_ACTION_PORT": str(action_port),
                "MEDASSIST_ACTION_URL": f"http://127.0.0.1:{action_port}/",
            }
            for part in ("actions", "rasa", "front-door", "alerts"):
                self.start(f"{part}-{machine}", part, environment)

    @property
    def door_urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.door_ports]

    def start(self, name: str, part: str, environment: dict[str, str]) -> None:
        with (self.logs / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "medassist.cli", "serve", part],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def are_ready(self) -> bool:
        for name, process in self.processes.items():
            assert process.poll() is None, (self.logs / f"{name}.log").read_text()[-3000:]
        token = self.common["MEDASSIST_INTERNAL_SECRET"]
        wanted = [f"{url}/status?token={token}" for url in self.rasa_urls]
        try:
            return all(
                httpx.get(url, timeout=5).is_success
                for url in [*wanted, *(f"{url}/readyz" for url in self.door_urls)]
            )
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.receiver.stop()


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    schema = f"medassist_test_{secrets.token_hex(4)}"
    admin = open_database(POSTGRES)
    try:
        with admin.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
    except OperationalError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("no PostgreSQL on this machine (set MEDASSIST_TEST_POSTGRES_URL)")
    yield f"{POSTGRES}?options=-csearch_path%3D{schema}"
    with admin.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    admin.dispose()


@pytest.fixture(scope="module")
def machines(
    tmp_path_factory: pytest.TempPathFactory, database: str, redis_url: str
) -> Iterator[Machines]:
    running = Machines(tmp_path_factory.mktemp("machines"), database, redis_url)
    try:
        assert wait_until(running.are_ready, 600, every=1)
        yield running
    finally:
        running.stop()


class Somebody:
    """A person with a page at each front door."""

    def __init__(self, machines: Machines) -> None:
        self.pages = [Patient(url) for url in machines.door_urls]
        self.pages[1].key = self.pages[0].key
        self.sender = sender_of(self.pages[0].key)
        self.said: list[tuple[str, str]] = []
        self._next = itertools.cycle(self.pages)

    def say(self, words: str) -> str:
        identity = str(uuid.uuid4())
        assert next(self._next).say(words, id=identity).status_code == 202
        self.said.append((identity, words))
        return identity

    def history(self) -> list[dict[str, Any]]:
        return self.pages[1].history()

    def asked(self) -> list[tuple[str, str]]:
        return [(m["id"], m["text"]) for m in self.history() if m["who"] == "person"]

    def all_are_answered(self) -> bool:
        answered = {m["id"].rpartition(".")[0] for m in self.history() if m["who"] == "bot"}
        return {identity for identity, _ in self.said} <= answered

    def close(self) -> None:
        for page in self.pages:
            page.close()


@pytest.fixture
def somebody(machines: Machines) -> Iterator[Somebody]:
    person = Somebody(machines)
    yield person
    person.close()


def replies(stream: Listening, wanted: set[str], seconds: float) -> list[dict[str, Any]]:
    """What comes on a stream until each of these messages has a reply, and a little longer."""
    heard: list[dict[str, Any]] = []
    deadline = time.monotonic() + seconds
    while not wanted <= {m["id"].rpartition(".")[0] for m in heard}:
        heard.append(stream.reply(max(1.0, deadline - time.monotonic())))
    return heard


def test_a_burst_through_both_doors_is_answered_in_order_and_shown_at_both(
    machines: Machines, somebody: Somebody
) -> None:
    streams = [page.listen() for page in somebody.pages]
    wanted = {somebody.say(words) for words in QUESTIONS}
    for stream in streams:
        heard = [m for m in replies(stream, wanted, 120) if "front_door" not in m["custom"]]
        assert len({m["id"] for m in heard}) == len(heard)
        answered = [m["id"].rpartition(".")[0] for m in heard]
        assert list(dict.fromkeys(answered)) == [identity for identity, _ in somebody.said]
    assert wait_until(lambda: somebody.asked() == somebody.said, 60)
    assert "spasticity" in str(somebody.history())


def test_an_emergency_has_its_card_at_both_doors_one_case_and_one_alert(
    machines: Machines, somebody: Somebody
) -> None:
    streams = [page.listen() for page in somebody.pages]
    somebody.say("my dad took 30 baclofen and wont wake up")
    for stream in streams:
        assert "Call 911 now" in stream.reply(60)["text"]

    def alerts() -> list[Any]:
        return [got for got in machines.receiver.received if b"emergency" in got.body.lower()]

    assert wait_until(lambda: len(alerts()) >= 1, 60)
    time.sleep(3)  # long enough for the other worker to send it too, if it would
    assert len(alerts()) == 1
    engine = open_database(machines.database)
    with engine.connect() as connection:
        mine = select(func.count()).where(cases.c.conversation == somebody.sender)
        assert connection.execute(mine).scalar() == 1
    engine.dispose()


def test_nothing_is_lost_when_a_rasa_is_killed_in_the_middle(
    machines: Machines, somebody: Somebody
) -> None:
    serving = machines.rasa_urls.index(preferred_for(somebody.sender, machines.rasa_urls)[0])
    for words in QUESTIONS[:4]:
        somebody.say(words)
    machines.processes[f"rasa-{serving}"].send_signal(signal.SIGKILL)
    for words in QUESTIONS[4:]:
        somebody.say(words)
    # What it had taken and not answered is handed over again after half a minute.
    assert wait_until(somebody.all_are_answered, 180, every=1)
    assert sorted(somebody.asked()) == sorted(somebody.said)
    shown = [m["id"] for m in somebody.history()]
    assert len(set(shown)) == len(shown)
