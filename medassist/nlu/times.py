"""When something happened or is due, in the person's words: "two hours ago", "since Friday"."""

from __future__ import annotations

import re
from typing import List, NamedTuple

_NUMBER = (
    r"(?:\d+(?:\.\d+)?|an?|one|two|three|four|five|six|seven|eight|nine|ten|a few|a couple(?: of)?|"
    r"several|half an?)"
)
_UNIT = r"(?:min(?:ute)?s?|h(?:ou)?rs?|h|days?|nights?|weeks?|wks?|months?|years?|yrs?)"
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_PART = r"(?:morning|noon|lunch(?:time)?|afternoon|evening|night|bedtime|midnight)"
_CLOCK = r"(?:\d{1,2}(?::\d{2})?\s?(?:am|pm|a\.m\.|p\.m\.|o'?clock)|\d{1,2}:\d{2})"
_TIME = re.compile(
    rf"\b(?:{_NUMBER} {_UNIT} ago|(?:for|since|in|after|within|past|last) (?:the )?(?:last |past )?"
    rf"{_NUMBER} {_UNIT}|(?:(?:since|on|last|next|this|until|by) )?{_DAY}(?: {_PART})?|"
    rf"(?:since |until )?(?:yesterday|today|tonight|tomorrow|last night|this {_PART}|just now|"
    rf"right now)(?: {_PART})?|(?:at |since |by |around |about )?{_CLOCK}|"
    rf"(?:at|since|before|after) {_PART}|since (?:19|20)\d\d)(?!\w)",
    re.IGNORECASE,
)


class SaidTime(NamedTuple):
    """A time as it was said, and where (character offsets)."""

    text: str
    start: int
    end: int


def times(text: str) -> List[SaidTime]:
    """Every time that a message tells, in order."""
    return [SaidTime(m.group(), m.start(), m.end()) for m in _TIME.finditer(text)]
