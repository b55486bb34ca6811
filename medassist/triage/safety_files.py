"""Reading `data/safety`: strict YAML whose every mistake names its file, line and reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Extra, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from medassist.medicines.files import line_of

Model = TypeVar("Model", bound=BaseModel)


class SafetyFileError(Exception):
    """A safety file that cannot be used: `file:line: reason`."""

    def __init__(self, file: Path, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}")
        self.file, self.line, self.reason = file, line, reason


class Strict(BaseModel):
    """A block of a safety file: an unknown key is an error, and nothing changes after reading."""

    class Config:
        extra = Extra.forbid
        allow_mutation = False


def line_in(file: Path, place: tuple[Any, ...]) -> int:
    """The line of a place such as ("signs", 3, "sources") in a file that parses."""
    return line_of(YAML(typ="rt").load(file.read_text(encoding="utf-8")), place)


def read_yaml(file: Path) -> Any:
    """The parsed file. Raises SafetyFileError for unreadable YAML.

    The parser that knows line numbers takes ten times as long, and only a mistake needs them.
    """
    try:
        text = file.read_text(encoding="utf-8")
        try:
            return YAML(typ="safe").load(text)
        except YAMLError:
            return YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join((error.problem or "is not valid YAML").split())
        raise SafetyFileError(file, mark.line + 1 if mark else 1, reason) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SafetyFileError(file, 1, f"cannot be read: {error}") from error


def read_model(file: Path, model: type[Model]) -> Model:
    """The file as `model`.

    Raises SafetyFileError for unreadable YAML, an unknown or missing key, a wrong value.
    """
    document = read_yaml(file)
    if not isinstance(document, dict):
        raise SafetyFileError(file, 1, "must be a mapping of named parts")
    try:
        parsed: Model = model.parse_obj(document)
        return parsed
    except ValidationError as error:
        first = error.errors()[0]
        place = tuple(part for part in first["loc"] if part != "__root__")
        where = ".".join(str(part) for part in place)
        raise SafetyFileError(file, line_in(file, place), f"{where}: {first['msg']}") from error
