"""What is promised of the trained model, rules and second reader together."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medassist.parsing import Parser
from medassist.settings import ROOT, load_settings
from medassist.training import ensure_model
from tests.triage.test_metamorphic import DANGER, DENIED, ROUTINE

RANK = {"routine": 0, "urgent": 1, "emergency": 2}


def test_no_figure_is_below_its_floor_and_the_report_is_written(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "medassist.cli", "eval", "--reports", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert {"triage-tune", "triage-held-back", "topics", "off-topic"} <= set(summary["sets"])
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<svg" in page


Level = Callable[..., int]


@pytest.fixture(scope="module")
def level() -> Iterator[Level]:
    """The rank of the level of the last of some messages, by the trained model."""
    import asyncio

    parser = Parser(ensure_model(load_settings()))
    loop = asyncio.new_event_loop()

    def of(*turns: str) -> int:
        parsed = loop.run_until_complete(parser.understand(turns, "baclofen"))
        return RANK[parsed["triage"]["level"]]

    yield of
    loop.close()


few = settings(
    max_examples=60, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip


@few
@given(
    st.sampled_from(DANGER),
    st.lists(st.sampled_from(ROUTINE), min_size=1, max_size=8),
    st.lists(st.sampled_from(ROUTINE), max_size=8),
)
def test_danger_in_a_long_routine_message_is_never_passed_over(
    level: Level, danger: str, before: list[str], after: list[str]
) -> None:
    assert level(" ".join([*before, danger.rstrip(".") + ".", *after])) >= RANK["urgent"]


@few
@given(st.sampled_from(DANGER), st.sampled_from(DENIED))
def test_a_denied_sign_beside_danger_never_makes_it_routine(
    level: Level, danger: str, denied: str
) -> None:
    assert level(f"{danger}. {denied}") >= RANK["urgent"]


@few
@given(st.sampled_from(DANGER), st.sampled_from([str.upper, str.title, str.capitalize]))
def test_capitals_change_no_level(level: Level, danger: str, change: Callable[[str], str]) -> None:
    assert level(change(danger)) == level(danger)


def test_one_sentence_that_the_rules_do_not_know_is_found_in_a_long_message(level: Level) -> None:
    holiday = (
        "We are back from two weeks at the sea and the children loved every minute of it. "
        "The food was good and the room was clean. I take my tablets in the morning with tea. "
    )
    more = "What I wanted to ask you is how the tablets are kept when it is warm outside."
    assert level(f"{holiday}The mirror does not fog when I hold it to his mouth. {more}") >= 1
    assert level(holiday + more) == 0
