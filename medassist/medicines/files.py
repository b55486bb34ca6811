"""The medicine files: one YAML file a medicine, read strictly and checked whole.

A file that breaks a rule raises `MedicineFileError` with file, line and reason, so
that a clinician who edits one knows where to look.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from enum import Enum
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Extra, Field, ValidationError, root_validator, validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

QUESTION_TOPICS = (
    "about", "uses", "how_it_works", "how_to_take", "dose", "missed_dose", "onset_duration",
    "side_effects", "overdose", "stopping", "interactions", "alcohol", "pregnancy", "conditions",
    "age", "driving", "long_term", "monitoring", "pump", "product", "storage", "comparison",
    "evidence",
)  # fmt: skip
"""What a question can be about; each is the intent `ask_<topic>`."""

REPORT_TOPICS = ("report_side_effect", "report_withdrawal", "report_overdose")
"""Answers to something that has happened; each is the intent of that name."""


class MedicineFileError(Exception):
    """A medicine file that cannot be used: `file:line: reason`."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}")
        self.path, self.line, self.reason = path, line, reason


class Situation(str, Enum):
    """A person's situation that changes an answer."""

    PREGNANT = "pregnant"
    BREASTFEEDING = "breastfeeding"
    KIDNEY = "kidney"
    OLDER_ADULT = "older_adult"
    CHILD = "child"
    EPILEPSY = "epilepsy"
    PUMP = "pump"


class _Strict(BaseModel):
    class Config:
        extra = Extra.forbid
        allow_mutation = False
        keep_untouched = (cached_property,)


class Source(_Strict):
    """Where facts come from. `via` says how we saw it: its stored copy, our fact sheet, a seed."""

    title: str
    publisher: str
    kind: str = Field(regex="^(label|guidance|study|reference|article|project)$")
    url: str | None = Field(None, regex="^https?://")
    checked: date
    via: str = Field(regex="^(stored-copy|fact-sheet|seed|project)$")
    copy_of_original: bool = Field(False, alias="copy")


class Statement(_Strict):
    """A sentence or two and the keys of the sources that support every word of it."""

    text: str = Field(min_length=3)
    sources: list[str] = Field(min_items=1)


class SituationStatement(Statement):
    """What comes first for a person in this situation."""

    situation: Situation


class Amount(_Strict):
    """A number of a medicine's label, in the unit its field names."""

    value: float = Field(gt=0)
    note: str = ""
    sources: list[str] = Field(min_items=1)


class Fact(_Strict):
    """A yes or no of a medicine's label."""

    value: bool
    note: str = ""
    sources: list[str] = Field(min_items=1)


class Form(_Strict):
    """One form sold: tablets by strength (mg each), liquids by concentration (mg per mL)."""

    form: str
    brand: str | None = None
    where: str | None = None
    strengths_mg: list[float] = []
    mg_per_ml: float | None = None
    mcg_per_ml: float | None = None
    note: str = ""
    sources: list[str] = Field(min_items=1)


class Limits(_Strict):
    """What triage compares amounts with: mg for adults by mouth, age in years."""

    single_dose_mg: Amount
    daily_mg: Amount
    usual_strength_mg: Amount
    child_age_years: Amount


class Names(_Strict):
    """Every name the medicine goes by, beside its generic one."""

    brands: list[str] = []
    also: list[str] = []


class Review(_Strict):
    """Who checked the answers, when and how. Nothing is approved that nobody approved."""

    status: str = Field(regex="^(draft|source-checked|clinician-approved)$")
    by: str
    on: date
    how: str


class Reviewed(_Strict):
    """What a clinician decided about this very answer, in the staff console."""

    decision: str = Field(regex="^(approved|returned|withdrawn)$")
    by: str = Field(min_length=1, max_length=100)
    at: datetime
    reason: str = ""


