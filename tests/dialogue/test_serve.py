"""Rasa as we start it: lighter and faster, and as careful as it comes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import ValidationError
from rasa.core.actions.action import RemoteAction

from medassist.dialogue.left_out import needs_networks
from medassist.dialogue.turn_cost import check_plain_replies_quickly
from medassist.settings import ROOT

RASAS_OWN = RemoteAction._validate_action_result
SLOT = {"event": "slot", "name": "medicine", "value": "baclofen", "timestamp": None}
GOOD = [
    {"events": [], "responses": []},
    {"events": [SLOT], "responses": [{"text": "hello", "buttons": []}]},
]
BAD = [
    {"events": [{"event": "nonsense"}], "responses": []},
    {"events": [{"name": "no event"}], "responses": []},
    {"events": {}, "responses": []},
    {"events": [], "responses": ["hello"]},
    "not an object",
]


@pytest.fixture
def action(monkeypatch: pytest.MonkeyPatch) -> RemoteAction:
    monkeypatch.setattr(RemoteAction, "_validate_action_result", RASAS_OWN)
    check_plain_replies_quickly()
    return RemoteAction("action_answer", None)


@pytest.mark.parametrize("result", GOOD, ids=str)
def test_what_an_action_may_return_is_accepted(action: RemoteAction, result: object) -> None:
    assert RASAS_OWN(action, result)
    assert action._validate_action_result(result)


@pytest.mark.parametrize("result", BAD, ids=str)
def test_what_rasa_refuses_of_an_action_is_refused(action: RemoteAction, result: object) -> None:
    with pytest.raises(ValidationError):
        RASAS_OWN(action, result)
    with pytest.raises(ValidationError):
        action._validate_action_result(result)


def test_our_configuration_needs_no_neural_network() -> None:
    assert not needs_networks(ROOT / "config.yml")


@pytest.mark.parametrize(
    "text",
    [
        "pipeline: [{name: DIETClassifier}]\npolicies: [{name: RulePolicy}]",
        "pipeline: [{name: FallbackClassifier}]\npolicies: [{name: TEDPolicy}]",
        "pipeline: [{name: rasa.nlu.classifiers.diet_classifier.DIETClassifier}]\n"
        "policies: [{name: RulePolicy}]",
        "pipeline:\npolicies: [{name: RulePolicy}]",
        "language: en",
    ],
)
def test_a_configuration_with_networks_keeps_them(tmp_path: Path, text: str) -> None:
    config = tmp_path / "config.yml"
    config.write_text(f"{text}\n", encoding="utf-8")
    assert needs_networks(config)


def printed_by(program: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    return done.stdout.strip()


def test_rasa_starts_without_tensorflow_when_no_network_is_needed() -> None:
    program = (
        "import sys\n"
        "from medassist.dialogue.left_out import leave_out_networks\n"
        "leave_out_networks()\n"
        "import rasa.__main__, rasa.server, rasa.core.run\n"
        "import rasa.engine.recipes.default_components\n"
        "import rasa.graph_components.validators.default_recipe_validator\n"
        "print('tensorflow' in sys.modules)\n"
    )
    assert printed_by(program) == "False"


def test_rasa_starts_without_the_libraries_of_what_we_do_not_offer() -> None:
    program = (
        "import sys\n"
        "from medassist.dialogue.left_out import leave_out_libraries, leave_out_networks\n"
        "leave_out_libraries(), leave_out_networks()\n"
        "import rasa.__main__, rasa.server, rasa.core.run\n"
        "from rasa.core.tracker_store import TrackerStore\n"
        "names = ('aiogram', 'boto3', 'matplotlib', 'pymongo', 'webexteamssdk')\n"
        "print([name for name in names if getattr(sys.modules[name], '__file__', None)])\n"
    )
    assert printed_by(program) == "[]"
