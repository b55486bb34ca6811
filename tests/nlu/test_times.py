"""Times are found as people say them, and numbers that are no times are not."""

from __future__ import annotations

import pytest

from medassist.nlu.times import times


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("i took it two hours ago", ["two hours ago"]),
        ("ran out on friday and since last night i sweat", ["on friday", "since last night"]),
        ("at 9pm i took 3", ["at 9pm"]),
        ("She had it this morning around 8:30", ["this morning", "around 8:30"]),
        ("on it since 2019, half an hour ago the last", ["since 2019", "half an hour ago"]),
        ("for 3 years now", ["for 3 years"]),
        ("take it 3 times a day", []),
        ("20 mg four times a day", []),
        ("room 12, ward 7", []),
    ],
)
def test_times_as_they_are_said(text: str, said: list[str]) -> None:
    found = times(text)
    assert [time.text for time in found] == said
    assert all(text[time.start : time.end] == time.text for time in found)
