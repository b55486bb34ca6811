"""The reference: the bot that `rasa init` writes, with our examples and one answer an intent."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks.sample import Example, write_examples
from medassist.settings import ROOT

STARTER_INTENTS = ("mood_great", "mood_unhappy", "bot_challenge")
"""Intents that only the starter bot has; our domain learns them for the comparison of training."""


def write_starter(folder: Path, examples: Sequence[Example]) -> None:
    """Write the project of `rasa init`, then add the examples and one rule and reply an intent.

    Its config.yml is not touched: Rasa fills in its default pipeline and policies. Its stories
    stay, so that TED and UnexpecTED have something to learn.
    """
    from rasa.cli.scaffold import create_initial_project

    create_initial_project(str(folder))
    shutil.rmtree(folder / "tests")
    write_examples(examples, folder / "data" / "sample.yml")
    yaml = YAML(typ="safe")
    domain = yaml.load((folder / "domain.yml").read_text(encoding="utf-8"))
    added = sorted({e.intent for e in examples} - set(domain["intents"]))
    rules = []
    for intent in [*added, "nlu_fallback"]:
        reply = f"utter_{intent}"
        rules.append(
            {"rule": intent, "steps": [{"intent": intent}, {"action": reply}]},
        )
        domain["responses"][reply] = [{"text": f"This is the answer to {intent}."}]
    domain["intents"] += added
    with (folder / "domain.yml").open("w", encoding="utf-8") as file:
        yaml.dump(domain, file)
    with (folder / "data" / "rules-sample.yml").open("w", encoding="utf-8") as file:
        yaml.dump({"version": "3.1", "rules": rules}, file)


def write_ours(folder: Path, starter: Path, examples: Sequence[Example]) -> None:
    """Write our own configuration with the very NLU examples of the starter project."""
    (folder / "nlu").mkdir(parents=True)
    write_examples(examples, folder / "nlu" / "sample.yml")
    shutil.copy(starter / "data" / "nlu.yml", folder / "nlu" / "starter.yml")
    shutil.copytree(ROOT / "data" / "rules", folder / "rules")
    (folder / "domain").mkdir()
    shutil.copy(ROOT / "domain.yml", folder / "domain" / "domain.yml")
    with (folder / "domain" / "starter.yml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump({"version": "3.1", "intents": list(STARTER_INTENTS)}, file)


def train_starter_command(python: str, folder: Path) -> list[str]:
    """The command that trains the starter bot, as its documentation says."""
    return [
        python, "-m", "rasa", "train",
        "--config", str(folder / "config.yml"),
        "--domain", str(folder / "domain.yml"),
        "--data", str(folder / "data"),
        "--out", str(folder / "models"),
        "--fixed-model-name", "starter",
        "--force", "--skip-validation",
    ]  # fmt: skip


def train_ours_command(python: str, folder: Path) -> list[str]:
    """The command with which we train, on the sample."""
    return [
        python, "-m", "medassist.dialogue.serve", "train",
        "--config", str(ROOT / "config.yml"),
        "--domain", str(folder / "domain"),
        "--data", str(folder / "nlu"), str(folder / "rules"),
        "--out", str(folder / "models"),
        "--fixed-model-name", "ours",
        "--force", "--skip-validation",
    ]  # fmt: skip
