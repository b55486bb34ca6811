"""A person's situation is read from their words, and not from words that only look like it."""

from __future__ import annotations

import pytest

from medassist.medicines.situations import Situations
from medassist.settings import ROOT

SITUATIONS = Situations.load(ROOT / "data" / "situations.yml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("i'm pregnant", ["pregnant"]),
        ("im 7 months pregnant", ["pregnant"]),
        ("i am not pregnant", []),
        ("I'm nursing my baby", ["breastfeeding"]),
        ("gran is in a nursing home", ["older_adult"]),
        ("i'm studying nursing", []),
        ("my kidneys are bad", ["kidney"]),
        ("i have no kidney problems", []),
        ("what about my mum, she is 82", ["older_adult"]),
        ("my 80yo dad", ["older_adult"]),
        ("I am 64", []),
        ("I am 65", ["older_adult"]),
        ("my 6 year old", ["child"]),
        ("he is 17", ["child"]),
        ("he is 18", []),
        ("she is 10 mg short", []),
        ("been on it for 3 years", []),
        ("i have epilepsy", ["epilepsy"]),
        ("he has a baclofen pump", ["pump"]),
        ("does it pump up my heart", []),
        ("3 week old", ["child"]),
        ("i have 2 kids", []),
        ("im 20 weeks pregnant, is it safe for my baby", ["pregnant"]),
        ("i used to be pregnant", []),
        ("does it damage kidneys", []),
        ("my kidneys are fine", []),
        ("i was i 82 kg", []),
        ("my mum\u2019s 82", ["older_adult"]),
        ("mums 82", ["older_adult"]),
        ("my dad, 82", ["older_adult"]),
        ("grandson is 9", ["child"]),
        ("my son is 34", []),
        ("can children take it", ["child"]),
    ],
)
def test_what_is_told(text: str, told: list[str]) -> None:
    assert [found.situation.value for found in SITUATIONS.find(text)] == told
