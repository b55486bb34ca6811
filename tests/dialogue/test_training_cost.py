"""A training is made cheaper, and a mistake in a file of examples is still told with its line."""

from __future__ import annotations

import pytest
from rasa.shared.exceptions import YamlException
from rasa.shared.nlu.training_data import training_data
from rasa.shared.nlu.training_data.formats.rasa_yaml import RasaYAMLReader
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from medassist.dialogue.training_cost import copy_no_examples, look_for_lines_of_mistakes_only

GOOD = 'version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - hello\n    - hi 👋\n'


@pytest.fixture(autouse=True)
def as_rasa_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests change of Rasa is put back after each."""
    monkeypatch.setattr(RasaYAMLReader, "validate", RasaYAMLReader.validate)
    monkeypatch.setattr(training_data, "copy", training_data.copy)


@pytest.mark.parametrize(
    "bad",
    [
        GOOD.replace("- intent: greet", "- intnt: greet"),
        GOOD.replace("examples: |", "examples:\n    a: b\n  more: |"),
        GOOD.replace("nlu:", "nlu: ["),
    ],
)
def test_a_file_with_a_mistake_is_refused_in_the_same_words(bad: str) -> None:
    with pytest.raises(YamlException) as wanted:
        RasaYAMLReader().validate(bad)
    look_for_lines_of_mistakes_only()
    with pytest.raises(YamlException) as found:
        RasaYAMLReader().validate(bad)
    assert str(found.value) == str(wanted.value)


def test_the_examples_are_the_same() -> None:
    wanted = [example.data for example in RasaYAMLReader().reads(GOOD).training_examples]
    look_for_lines_of_mistakes_only()
    found = [example.data for example in RasaYAMLReader().reads(GOOD).training_examples]
    assert found == wanted
    assert len(found) == 2


def test_examples_of_several_files_come_together_and_none_is_copied() -> None:
    copy_no_examples()
    one, two = (TrainingData([Message.build(text, "greet")]) for text in ("hello", "hi"))
    both = one.merge(two)
    assert both.training_examples == [*one.training_examples, *two.training_examples]
    assert both.training_examples[0] is one.training_examples[0]
    assert len(one.training_examples) == 1
