"""`medassist eval`: the trained model over every labelled set."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from medassist.evaluation.scores import Scores, score
from medassist.evaluation.sets import EvaluationSet
from medassist.parsing import Parser


def evaluate(
    model: Path, sets: Sequence[EvaluationSet], progress: Callable[[str], None]
) -> list[Scores]:
    """The scores of each set; `progress` is told which one is being read."""
    parser = Parser(model)

    async def read_all() -> list[Scores]:
        scores = []
        for labelled in sets:
            progress(f"{labelled.name}: {len(labelled.items)} items")
            described = [
                await parser.parse({"id": item.id, "turns": item.turns, "medicine": item.about})
                for item in labelled.items
            ]
            scores.append(score(labelled, described))
        return scores

    return asyncio.run(read_all())
