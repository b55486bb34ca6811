"""The facts of one medicine beside a case: what is vetted, and the limits in its file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from medassist.medicines.answers import Answers, VettedAnswer
from medassist.medicines.files import Medicine
from medassist.medicines.wording import REVIEW_WORDS, question_about

FIRST = (
    "report_overdose", "overdose", "report_withdrawal", "missed_dose", "stopping",
    "report_side_effect", "side_effects", "dose", "interactions", "alcohol",
)  # fmt: skip
"""Topics in the order staff need them in a hurry; the others follow as they come."""

_GENERIC_NAME = re.compile(r"[a-z][a-z0-9 -]*")

REPORT_TITLES = {
    "report_overdose": "Too much was taken",
    "report_withdrawal": "It was stopped or missed",
    "report_side_effect": "A side effect is told",
}


@dataclass(frozen=True)
class Fact:
    """One vetted answer: its title, its text in paragraphs, and how far it was checked.

    `reply` is the same text as it can be sent to a patient. `pressing` answers are shown first.
    """

    title: str
    answer_id: str
    version: int
    danger: bool
    statement: str
    points: tuple[str, ...]
    get_help: str
    review: str
    reply: str
    pressing: bool


def medicine_file(data: Path, name: str) -> Medicine | None:
    """The file of this medicine, as it is now; None when there is none that can be read."""
    if not _GENERIC_NAME.fullmatch(name):  # what is no medicine's name is no file's either
        return None
    path = data / "medicines" / f"{name.replace(' ', '-')}.yml"
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, UnicodeDecodeError, YAMLError, ValidationError):
        return None


@lru_cache(maxsize=64)
def _read(path: Path, _changed: int) -> Medicine:
    """A file that was checked with line numbers when its answers were loaded, read quickly."""
    read: Medicine = Medicine.parse_obj(YAML(typ="safe").load(path.read_text(encoding="utf-8")))
    return read


def _filled(text: str, numbers: Mapping[str, str]) -> str:
    for key, value in numbers.items():
        text = text.replace("{" + key + "}", value)
    return text


def as_fact(answer: VettedAnswer, numbers: Mapping[str, str]) -> Fact:
    """An answer for staff to read, or to send."""
    content = answer.answer
    title = REPORT_TITLES.get(answer.topic) or question_about(answer.topic, answer.title)
    if content.subtopic:
        title += f" ({content.subtopic.replace('_', ' ')})"
    statement = _filled(content.statement.text, numbers)
    points = tuple(_filled(point.text, numbers) for point in content.points)
    get_help = _filled(content.get_help.text, numbers) if content.get_help else ""
    reply = "\n".join(
        [statement, *(f"• {point}" for point in points),
         *([f"When to get help: {get_help}"] if get_help else [])]
    )  # fmt: skip
    return Fact(
        title=title,
        answer_id=answer.answer_id,
        version=answer.version,
        danger=content.danger,
        statement=statement,
        points=points,
        get_help=get_help,
        review=REVIEW_WORDS.get(answer.review, answer.review),
        reply=reply,
        pressing=answer.topic in FIRST and not content.subtopic,
    )


def facts_about(
    answers: Answers, medicine: str, numbers: Mapping[str, str], first: str = ""
) -> list[Fact]:
    """All vetted answers in force for a medicine; the topic `first`, then what is most pressing."""
    order = {topic: place for place, topic in enumerate((first, *FIRST))}
    found = [a for a in answers.in_force() if a.medicine == medicine]
    found.sort(key=lambda a: (order.get(a.topic, len(order)), bool(a.answer.subtopic)))
    return [as_fact(answer, numbers) for answer in found]
