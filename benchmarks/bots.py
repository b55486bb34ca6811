"""A bot under measurement: started as a person starts it, asked over REST, ended for certain."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from medassist.settings import LOOPBACK, ROOT

START_SECONDS = 900
"""How long a bot may take to answer for the first time (5,000 medicines are slow to read)."""

QUESTION = "what is baclofen used for?"
"""The first question; both bots have an answer to its intent."""


class BotError(Exception):
    """A bot did not start or did not answer; the message names its log."""


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@dataclass
class Bot:
    """One bot: the command that starts all of it, and where its Rasa server listens."""

    name: str
    command: list[str]
    folder: Path
    rasa_port: int
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it; the seconds until the first message is answered."""
        begun = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        with httpx.Client(timeout=60, trust_env=False) as client:
            while time.monotonic() - begun < START_SECONDS:
                if self.process.poll() is not None:
                    raise BotError(f"{self.name} ended at once; see {self.log}.")
                try:
                    replies = self.say(client, f"first-{secrets.token_hex(4)}", QUESTION)
                except httpx.HTTPError:
                    time.sleep(0.1)
                    continue
                if not replies:
                    raise BotError(f"{self.name} gave no reply; see {self.log}.")
                return time.monotonic() - begun
        raise BotError(f"{self.name} did not answer in {START_SECONDS} s; see {self.log}.")

    def say(self, client: httpx.Client, sender: str, text: str) -> list[dict[str, Any]]:
        """One message over Rasa's REST channel; the replies."""
        response = client.post(
            f"http://{LOOPBACK}:{self.rasa_port}/webhooks/rest/webhook",
            json={"sender": sender, "message": text},
        )
        response.raise_for_status()
        replies: list[dict[str, Any]] = response.json()
        return replies

    def processes(self) -> list[psutil.Process]:
        """Every process of the bot."""
        assert self.process is not None
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def processor_seconds(self) -> float:
        """Processor time that all its processes have used so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes())

    def memory(self) -> dict[str, float]:
        """Resident memory in MB: of the Rasa server alone, and of all processes together."""
        rasa = whole = 0.0
        for process in self.processes():
            resident = process.memory_info().rss / 1e6
            whole += resident
            listening = (c for c in process.connections("tcp") if c.status == psutil.CONN_LISTEN)
            if any(c.laddr.port == self.rasa_port for c in listening):
                rasa += resident
        return {"rasa": rasa, "all": whole}

    def stop(self) -> None:
        """Ask it to end, as Ctrl-C does; kill what is left of its group after 30 s."""
        if self.process is None:
            return
        for sign in (signal.SIGINT, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, sign)
            try:
                self.process.wait(30)
                break
            except subprocess.TimeoutExpired:
                continue
        self.process = None


def starter_bot(folder: Path, logs: Path) -> Bot:
    """The stock bot of `folder`, started as its documentation says."""
    port = free_port()
    command = [
        sys.executable, "-m", "rasa", "run", "--model", "models/starter.tar.gz",
        "--port", str(port), "--interface", LOOPBACK,
    ]  # fmt: skip
    return Bot("starter", command, folder, port, logs / "starter.log")


def our_bot(var: Path, logs: Path, data: Path | None = None) -> Bot:
    """Our bot, started by `medassist run`, with a database of its own in `var`."""
    port = free_port()
    environment = {
        "MEDASSIST_VAR": str(var),
        "MEDASSIST_PORT": str(free_port()),
        "MEDASSIST_RASA_PORT": str(port),
        "MEDASSIST_INTERNAL_SECRET": secrets.token_hex(16),
        "MEDASSIST_DATABASE_URL": "",
        "MEDASSIST_TRACKER_DATABASE_URL": "",
    }
    if data is not None:
        environment["MEDASSIST_DATA"] = str(data)
    command = [sys.executable, "-m", "medassist.cli", "run"]
    return Bot("ours", command, ROOT, port, logs / "ours.log", environment)
