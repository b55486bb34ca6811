"""A seeded, stratified sample of the training examples, so that both bots learn from the same."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

SEED = 20261126

TOPIC_EXAMPLES, DANGER_EXAMPLES = 480, 120
"""Size of the sample; each kind of example has at least four, so it gets a little larger."""

LONGEST_LINE: Any = 4096
"""Characters; an example must not be broken over two lines."""


@dataclass(frozen=True)
class Example:
    """One training example. `level` is that of its block, "" where the block has none."""

    intent: str
    text: str
    level: str


def read_examples(folder: Path) -> list[Example]:
    """Every example of the NLU files of a folder, in order of file and line."""
    examples = []
    for path in sorted(folder.glob("*.yml")):
        for block in YAML(typ="safe").load(path.read_text(encoding="utf-8"))["nlu"]:
            level = (block.get("metadata") or {}).get("level", "")
            lines = block["examples"].splitlines()
            texts = (line.strip().removeprefix("-").strip() for line in lines)
            examples += [Example(block["intent"], text, level) for text in texts if text]
    return examples


def stratified(examples: Sequence[Example], size: int, seed: int = SEED) -> list[Example]:
    """About `size` examples; each pair of intent and level keeps its share (at least four)."""
    by_kind: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for example in examples:
        by_kind[example.intent, example.level].append(example)
    chance = random.Random(seed)
    chosen = []
    for kind in sorted(by_kind):
        members = by_kind[kind]
        wanted = max(4, round(size * len(members) / len(examples)))
        chosen += chance.sample(members, min(wanted, len(members)))
    return chosen


def comparison_sample(data: Path) -> list[Example]:
    """What every bot and classifier of the comparisons learns from."""
    examples = read_examples(data / "nlu")
    topics = stratified([e for e in examples if not e.level], TOPIC_EXAMPLES)
    return [*topics, *stratified([e for e in examples if e.level], DANGER_EXAMPLES)]


def write_examples(examples: Iterable[Example], path: Path) -> None:
    """Write examples as one NLU file that Rasa reads."""
    by_kind: dict[tuple[str, str], list[str]] = defaultdict(list)
    for example in examples:
        by_kind[example.intent, example.level].append(example.text)
    blocks: list[dict[str, Any]] = []
    for (intent, level), texts in sorted(by_kind.items()):
        block: dict[str, Any] = {"intent": intent}
        if level:
            block["metadata"] = {"level": level}
        block["examples"] = LiteralScalarString("".join(f"- {text}\n" for text in texts))
        blocks.append(block)
    yaml = YAML()
    yaml.width = LONGEST_LINE
    with path.open("w", encoding="utf-8") as file:
        yaml.dump({"version": "3.1", "nlu": blocks}, file)
