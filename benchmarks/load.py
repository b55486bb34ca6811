"""How fast two bots answer: they take turns (A B B A …), so that both see the same machine."""

from __future__ import annotations

import itertools
import json
import random
import secrets
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import httpx

from benchmarks.bots import Bot
from benchmarks.sample import SEED

BLOCK = 20
"""Messages in a row to one bot before the other has its turn."""

TURNS = 10
"""Messages of a sender who stays."""

AT_ONCE = 16
"""People who write at the same time, for the throughput."""

Thing = TypeVar("Thing")


def messages(data: Path) -> list[str]:
    """What is sent: the topic and off-topic messages of `data/evaluation`, in a seeded order."""
    texts = []
    for name in ("topics", "off-topic"):
        lines = (data / "evaluation" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        texts += [item["text"] for item in map(json.loads, lines) if "text" in item]
    random.Random(SEED).shuffle(texts)
    return texts


def taking_turns(bots: Sequence[Bot], blocks: int) -> Iterator[Bot]:
    """`blocks` turns of each of two bots: A B B A A B B A …"""
    first, second = bots
    order = itertools.cycle([first, second, second, first])
    return itertools.islice(order, 2 * blocks)


def blocks_of(items: Sequence[Thing], size: int) -> list[Sequence[Thing]]:
    """The items in blocks of `size`, a shorter rest left out."""
    return [items[i : i + size] for i in range(0, len(items) - size + 1, size)]


def warm_up(bots: Sequence[Bot], texts: Sequence[str]) -> None:
    """Let each bot answer these messages before anything is measured."""
    for bot in bots:
        with httpx.Client(timeout=60, trust_env=False) as client:
            for text in texts:
                bot.say(client, f"warm-{secrets.token_hex(4)}", text)


def one_message_each(bots: Sequence[Bot], texts: Sequence[str]) -> dict[str, list[float]]:
    """Milliseconds from message to reply, each message from a new sender."""
    return _timed(bots, [[(secrets.token_hex(6), t) for t in b] for b in blocks_of(texts, BLOCK)])


def conversations(bots: Sequence[Bot], texts: Sequence[str]) -> dict[str, list[float]]:
    """Milliseconds from message to reply in conversations of `TURNS` messages."""
    blocks = []
    for block in blocks_of(texts, TURNS):
        sender = secrets.token_hex(6)
        blocks.append([(sender, text) for text in block])
    return _timed(bots, blocks)


def _timed(
    bots: Sequence[Bot], blocks: Sequence[Sequence[tuple[str, str]]]
) -> dict[str, list[float]]:
    """Every block to each bot, in turns; blocks are pairs of sender and message."""
    taken: dict[str, list[float]] = {bot.name: [] for bot in bots}
    ahead = {bot.name: iter(blocks) for bot in bots}
    with httpx.Client(timeout=60, trust_env=False) as client:
        for bot in taking_turns(bots, len(blocks)):
            for sender, text in next(ahead[bot.name]):
                begun = time.perf_counter()
                bot.say(client, sender, text)
                taken[bot.name].append(1000 * (time.perf_counter() - begun))
    return taken


def throughput(bots: Sequence[Bot], texts: Sequence[str], rounds: int = 2) -> dict[str, float]:
    """Messages a second while `AT_ONCE` people write, each waiting for the reply before the next.

    Every text is sent `rounds` times to each bot, in turns.
    """
    seconds: dict[str, float] = {bot.name: 0.0 for bot in bots}
    shares = [texts[i::AT_ONCE] for i in range(AT_ONCE)]

    def person(bot: Bot, share: Sequence[str]) -> None:
        sender = secrets.token_hex(6)
        with httpx.Client(timeout=120, trust_env=False) as client:
            for text in share:
                bot.say(client, sender, text)

    for bot in taking_turns(bots, rounds):
        begun = time.perf_counter()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(person, itertools.repeat(bot), shares))
        seconds[bot.name] += time.perf_counter() - begun
    return {name: rounds * len(texts) / taken for name, taken in seconds.items()}


def median(taken: Sequence[float]) -> float:
    """The middle of the measured times."""
    return statistics.median(taken)


def percentile_95(taken: Sequence[float]) -> float:
    """The time that 95 of 100 messages stay below."""
    return statistics.quantiles(taken, n=20)[-1]
