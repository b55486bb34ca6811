"""The guides are true: each cell of the table has tests, and each path and setting exists."""

from __future__ import annotations

import importlib
import re

import pytest

from medassist.settings import ROOT
from tests.channels.conftest import CHANNELS
from tests.test_docs import VARIABLE, missing_paths

FOLDER = ROOT / "docs" / "channels"
GUIDES = sorted(FOLDER.glob("*.md"))
OVERVIEW = (FOLDER / "README.md").read_text(encoding="utf-8")


def rows(after: str) -> list[list[str]]:
    """The rows of the table that begins with this line."""
    table = OVERVIEW[OVERVIEW.index(after) :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_there_is_a_guide_for_each_channel() -> None:
    assert {f"{channel}.md" for channel in CHANNELS} <= {guide.name for guide in GUIDES}


def channels_of(file: str, test: str) -> set[str]:
    """For which channels a test runs: all that it is given by name, or the one of its file."""
    module = importlib.import_module(f"tests.channels.{file.removesuffix('.py')}")
    function = getattr(module, test)
    of_module = getattr(module, "pytestmark", [])
    marks = [*getattr(function, "pytestmark", []), *(
        of_module if isinstance(of_module, list) else [of_module]
    )]  # fmt: skip
    named = {
        value
        for mark in marks
        if mark.name == "parametrize"
        for case in mark.args[1]
        for value in (case if isinstance(case, tuple) else (case,))
    }
    return set(CHANNELS) & {*named, file.removeprefix("test_").removesuffix(".py")}


def test_each_cell_of_the_table_is_backed_by_a_test_that_runs_for_its_channel() -> None:
    cells = {row[0]: dict(zip(CHANNELS, row[1:], strict=True)) for row in rows("| | sms")}
    backed = {row[0]: re.findall(r"`(\S+)::(\S+)`", row[1]) for row in rows("| row | tests")}
    assert list(cells) == list(backed)
    for row, tests in backed.items():
        promised = {channel for channel, cell in cells[row].items() if cell != "–"}
        shown = set().union(*(channels_of(file, test) for file, test in tests))
        assert promised <= shown, f"{row}: no test for {sorted(promised - shown)}"


def test_each_cell_says_something() -> None:
    assert all(cell for row in rows("| | sms") for cell in row)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_path_and_setting_that_a_guide_names_exists(guide) -> None:
    text = guide.read_text(encoding="utf-8")
    assert missing_paths(text, guide.parent) == []
    settings = (ROOT / "medassist" / "channel_settings.py").read_text(encoding="utf-8")
    assert set(VARIABLE.findall(text)) <= set(VARIABLE.findall(settings))
