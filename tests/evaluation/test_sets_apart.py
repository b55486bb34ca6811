"""What is measured on was not trained on."""

from __future__ import annotations

import re

from ruamel.yaml import YAML

from medassist.evaluation.sets import read_sets
from medassist.settings import ROOT


def folded(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def trained_on() -> set[str]:
    lines: set[str] = set()
    for path in (ROOT / "data" / "nlu").glob("*.yml"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.lstrip().startswith("- "):
                lines.add(folded(line.lstrip()[2:]))
    return lines


def test_no_message_of_an_evaluation_set_is_an_example() -> None:
    examples = trained_on()
    assert len(examples) > 10_000
    shared = [
        item.id
        for labelled in read_sets([ROOT / "data" / "evaluation"])
        for item in labelled.items
        # Two or three words ("took an overdose") are nobody's own.
        if len(folded(item.turns[-1]).split()) > 3 and folded(item.turns[-1]) in examples
    ]
    assert shared == []


def test_no_two_sets_share_a_message() -> None:
    seen: dict[str, str] = {}
    for labelled in read_sets([ROOT / "data" / "evaluation"]):
        for item in labelled.items:
            text = folded(" / ".join(item.turns))
            assert text not in seen or len(text.split()) <= 3, (item.id, seen[text])
            seen[text] = item.id


def test_every_floor_is_of_a_known_figure() -> None:
    floors = YAML(typ="safe").load((ROOT / "data" / "evaluation" / "floors.yml").read_text())
    figures = {f for bounds in floors.values() for f in bounds}
    assert figures <= {
        "emergencies_caught", "emergencies_at_least_urgent", "urgent_at_least_urgent",
        "false_emergencies", "false_alarms_of_any_level", "gold", "gold_or_also", "likeliest_gold",
        "likeliest_gold_or_also", "medicine_found", "not_ours", "no_medicine_found",
    }  # fmt: skip
