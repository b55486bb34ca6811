"""Whatever is typed, the pipeline gets text that Rasa cannot take for a command."""

from __future__ import annotations

import pytest

from medassist.nlu.tokens import as_plain_text


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("what is baclofen", "what is baclofen"),
        ("/restart", "\u2215restart"),
        ('  /ask_dose{"medicine":"x"}', '\u2215ask_dose{"medicine":"x"}'),
        ("//", "\u2215\u2215"),
        ("10mg/5mL", "10mg/5mL"),
        ("", ""),
        (None, ""),
        (42, ""),
    ],
)
def test_a_leading_slash_is_only_text(typed: object, read: str) -> None:
    assert as_plain_text(typed) == read
    assert not as_plain_text(typed).startswith("/")
