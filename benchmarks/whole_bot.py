"""Our whole bot beside the bot of `rasa init`, in one run on one machine: part of `make bench`.

Writes `reports/bench.json` and prints a table. `docs/speed.md` says how to read it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks import growth, load
from benchmarks.bots import Bot, our_bot, starter_bot
from benchmarks.message_time import time_of_parts
from benchmarks.sample import comparison_sample, read_examples
from benchmarks.starter import (
    train_ours_command,
    train_starter_command,
    write_ours,
    write_starter,
)
from medassist.settings import ROOT, load_settings
from medassist.training import ensure_model

STARTS = 2
"""Starts of each bot; the mean is reported."""

AIMS = {
    "training": 0.25,
    "start to first answer": 0.35,
    "message, median": 0.4,
    "message, 95th percentile": 0.4,
    "message in a conversation, median": 0.4,
    "message in a conversation, 95th percentile": 0.4,
    "messages a second, 16 people": 3.0,
    "memory, all processes": 0.6,
}
"""What issue 4 asks for, as ratios of ours to the starter bot's."""

Row = dict[str, Any]


def say(text: str) -> None:
    """Tell what is being done, beside the results."""
    print(text, file=sys.stderr, flush=True)


def row(name: str, unit: str, ours: float, starter: float) -> Row:
    """One line of the comparison."""
    return {"what": name, "unit": unit, "ours": ours, "starter": starter, "ratio": ours / starter}


