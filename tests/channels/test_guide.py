"""The guides are true: each row of the table has tests, and each path and setting exists."""

from __future__ import annotations

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


def test_each_row_of_the_table_is_backed_by_tests_that_exist() -> None:
    promised = [row[0] for row in rows("| | sms")]
    backed = {row[0]: re.findall(r"`(\S+)::(\S+)`", row[1]) for row in rows("| row | tests")}
    assert promised == list(backed)
    for promise, tests in backed.items():
        assert tests, promise
        for file, test in tests:
            written = (ROOT / "tests" / "channels" / file).read_text(encoding="utf-8")
            assert f"def {test}(" in written, f"{promise}: {file} has no {test}"


def test_each_row_says_something_of_each_channel() -> None:
    for row in rows("| | sms"):
        assert len(row) == 1 + len(CHANNELS)
        assert all(row)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_path_and_setting_that_a_guide_names_exists(guide) -> None:
    text = guide.read_text(encoding="utf-8")
    assert missing_paths(text, guide.parent) == []
    settings = (ROOT / "medassist" / "channel_settings.py").read_text(encoding="utf-8")
    assert set(VARIABLE.findall(text)) <= set(VARIABLE.findall(settings))
