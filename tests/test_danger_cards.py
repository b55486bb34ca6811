"""The fixed words about danger, which need no action server, can be read in fright."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from medassist.medicines.reading import HIGHEST_GRADE_DANGER, reading_grade
from medassist.settings import ROOT

RESPONSES = YAML(typ="safe").load((ROOT / "domain.yml").read_text(encoding="utf-8"))["responses"]
CARDS = [name for name, said in RESPONSES.items() if (said[0].get("custom") or {}).get("card")]


def test_there_is_a_card_for_each_kind_of_danger() -> None:
    assert {
        "utter_emergency",
        "utter_withdrawal_emergency",
        "utter_overdose_emergency",
        "utter_overdose_urgent",
        "utter_self_harm",
        "utter_safety_question",
    } == set(CARDS)


@pytest.mark.parametrize("card", CARDS)
def test_a_card_is_read_at_grade_six_or_lower(card: str) -> None:
    assert reading_grade(RESPONSES[card][0]["text"]) <= HIGHEST_GRADE_DANGER
