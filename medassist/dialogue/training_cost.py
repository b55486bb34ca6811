"""Makes a training of Rasa cheaper: what it does with every example and never needs, is left out.

Nothing here changes what is learned. `docs/speed.md` has what it spared.
"""

from __future__ import annotations

import copy
import uuid
from types import SimpleNamespace

import rasa.shared.utils.io
from rasa.shared.exceptions import YamlException
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data import training_data
from rasa.shared.nlu.training_data.formats.rasa_yaml import RasaYAMLReader
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData


def spare_work_with_examples() -> None:
    """To be called once, before Rasa reads the examples."""
    digest_no_examples()
    copy_no_examples()
    look_for_lines_of_mistakes_only()


def digest_no_examples() -> None:
    """Spare the digests of all examples after each step.

    Rasa makes them for a cache of steps that we never use (`--force`), and to tell duplicates
    apart. They took half of a training's time.
    """
    TrainingData.fingerprint = lambda self: uuid.uuid4().hex
    Message.__hash__ = lambda self: hash(self.get(TEXT))


def copy_no_examples() -> None:
    """Put sources of examples together without copying each example, four times over."""
    training_data.copy = SimpleNamespace(copy=copy.copy, deepcopy=copy.copy)


def look_for_lines_of_mistakes_only() -> None:
    """Check a file's form with the quick reader; with the one that knows lines if it is wrong."""
    validate = RasaYAMLReader.validate

    def quickly(self: RasaYAMLReader, string: str) -> None:
        read = rasa.shared.utils.io.read_yaml
        rasa.shared.utils.io.read_yaml = lambda content, reader_type="safe": read(content)
        try:
            validate(self, string)
            return
        except YamlException:
            pass
        finally:
            rasa.shared.utils.io.read_yaml = read
        validate(self, string)

    RasaYAMLReader.validate = quickly
