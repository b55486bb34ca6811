"""Reading `data/safety`: strict YAML whose every mistake names its file, line and reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Extra, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError

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


def read_yaml(file: Path) -> Any:
    """The parsed file with its line numbers. Raises SafetyFileError for unreadable YAML."""
    try:
        return YAML(typ="rt").load(file.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join((error.problem or "is not valid YAML").split())
        raise SafetyFileError(file, mark.line + 1 if mark else 1, reason) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SafetyFileError(file, 1, f"cannot be read: {error}") from error


def read_model(file: Path, model: type[Model]) -> tuple[Model, Any]:
    """The file as `model`, and the parsed document (for the line numbers of later checks).

    Raises SafetyFileError for unreadable YAML, an unknown or missing key, a wrong value.
    """
    document = read_yaml(file)
    if not isinstance(document, CommentedMap):
        raise SafetyFileError(file, 1, "must be a mapping of named parts")
    try:
        return model.parse_obj(document), document
    except ValidationError as error:
        first = error.errors()[0]
        place = tuple(part for part in first["loc"] if part != "__root__")
        where = ".".join(str(part) for part in place)
        raise SafetyFileError(file, line_of(document, place), f"{where}: {first['msg']}") from error
