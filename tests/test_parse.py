"""`medassist parse`: JSON lines in, JSON lines out, in order, for programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from medassist.parsing import ParseInputError, read_items
from medassist.settings import ROOT


def test_plain_lines_and_json_lines_are_read() -> None:
    lines = ['{"id": "a", "text": "hi"}', "", "just text", '{"id": "b", "turns": ["x", "y"]}']
    assert list(read_items(lines)) == [
        {"id": "a", "turns": ["hi"], "medicine": None},
        {"id": "3", "turns": ["just text"], "medicine": None},
        {"id": "b", "turns": ["x", "y"], "medicine": None},
    ]


@pytest.mark.parametrize("line", ['{"id": 1}', '{"turns": []}', '{"turns": [1]}', "{nonsense"])
def test_a_line_that_cannot_be_read_is_named(line: str) -> None:
    with pytest.raises(ParseInputError, match="Line 2 "):
        list(read_items(["fine", line]))


def parse(*items: object) -> list[dict]:
    done = subprocess.run(
        [sys.executable, "-m", "medassist.cli", "parse"],
        cwd=ROOT,
        env=dict(os.environ),
        input="\n".join(json.dumps(item) for item in items),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_each_message_is_described_in_order() -> None:
    found = parse(
        {"id": "1", "text": "what is lioresal used for"},
        {"id": "2", "text": "i took 30 baclofen"},
        {"id": "3", "text": ""},
        {"id": "4", "text": "/restart"},
        {"id": "5", "turns": ["i ran out of baclofen on friday", "now i'm seeing things"]},
        {"id": "6", "turns": ["is baclofen safe", "and how much ibuprofen can i take"]},
        {"id": "7", "text": "y" * 5000},
        {"id": "8", "text": "\U0001f642"},
    )
    assert [f["id"] for f in found] == ["1", "2", "3", "4", "5", "6", "7", "8"]
    for described in found:
        assert {"text", "intent", "confidence", "ranking", "medicines", "level", "findings"} <= set(
            described
        )
        assert len(described["ranking"]) <= 3
    assert (found[0]["intent"], found[0]["medicines"]) == ("ask_uses", ["baclofen", "lioresal"])
    assert (found[1]["intent"], found[1]["level"]) == ("report_overdose", "emergency")
    assert found[2]["intent"] == "nlu_fallback"
    assert found[4]["level"] == "emergency"
    assert found[5]["medicines"] == ["ibuprofen"]
    assert found[5]["level"] == "routine"
