"""No message is too strange to be read: an error here would be a danger not looked for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medassist.triage.assess import Level, Triage
from tests.triage.conftest import SAFETY

TRIAGE = Triage.load(SAFETY)
LETTERS = st.text(alphabet="ghkpwtsceaiouy'-0123456789 .", max_size=40)


@pytest.mark.parametrize("words", ["gggh", "gggh vbn tyu", "ytytyt ghghgh", "ghgh i cant breathe"])
def test_a_word_of_silent_letters_is_read(words: str) -> None:
    expected = Level.EMERGENCY if "breathe" in words else Level.ROUTINE
    assert TRIAGE.assess(words).level is expected


@settings(max_examples=400)
@given(st.text(max_size=80) | LETTERS)
def test_any_text_gets_an_assessment(text: str) -> None:
    assert TRIAGE.assess(text).level in Level


@settings(max_examples=200)
@given(LETTERS)
def test_danger_behind_any_keyboard_mash_is_found(mash: str) -> None:
    assert TRIAGE.assess(f"{mash}. She is not breathing.").level is Level.EMERGENCY
