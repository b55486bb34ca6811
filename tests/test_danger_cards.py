"""The fixed words about danger, which need no action server, can be read in fright."""

from __future__ import annotations

import re

import pytest
from ruamel.yaml import YAML

from medassist.medicines.reading import HIGHEST_GRADE_DANGER, reading_grade
from medassist.regions import read_regions
from medassist.settings import ROOT

GSM_7 = set(
    " !\"#%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz@$_\n"
)
"""The characters of the GSM 03.38 alphabet that our words use, one septet each."""

RESPONSES = YAML(typ="safe").load((ROOT / "domain.yml").read_text(encoding="utf-8"))["responses"]
REGIONS = read_regions(ROOT / "data")
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


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("card", [c for c in CARDS if c != "utter_safety_question"])
def test_a_card_begins_with_whom_to_call_in_every_region_and_channel(
    card: str, region: str
) -> None:
    numbers = REGIONS[region].placeholders()
    for said in RESPONSES[card]:
        assert re.match(r"Call \S.* now\b", said["text"].format(**numbers))
        assert said["custom"]["heading"].format(**numbers).startswith("Call ")
        assert said["custom"]["call"].format(**numbers)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("card", [c for c in CARDS if c != "utter_safety_question"])
def test_a_card_fits_into_one_text_message(card: str, region: str) -> None:
    words = next(said["text"] for said in RESPONSES[card] if said.get("channel") == "sms")
    sent = words.format(**REGIONS[region].placeholders())
    assert len(sent) <= 160, sent
    assert set(sent) <= GSM_7, sent
