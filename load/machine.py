"""What uses the processors meanwhile: each part of a bot, and everything else."""

from __future__ import annotations

import os

import psutil

PARTS = {
    "medassist.dialogue.serve": "rasa",
    "rasa": "rasa",
    "actions.serve": "action server",
    "uvicorn": "front door",
    "medassist.cases.alert_worker": "alert worker",
}
"""By the module that a process runs."""


def seconds_used(pid: int) -> dict[str, float]:
    """Processor seconds so far: of the parts of the bot with this process, of us, and of all."""
    used: dict[str, float] = {}
    for process in _with_children(pid):
        try:
            words = process.cmdline()
            times = process.cpu_times()
        except psutil.Error:
            continue
        module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
        part = PARTS.get(module, "supervisor")
        used[part] = used.get(part, 0.0) + times.user + times.system
    us = psutil.Process(os.getpid()).cpu_times()
    used["locust"] = us.user + us.system
    whole = psutil.cpu_times()
    used["all"] = sum(whole) - whole.idle - getattr(whole, "iowait", 0.0)
    return used


def used_between(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Processor seconds of each part; "others" is what the bot and we did not use.

    Those are PostgreSQL, Redis, the kernel's network, and whatever else runs here.
    """
    used = {part: max(0.0, after[part] - before.get(part, 0.0)) for part in after}
    whole = used.pop("all")
    used["others"] = max(0.0, whole - sum(used.values()))
    return used


def _with_children(pid: int) -> list[psutil.Process]:
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
