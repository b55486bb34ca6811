"""Triage takes time in proportion to length, whatever is sent (how fast it is: `make bench`)."""

from __future__ import annotations

import time

import pytest

from medassist.triage.assess import Level, Triage
from medassist.triage.text import LONGEST_READ


def seconds(triage: Triage, text: str, rounds: int = 5) -> float:
    """The best of some rounds, so that other work on the machine does not count."""
    best = 1e9
    for _ in range(rounds):
        start = time.perf_counter()
        triage.assess(text)
        best = min(best, time.perf_counter() - start)
    return best


ORDINARY = (
    "hi, i take baclofen 10 mg three times a day for ms, can i take ibuprofen for my knee as well?"
)


def test_time_is_linear_in_length(triage: Triage) -> None:
    half, whole = seconds(triage, ORDINARY * 12), seconds(triage, ORDINARY * 24)
    assert whole < 4 * half


@pytest.mark.parametrize(
    "piece",
    [
        "i can't breathe ",
        "no ",
        "can ",
        "a",
        "'",
        "((((",
        "10 mg x ",
        "if i ",
        "1 ",
        "im not ",
        "what what ",
        "😱",
        "took 2 or ",
    ],
)
def test_a_hostile_message_costs_no_more_than_ten_ordinary_ones(triage: Triage, piece: str) -> None:
    for length in (2_000, 20_000):
        hostile, ordinary = ((text * length)[:length] for text in (piece, ORDINARY))
        assert seconds(triage, hostile, 3) < 10 * seconds(triage, ordinary, 3)


def test_of_a_long_message_head_and_tail_are_read(triage: Triage) -> None:
    filler = "lorem ipsum dolor sit amet " * (LONGEST_READ // 10)
    assert triage.assess("i can't breathe. " + filler).level is Level.EMERGENCY
    assessment = triage.assess(filler + " i can't breathe")
    assert assessment.level is Level.EMERGENCY
    finding = next(f for f in assessment.findings if f.asserted)
    assert (filler + " i can't breathe")[finding.start : finding.end] == finding.text
