"""The bots under load: started with a database of their own, ended for certain, nothing left."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
from sqlalchemy import text
from sqlalchemy.engine import make_url

from benchmarks.bots import Bot, BotError, free_port, our_bot, starter_bot
from benchmarks.starter import train_starter_command, write_starter
from medassist.settings import LOOPBACK
from medassist.storage.database import open_database

POSTGRES = os.environ.get(
    "MEDASSIST_TEST_POSTGRES_URL", "postgresql+psycopg2://postgres@127.0.0.1:5432/test"
)
REDIS = os.environ.get("MEDASSIST_TEST_REDIS_URL", "redis://127.0.0.1:6379/3")
"""The same servers as the tests use."""

NO_LIMIT = "1000000"
"""New conversations of one address: here all people come from one."""
WARM_UP = 10
"""Messages to each Rasa server before anything is measured."""
TRAINING_SECONDS = 900


@contextmanager
def own_database() -> Iterator[str]:
    """The URL of a new PostgreSQL database; it is dropped afterwards, whoever still uses it."""
    name = f"medassist_load_{secrets.token_hex(4)}"
    admin = open_database(POSTGRES)
    by_itself = admin.execution_options(isolation_level="AUTOCOMMIT")
    with by_itself.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    finally:
        with by_itself.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


@contextmanager
def medassist_with(workers: int, var: Path, logs: Path) -> Iterator[tuple[Bot, str]]:
    """Our bot with so many Rasa servers, and where its front door is."""
    with own_database() as database:
        bot = our_bot(var, logs)
        bot.name, bot.log = f"medassist-{workers}", logs / f"medassist-{workers}.log"
        bot.rasa_port = free_ports_in_a_row(workers)
        bot.environment = {
            **bot.environment,
            "MEDASSIST_RASA_PORT": str(bot.rasa_port),
            "MEDASSIST_RASA_WORKERS": str(workers),
            "MEDASSIST_DATABASE_URL": database,
            "MEDASSIST_TRACKER_DATABASE_URL": database,
            "MEDASSIST_REDIS_URL": REDIS,
            "MEDASSIST_NEW_CONVERSATIONS": NO_LIMIT,
        }
        front_door = f"http://{LOOPBACK}:{bot.environment['MEDASSIST_PORT']}"
        with _running(bot):
            _wait_until_ready(bot, front_door)
            _warm_up(bot, range(bot.rasa_port, bot.rasa_port + workers))
            yield bot, front_door


@contextmanager
def starter(folder: Path, logs: Path) -> Iterator[tuple[Bot, str]]:
    """The bot of `rasa init`, trained before by `train_starter`, and its address."""
    bot = starter_bot(folder, logs)
    with _running(bot):
        _warm_up(bot, [bot.rasa_port])
        yield bot, f"http://{LOOPBACK}:{bot.rasa_port}"


def train_starter(folder: Path, log: Path) -> None:
    """Write and train the bot of `rasa init` on its own examples, unless that was done before."""
    if (folder / "models" / "starter.tar.gz").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_starter(folder, [])
    (folder / "data" / "sample.yml").unlink()  # it would be empty
    command = train_starter_command(sys.executable, folder)
    with log.open("ab") as output:
        done = subprocess.run(
            command, cwd=folder, stdout=output, stderr=output, timeout=TRAINING_SECONDS
        )
    if done.returncode:
        raise BotError(f"The starter bot could not be trained; see {log}.")


@contextmanager
def _running(bot: Bot) -> Iterator[None]:
    """Started and, whatever happens, ended with every process that it started."""
    all_of_it: list[psutil.Process] = []
    try:
        bot.start()
        all_of_it = bot.processes()
        yield
    finally:
        with suppress(psutil.Error, AssertionError):
            all_of_it += bot.processes()  # some may have been started again since
        bot.stop()
        for process in all_of_it:
            with suppress(psutil.Error):  # gone, as it should be
                process.kill()


def _wait_until_ready(bot: Bot, front_door: str) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            ready = httpx.get(f"{front_door}/readyz", timeout=5, trust_env=False)
            every = range(bot.rasa_port, bot.rasa_port + int(_workers(bot)))
            if ready.is_success and all(map(_listens, every)):
                return
        time.sleep(0.5)
    raise BotError(f"{bot.name} is not ready; see {bot.log}.")


def _workers(bot: Bot) -> str:
    return bot.environment["MEDASSIST_RASA_WORKERS"]


def _warm_up(bot: Bot, ports: range | list[int]) -> None:
    """Let each Rasa server answer some messages."""
    with httpx.Client(timeout=60, trust_env=False) as client:
        for port in ports:
            one = Bot(bot.name, bot.command, bot.folder, port, bot.log)
            for _ in range(WARM_UP):
                try:
                    one.say(client, f"warm-{secrets.token_hex(4)}", "what is baclofen used for")
                except httpx.HTTPError as problem:
                    raise BotError(f"{bot.name} stopped answering; see {bot.log}.") from problem


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def free_ports_in_a_row(number: int) -> int:
    """The first of so many neighbouring ports that nobody listens on now."""
    for _ in range(100):
        first = free_port()
        if first + number < 65_536 and not any(map(_listens, range(first, first + number))):
            return first
    raise BotError(f"There are no {number} free ports in a row.")
