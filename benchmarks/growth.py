"""How the cost of a message grows with the medicines loaded and the length of a conversation."""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import httpx

from benchmarks.bots import Bot, our_bot
from benchmarks.generated import write_data
from benchmarks.load import median

LENGTHS = (10, 100, 1000)
MEDICINES = (1, 100, 5000)
NEAR = 10
"""Messages around each length whose times are taken together."""


def of_conversation(
    bot: Bot, texts: Sequence[str], lengths: Sequence[int] = LENGTHS
) -> dict[int, float]:
    """Milliseconds a message (median of the last `NEAR`) when a conversation has so many."""
    sender = secrets.token_hex(6)
    taken: list[float] = []
    with httpx.Client(timeout=120, trust_env=False) as client:
        for number in range(max(lengths)):
            begun = time.perf_counter()
            bot.say(client, sender, texts[number % len(texts)])
            taken.append(1000 * (time.perf_counter() - begun))
    return {length: median(taken[length - NEAR : length]) for length in lengths}


def of_medicines(
    data: Path, work: Path, texts: Sequence[str], numbers: Sequence[int] = MEDICINES
) -> list[dict[str, float]]:
    """For each number of medicines loaded: what reading, recognising and answering cost.

    Seconds to read the files; ms to recognise names (median of `texts` and of questions about
    the medicines); ms to find an answer in the database.
    """
    from medassist.medicines.answers import Answers, load_answers
    from medassist.medicines.files import read_medicines
    from medassist.medicines.names import MedicineNames
    from medassist.storage.database import migrate, open_database

    rows = []
    for number in numbers:
        folder = work / f"data-{number}"
        names = write_data(data, folder, number)
        begun = time.perf_counter()
        medicines = read_medicines(folder / "medicines")
        reading = time.perf_counter() - begun
        known = {
            name.lower(): medicine.medicine
            for medicine in medicines.values()
            for name in medicine.all_names()
        }
        recogniser = MedicineNames.load(folder / "names", extra=known)
        engine = open_database(f"sqlite:///{work / f'answers-{number}.db'}")
        migrate(engine)
        load_answers(engine, medicines)
        answers = Answers(engine)
        asked = [names[i * len(names) // 50] for i in range(50)]
        questions = [*texts, *(f"what is the usual dose of {name}?" for name in asked)]
        recognise = _each(recogniser.find, questions)
        look_up = _each(partial(answers.find, topic="dose", question="what dose"), asked)
        engine.dispose()
        rows.append(
            {
                "medicines": number,
                "reading_s": reading,
                "recognise_ms": recognise,
                "answer_ms": look_up,
            }
        )
    return rows


def _each(does: Callable[[str], object], items: Sequence[str]) -> float:
    """Median milliseconds of one call, each item once after a first round nobody counts."""
    taken = []
    for counted in (False, True):
        for item in items:
            begun = time.perf_counter()
            does(item)
            if counted:
                taken.append(1000 * (time.perf_counter() - begun))
    return statistics.median(taken)


def of_running_bot(work: Path, model: Path, texts: Sequence[str], number: int) -> dict[str, float]:
    """The whole bot with the data folder that `of_medicines` wrote: start, message, memory.

    The model is that of our own data: it holds no medicine's name, only wording with names
    masked, so that its size does not depend on the medicines.
    """
    bot = our_bot(work / f"var-{number}", work, work / f"data-{number}")
    bot.environment = {**bot.environment, "MEDASSIST_BENCH_MODEL": str(model)}
    bot.command = [*bot.command[:1], "-m", "benchmarks.run_with_model"]
    taken = []
    try:
        start = bot.start()
        with httpx.Client(timeout=120, trust_env=False) as client:
            for text in texts:
                begun = time.perf_counter()
                bot.say(client, secrets.token_hex(6), text)
                taken.append(1000 * (time.perf_counter() - begun))
        memory = bot.memory()["all"]
    finally:
        bot.stop()
    half = taken[len(taken) // 2 :]
    return {"start_s": start, "message_ms": median(half), "memory_mb": memory}
