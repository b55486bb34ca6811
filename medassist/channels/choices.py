"""Quick replies as numbers, where a channel has no buttons for them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

ASKED = "Reply with a number:"
_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NUMBER = re.compile(r"\W*(?:number |option )?(\d|[a-z]+)\W*", re.IGNORECASE)


def offered(buttons: object) -> list[str]:
    """What the buttons of a reply say; each sends its own title, as if it had been typed."""
    if not isinstance(buttons, Sequence):
        return []
    return [_title(b) for b in buttons if isinstance(b, Mapping) and _title(b)][: len(_WORDS)]


def _title(button: Mapping[str, Any]) -> str:
    return str(button.get("payload") or button.get("title") or "").strip()


def as_lines(choices: Sequence[str]) -> list[str]:
    """The choices to read, each with its number."""
    return [ASKED, *(f"{n} {choice}" for n, choice in enumerate(choices, start=1))]


def meant(text: str, choices: Sequence[str]) -> str:
    """What a reply means: the choice whose number it is, or the words themselves."""
    found = _NUMBER.fullmatch(text)
    if not found or not choices:
        return text
    said = found[1].lower()
    number = int(said) if said.isdigit() else _WORDS.index(said) + 1 if said in _WORDS else 0
    return choices[number - 1] if 0 < number <= len(choices) else text