def timed(command: Sequence[str], log: Path, folder: Path) -> tuple[float, float]:
    """Seconds that a command takes: of the clock, and of the processor.

    The second does not grow when other programs want the machine too. Raises
    CalledProcessError when the command fails.
    """
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with log.open("ab") as out:
        subprocess.run(command, check=True, stdout=out, stderr=subprocess.STDOUT, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - begun, worked


def train_both(work: Path) -> list[Row]:
    """Train both bots on the same examples: ours, the starter, ours again."""
    examples = comparison_sample(load_settings().data)
    write_starter(work / "starter", examples)
    write_ours(work / "ours", work / "starter", examples)
    commands = {
        "ours": (train_ours_command(sys.executable, work / "ours"), ROOT),
        "starter": (train_starter_command(sys.executable, work / "starter"), work / "starter"),
    }
    taken: dict[str, list[tuple[float, float]]] = {"ours": [], "starter": []}
    for name in ("ours", "starter", "ours"):
        say(f"Training {name} on {len(examples)} examples …")
        command, folder = commands[name]
        taken[name].append(timed(command, work / f"train-{name}.log", folder))
    rows = []
    for number, what in enumerate(("training", "training, processor time")):
        ours = statistics.mean(seconds[number] for seconds in taken["ours"])
        rows.append(row(what, "s", ours, taken["starter"][0][number]))
    return rows


def start_both(bots: Sequence[Bot]) -> Row:
    """Start each bot alone, in turns; both are stopped afterwards."""
    taken: dict[str, list[float]] = {bot.name: [] for bot in bots}
    for bot in load.taking_turns(bots, STARTS):
        say(f"Starting {bot.name} …")
        try:
            taken[bot.name].append(bot.start())
        finally:
            bot.stop()
    means = {name: statistics.mean(seconds) for name, seconds in taken.items()}
    return row("start to first answer", "s", means["ours"], means["starter"])


def load_both(bots: Sequence[Bot], texts: Sequence[str]) -> list[Row]:
    """Latency, throughput and memory of both while both run."""
    load.warm_up(bots, texts[-40:])
    rows = []
    before = {bot.name: bot.processor_seconds() for bot in bots}
    for kind, measure in (
        ("message", load.one_message_each),
        ("message in a conversation", load.conversations),
    ):
        say(f"Sending: {kind} …")
        taken = measure(bots, texts[:240])
        figures: list[tuple[str, Callable[[Sequence[float]], float]]] = [
            ("median", load.median),
            ("95th percentile", load.percentile_95),
        ]
        for name, figure in figures:
            ours, starter = figure(taken["ours"]), figure(taken["starter"])
            rows.append(row(f"{kind}, {name}", "ms", ours, starter))
    # 240 messages of each kind; it does not grow when other programs want the machine too.
    spent = {bot.name: 1000 * (bot.processor_seconds() - before[bot.name]) / 480 for bot in bots}
    rows.append(row("processor time a message", "ms", spent["ours"], spent["starter"]))
    say(f"Sending: {load.AT_ONCE} people at once …")
    rate = load.throughput(bots, texts[:320])
    rows.append(row("messages a second, 16 people", "1/s", rate["ours"], rate["starter"]))
    memory = {bot.name: bot.memory() for bot in bots}
    for name, key in (("memory, Rasa server alone", "rasa"), ("memory, all processes", "all")):
        rows.append(row(name, "MB", memory["ours"][key], memory["starter"][key]))
    return rows


def full_training(work: Path) -> Row:
    """Seconds to train our model on all examples, at a place that is thrown away."""
    say("Training ours on all examples …")
    command = [
        sys.executable, "-m", "medassist.dialogue.serve", "train",
        "--config", "config.yml", "--domain", "domain.yml", "--data", "data/nlu", "data/rules",
        "--out", str(work / "full"), "--fixed-model-name", "full", "--force", "--skip-validation",
    ]  # fmt: skip
    seconds, _ = timed(command, work / "train-full.log", ROOT)
    return {"examples": len(read_examples(load_settings().data / "nlu")), "seconds": seconds}


def machine() -> str:
    """The machine in words, without its name."""
    cores, memory = psutil.cpu_count(), psutil.virtual_memory().total / 1e9
    return f"{cores} cores ({platform.machine()}), {memory:.0f} GB of memory, {platform.system()}"


def table(report: dict[str, Any]) -> str:
    """The report as text for a person."""
    lines = [f"{report['date']}, {report['machine']}, Rasa {report['rasa']}", ""]
    lines.append(f"{'':<44}{'ours':>10}{'rasa init':>11}{'':>5}{'ratio':>7}   aim")
    for r in report["beside_starter"]:
        line = f"{r['what']:<44}{r['ours']:>10.1f}{r['starter']:>11.1f} {r['unit']:<4}"
        lines.append(f"{line}{r['ratio']:>7.2f}   {aim_of(r)}")
    if "full_training" in report:
        full = report["full_training"]
        lines.append(f"\nOur training on all {full['examples']} examples: {full['seconds']:.0f} s")
    lines.append("\nwhere the time of one message goes (mean)        ms   share")
    whole = report["message_time"][-1][1]
    for name, taken in report["message_time"]:
        lines.append(f"{name:<44}{taken:>8.2f}{100 * taken / whole:>7.1f} %")
    lines.append("\nmessages in the conversation    ms a message")
    lines += [f"{n:>28}{taken:>16.1f}" for n, taken in report["conversation_growth"].items()]
    lines.append(
        f"\n{'medicines':>10}{'read files':>12}{'recognise':>11}{'find answer':>13}"
        f"{'start':>9}{'message':>10}{'memory':>10}"
    )
    for g in report["medicine_growth"]:
        lines.append(
            f"{g['medicines']:>10.0f}{g['reading_s']:>10.1f} s{g['recognise_ms']:>8.2f} ms"
            f"{g['answer_ms']:>10.2f} ms{g['start_s']:>7.1f} s{g['message_ms']:>7.1f} ms"
            f"{g['memory_mb']:>7.0f} MB"
        )
    return "\n".join(lines)


def aim_of(r: Row) -> str:
    """Whether the aim of a row is met, in words; empty where there is none."""
    aim = AIMS.get(r["what"])
    if aim is None:
        return ""
    met = r["ratio"] >= aim if aim > 1 else r["ratio"] <= aim
    return f"{'≥' if aim > 1 else '≤'} {aim:g}  {'met' if met else 'NOT MET'}"


def main() -> None:
    """Measure everything, print the table, write the report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--work", type=Path, help="a folder whose trained bots are used again")
    arguments.add_argument("--full-training", action="store_true", help="also train on all data")
    arguments.add_argument("--reports", type=Path, default=ROOT / "reports")
    chosen = arguments.parse_args()
    settings = load_settings()
    model = ensure_model(settings)
    if chosen.work:
        measure(chosen.work.resolve(), model, chosen.reports, chosen.full_training)
        return
    with tempfile.TemporaryDirectory(prefix="medassist-bench-") as folder:
        measure(Path(folder), model, chosen.reports, chosen.full_training)


def measure(work: Path, model: Path, reports: Path, with_full_training: bool) -> None:
    """One whole run in `work`."""
    settings = load_settings()
    work.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kept = work / "training.json"
    if not kept.exists():
        kept.write_text(json.dumps(train_both(work)), encoding="utf-8")
    report: dict[str, Any] = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "rasa": version("rasa"),
        "sample": len(comparison_sample(settings.data)),
        "beside_starter": json.loads(kept.read_text(encoding="utf-8")),
    }

    def keep() -> None:
        """Write what is known so far, so that a run broken off is not lost."""
        reports.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report, indent=1, ensure_ascii=False)
        (reports / "bench.json").write_text(text + "\n", encoding="utf-8")

    if with_full_training:
        report["full_training"] = full_training(work)
    for old in ("var", "growth"):
        shutil.rmtree(work / old, ignore_errors=True)
    (work / "growth").mkdir()
    texts = load.messages(settings.data)
    ours, starter = our_bot(work / "var", work), starter_bot(work / "starter", work)
    report["beside_starter"].append(start_both([ours, starter]))
    keep()
    try:
        for bot in (ours, starter):
            say(f"Starting {bot.name} …")
            bot.start()
        report["beside_starter"] += load_both([ours, starter], texts)
        keep()
        starter.stop()
        say("Timing the parts of one message …")
        endpoints = work / "var" / "endpoints.yml"
        secret = "MEDASSIST_INTERNAL_SECRET"  # the file asks for it
        os.environ[secret] = ours.environment[secret]
        report["message_time"] = time_of_parts(model, endpoints, texts[:100], work / "var")
        say(f"One conversation of {max(growth.LENGTHS)} messages …")
        report["conversation_growth"] = growth.of_conversation(ours, texts)
        keep()
    finally:
        for bot in (ours, starter):
            bot.stop()
    say("Loading more medicines …")
    report["medicine_growth"] = growth.of_medicines(settings.data, work / "growth", texts[:200])
    keep()
    for r in report["medicine_growth"]:
        say(f"Starting ours with {r['medicines']} medicines …")
        r.update(growth.of_running_bot(work / "growth", model, texts[:100], r["medicines"]))
        keep()
    print(table(report))


if __name__ == "__main__":
    main()
