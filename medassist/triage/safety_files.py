"""Reading `data/safety`: strict YAML whose every mistake names its file, line and reason."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, Extra, ValidationError

from medassist.medicines.files import line_in, read_document

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


def read_model(file: Path, model: type[Model]) -> Model:
    """The file as `model`.

    Raises SafetyFileError for unreadable YAML, an unknown or missing key, a wrong value.
    """
    document = read_document(file, SafetyFileError)
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
