"""The triage's rules beside a stock medspaCy ConText pipeline, on the same messages in one run.

`medspacy.load()` as it comes (tokenizer, sentences, target matcher, ConText) with one target
rule for each of our danger signs' example words, so that both have something to find.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

from medassist.settings import load_settings
from medassist.triage.assess import Triage

ROUNDS = 3
ORDINARY = "hi, i take baclofen 10 mg three times a day, can i take ibuprofen for my knee too? "
HOSTILE = {
    "i can't breathe": "i can't breathe ",
    "10 mg x": "10 mg x ",
    "if i": "if i ",
    "one letter": "a",
    "brackets": "(",
}


def milliseconds(read: Callable[[str], object], text: str, rounds: int = ROUNDS) -> float:
    """The best of some rounds, in ms."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        read(text)
        best = min(best, time.perf_counter() - start)
    return 1000 * best


def medspacy_reader(phrases: list[str]) -> Callable[[str], object]:
    """A stock medspaCy pipeline with these target phrases."""
    import medspacy
    from loguru import logger
    from medspacy.target_matcher import TargetRule

    logger.remove()  # it writes message text to standard error
    nlp = medspacy.load()
    matcher = nlp.get_pipe("medspacy_target_matcher")
    matcher.add([TargetRule(phrase, "DANGER") for phrase in phrases])
    return lambda text: [ent._.is_negated for ent in nlp(text).ents]


def main() -> None:
    """Print the table."""
    data = load_settings().data
    triage = Triage.load(data / "safety")
    lines = (data / "evaluation" / "triage-tune.jsonl").read_text(encoding="utf-8").splitlines()
    messages = [m["text"] for m in map(json.loads, lines) if "text" in m]
    phrases = [words for sign in triage.lexicon.signs for words in sign.examples.yes]
    for message in messages:
        triage.assess(message)
    ours = [milliseconds(triage.assess, m) for m in messages]
    stock_reader = medspacy_reader(phrases)
    stock = [milliseconds(stock_reader, m, 1) for m in messages]
    median, stock_median = statistics.median(ours), statistics.median(stock)
    print(f"{len(messages)} messages        ours    medspaCy   ratio")
    print(f"median            {median:7.2f} ms {stock_median:7.2f} ms  {median / stock_median:.2f}")
    p95, stock_p95 = (statistics.quantiles(x, n=20)[-1] for x in (ours, stock))
    print(f"95th percentile   {p95:7.2f} ms {stock_p95:7.2f} ms  {p95 / stock_p95:.2f}")
    print("\nlength, ordinary text   ours   per 100 characters")
    for length in (100, 500, 1000, 2000, 4000):
        taken = milliseconds(triage.assess, (ORDINARY * 60)[:length])
        print(f"{length:6d} characters   {taken:8.2f} ms   {100 * taken / length:.3f} ms")
    whole = milliseconds(triage.assess, (ORDINARY * 60)[:2000])
    print(f"2,000 characters take {whole / median:.1f} times the median message.")
    print("\nhostile, 20,000 characters (cut to 5,000)")
    for name, piece in HOSTILE.items():
        taken = milliseconds(triage.assess, (piece * 20_000)[:20_000])
        print(f"{name:<18} {taken:8.2f} ms   {taken / median:.0f} times the median message")


if __name__ == "__main__":
    main()
