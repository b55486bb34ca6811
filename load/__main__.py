"""`make load`: how many conversations one machine holds, with 1, 2 and 3 Rasa servers.

And beside them, with the same people, the bot that `rasa init` writes. Needs PostgreSQL and Redis.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import redis
from sqlalchemy.exc import SQLAlchemyError

from benchmarks.bots import Bot, BotError
from load.climb import FIRST
from load.report import costs, plot, table
from load.servers import REDIS, medassist_with, starter, train_starter
from medassist.settings import ROOT, load_settings
from medassist.training import TrainingError, ensure_model

STARTER = "rasa init"
SECONDS = 180.0
"""How long one bot is under load, at most."""
PATIENCE = 120.0
"""Seconds that Locust may take beyond that before it is ended."""

Started = Callable[[], AbstractContextManager[tuple[Bot, str]]]


def say(words: str) -> None:
    """A line of progress with the time."""
    print(f"{datetime.now():%H:%M:%S} {words}", flush=True)


def under_load(bot: Bot, url: str, locust_file: str, given: argparse.Namespace, logs: Path) -> Any:
    """The steps of one bot."""
    assert bot.process is not None
    lines = logs / f"steps-{bot.name}.jsonl"
    lines.unlink(missing_ok=True)
    command = [
        sys.executable, "-m", "locust", "--headless", "--only-summary", "--loglevel", "WARNING",
        "-f", str(ROOT / "load" / locust_file),
        "--host", url,
        "--steps-file", str(lines),
        "--bot-pid", str(bot.process.pid),
        "--seconds", str(given.seconds),
        "--first", str(given.people),
        "--one-step", str(given.one_step),
    ]  # fmt: skip
    seen = 0
    with (logs / f"locust-{bot.name}.log").open("wb") as log:
        people = subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        try:
            deadline = time.monotonic() + given.seconds + given.one_step + PATIENCE
            while people.poll() is None and time.monotonic() < deadline:
                time.sleep(0.5)
                seen = _tell(_read(lines), seen)
        finally:
            if people.poll() is None:
                people.kill()
            people.wait()
    steps = _read(lines)
    _tell(steps, seen)
    if not steps:
        raise BotError(f"No step was measured; see {log.name}.")
    return steps


def _read(lines: Path) -> list[dict[str, Any]]:
    if not lines.exists():
        return []
    text = lines.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def _tell(steps: list[dict[str, Any]], seen: int) -> int:
    for step in steps[seen:]:
        say(
            f"  {step['people']} people: {step['messages_a_second']} messages a second, "
            f"median {step['p50_s']} s, 95th percentile {step['p95_s']} s, lost {step['lost']:.1%}"
        )
    return len(steps)


def machine() -> dict[str, Any]:
    """On what it was measured."""
    return {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "python": platform.python_version(),
        "load_before": psutil.getloadavg()[0],
    }


def main() -> None:
    """Run all, print the table, write the report and the plot."""
    parser = argparse.ArgumentParser(prog="python -m load", description=__doc__)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--no-starter", action="store_true")
    parser.add_argument("--people", type=int, default=FIRST, help="in the first step")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each bot, at most")
    parser.add_argument("--one-step", type=float, default=0.0, help="only one, so many seconds")
    parser.add_argument("--reports", type=Path, default=ROOT / "reports")
    parser.add_argument("--image", type=Path, default=ROOT / "docs" / "images" / "load.png")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all is tidied up
    try:
        run(given)
    except (BotError, TrainingError, SQLAlchemyError, redis.RedisError) as problem:
        sys.exit(f"The load could not be measured: {str(problem).splitlines()[0]}")


def run(given: argparse.Namespace) -> None:
    """Measure each bot after the other."""
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    with redis.Redis.from_url(REDIS) as client:
        client.ping()
    settings = load_settings()
    ensure_model(settings)
    given.reports.mkdir(parents=True, exist_ok=True)
    logs = settings.var / "load"
    logs.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"machine": machine(), "bots": {}}
    with tempfile.TemporaryDirectory() as folder:
        bots: dict[str, tuple[Started, str]] = {
            f"medassist, {n} Rasa": (
                partial(medassist_with, n, Path(folder) / str(n), logs),
                "website.py",
            )
            for n in given.workers
        }
        if not given.no_starter:
            say("training the bot of rasa init, unless it is there already (about two minutes)")
            train_starter(logs / "starter", logs / "train-starter.log")
            bots[STARTER] = (partial(starter, logs / "starter", logs), "starter.py")
        for name, (start, locust_file) in bots.items():
            say(f"{name}: starting")
            with start() as (bot, url):
                say(f"{name}: under load")
                report["bots"][name] = under_load(bot, url, locust_file, given, logs)
                report.setdefault("memory_mb", {})[name] = round(bot.memory()["all"])
            (given.reports / "load.json").write_text(json.dumps(report, indent=2), "utf-8")
    words = f"{table(report['bots'])}\n\n{costs(report['bots'])}\n"
    (given.reports / "load.md").write_text(words, encoding="utf-8")
    plot(report["bots"], given.image)
    print(f"\n{words}\nWritten: {given.reports / 'load.json'}, load.md, and {given.image}")


if __name__ == "__main__":
    main()