class Answer(_Strict):
    """The vetted answer on one topic; `asks` holds the words that select a subtopic."""

    topic: str
    subtopic: str | None = Field(None, regex="^[a-z0-9_]+$")
    asks: list[str] = []
    danger: bool = False
    seed_headings: list[str] = []
    statement: Statement
    points: list[Statement] = Field([], max_items=6)
    get_help: Statement | None = None
    situations: list[SituationStatement] = []
    related: list[str] = []
    reviewed: Reviewed | None = None

    @validator("topic")
    def _known_topic(cls, topic: str) -> str:
        if topic not in QUESTION_TOPICS + REPORT_TOPICS:
            raise ValueError(f"{topic!r} is not a topic of docs/topics.md")
        return topic

    @root_validator(skip_on_failure=True)
    def _complete(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values["subtopic"] and not values["asks"]:
            raise ValueError("a subtopic needs `asks`: the words that select it")
        if values["danger"] and not values["get_help"]:
            raise ValueError("an answer about danger must say when to get help")
        return values

    @property
    def answer_id(self) -> str:
        """The answer's name within its medicine: `dose`, or `uses.cerebral_palsy`."""
        return f"{self.topic}.{self.subtopic}" if self.subtopic else self.topic

    def statements(self) -> list[Statement]:
        """Every statement of this answer, in the order it is read."""
        extra = [self.get_help] if self.get_help else []
        return [*self.situations, self.statement, *self.points, *extra]


class Medicine(_Strict):
    """One medicine: its names, limits, sources and vetted answers."""

    medicine: str = Field(regex="^[a-z][a-z0-9 -]*$")
    title: str
    class_name: str = Field(alias="class")
    names: Names
    forms: list[Form] = []
    limits: Limits
    stopping_is_dangerous: Fact
    review: Review
    sources: dict[str, Source]
    answers: list[Answer] = Field(min_items=1)

    def all_names(self) -> list[str]:
        """The generic name first, then brands and other spellings."""
        return [self.medicine, *self.names.brands, *self.names.also]


def line_of(node: Any, path: tuple[Any, ...]) -> int:
    """The 1-based line of the deepest part of `path` that exists in the parsed file."""
    line = 1
    for key in path:
        if isinstance(node, CommentedMap) and key in node:
            line = node.lc.key(key)[0] + 1
        elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
            line = node.lc.item(key)[0] + 1
        else:
            break
        node = node[key]
    return line


def _sourced_parts(medicine: Medicine) -> list[tuple[tuple[Any, ...], list[str]]]:
    """Every place of the file that names sources, with the keys it names."""
    parts: list[tuple[tuple[Any, ...], list[str]]] = []
    for i, form in enumerate(medicine.forms):
        parts.append((("forms", i), form.sources))
    for name, amount in medicine.limits:
        parts.append((("limits", name), amount.sources))
    parts.append((("stopping_is_dangerous",), medicine.stopping_is_dangerous.sources))
    for i, answer in enumerate(medicine.answers):
        at = ("answers", i)
        parts.append(((*at, "statement"), answer.statement.sources))
        parts += [((*at, "points", j), p.sources) for j, p in enumerate(answer.points)]
        parts += [((*at, "situations", j), s.sources) for j, s in enumerate(answer.situations)]
        if answer.get_help:
            parts.append(((*at, "get_help"), answer.get_help.sources))
    return parts


def line_in(path: Path, place: tuple[Any, ...]) -> int:
    """The line of a place such as ("answers", 3, "points") in a file that parses."""
    return line_of(YAML(typ="rt").load(path.read_text(encoding="utf-8")), place)


def read_document(path: Path, refusal: Callable[[Path, int, str], Exception]) -> Any:
    """The parsed file. Raises what `refusal` makes of file, line and reason when it is no YAML.

    The parser that knows line numbers takes ten times as long, and only a mistake needs them.
    """
    try:
        text = path.read_text(encoding="utf-8")
        try:
            return YAML(typ="safe").load(text)
        except YAMLError:
            return YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join((error.problem or "is not valid YAML").split())
        raise refusal(path, mark.line + 1 if mark else 1, reason) from error
    except (OSError, UnicodeDecodeError) as error:
        raise refusal(path, 1, f"cannot be read: {error}") from error


def read_medicine(path: Path) -> Medicine:
    """Read and check one medicine file.

    Raises MedicineFileError for unreadable YAML, an unknown or missing key, a statement
    without a known source, an unknown topic, or two answers with one name.
    """
    document = read_document(path, MedicineFileError)
    if not isinstance(document, dict):
        raise MedicineFileError(path, 1, "must be a mapping that starts with `medicine:`")
    try:
        medicine = Medicine.parse_obj(document)
    except ValidationError as error:
        first = error.errors()[0]
        loc = tuple(part for part in first["loc"] if part != "__root__")
        where = ".".join(str(part) for part in loc)
        raise MedicineFileError(path, line_in(path, loc), f"{where}: {first['msg']}") from error
    for place, keys in _sourced_parts(medicine):
        for key in keys:
            if key not in medicine.sources:
                raise MedicineFileError(
                    path, line_in(path, place), f"source {key!r} is not in `sources`"
                )
    seen: set[str] = set()
    for i, answer in enumerate(medicine.answers):
        if answer.answer_id in seen:
            line = line_in(path, ("answers", i))
            raise MedicineFileError(path, line, f"a second answer {answer.answer_id!r}")
        seen.add(answer.answer_id)
    for i, answer in enumerate(medicine.answers):
        for topic in (answer.topic, *answer.related):
            if topic not in seen:
                line = line_in(path, ("answers", i, "related"))
                raise MedicineFileError(path, line, f"there is no answer {topic!r} to point at")
    return medicine


def read_medicines(folder: Path) -> dict[str, Medicine]:
    """Every `*.yml` of `folder`, by generic name. Raises MedicineFileError at the first bad one.

    Files that have not changed since the last time are not read again: several parts of one
    program want them at its start.
    """
    found = [(path, path.stat()) for path in sorted(folder.glob("*.yml"))]
    return dict(_read_all(tuple((path, s.st_mtime_ns, s.st_size) for path, s in found)))


@lru_cache(maxsize=1)
def _read_all(files: tuple[tuple[Path, int, int], ...]) -> dict[str, Medicine]:
    """The medicines of these files, each with the time of its last change and its size."""
    medicines: dict[str, Medicine] = {}
    for path, _, _ in files:
        medicine = read_medicine(path)
        if path.stem != medicine.medicine.replace(" ", "-"):
            raise MedicineFileError(
                path, 1, f"the file of {medicine.medicine!r} must be named after it"
            )
        medicines[medicine.medicine] = medicine
    return medicines
