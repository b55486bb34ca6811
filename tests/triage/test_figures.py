"""The figures we promise, on the part of the evaluation set that the rules were tuned on."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from medassist.triage.assess import Level
from tests.triage.conftest import ROOT, Say

TUNE = ROOT / "data" / "evaluation" / "triage-tune.jsonl"


@pytest.mark.skipif(not TUNE.exists(), reason="the evaluation set is not there")
def test_the_promised_figures_hold_on_the_tuning_part(say: Say) -> None:
    results: Counter[tuple[str, Level]] = Counter()
    for line in TUNE.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        turns = item.get("turns") or [item["text"]]
        named = "baclofen" in (item.get("medicine") or "") or any(
            name in " ".join(turns).lower()
            for name in ("baclofen", "lioresal", "fleqsuvy", "ozobax")
        )
        assessment = say(*turns) if named else say(*turns, about=None)
        results[(item["level"], assessment.level)] += 1
    emergencies = sum(n for (label, _), n in results.items() if label == "emergency")
    routine = sum(n for (label, _), n in results.items() if label == "routine")
    assert results[("emergency", Level.EMERGENCY)] / emergencies >= 0.99
    assert results[("emergency", Level.ROUTINE)] == 0
    assert results[("routine", Level.EMERGENCY)] / routine <= 0.03
