"""Which classifier understands topics best, all learning from the same examples: `make compare`.

Each pipeline is trained by Rasa on the sample of `make bench` with the examples of `rasa init`
(`benchmarks/sample.py`, `benchmarks/starter.py`) and scored on the labelled sets of
`data/evaluation`, and on those of another folder if one is given. A trained pipeline is kept in
the work folder and not trained again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.quiet import silence_logs
from benchmarks.sample import comparison_sample
from benchmarks.starter import write_ours, write_starter
from medassist.evaluation.scores import right_topic
from medassist.evaluation.sets import EvaluationSet, read_sets
from medassist.settings import ROOT, load_settings

_WORDING: list[dict[str, Any]] = [
    {"name": "WhitespaceTokenizer"},
    {"name": "RegexFeaturizer"},
    {"name": "LexicalSyntacticFeaturizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
]
_NGRAMS = [part for part in _WORDING if "Tokenizer" in part["name"] or "Count" in part["name"]]
_ENCODER: list[dict[str, Any]] = [
    {"name": "medassist.nlu.encoder.SentenceEncoder"},
    {"name": "medassist.nlu.encoder.SentenceMeaning"},
]
_DIET: list[dict[str, Any]] = [{"name": "DIETClassifier", "epochs": 100}]
_LINEAR: list[dict[str, Any]] = [{"name": "LogisticRegressionClassifier", "max_iter": 1000}]
_DOUBT: list[dict[str, Any]] = [
    {"name": "FallbackClassifier", "threshold": 0.3, "ambiguity_threshold": 0.1}
]


def _our_pipeline() -> list[dict[str, Any]]:
    """The part of config.yml that decides the topic: up to the fallback."""
    config = YAML(typ="safe").load((ROOT / "config.yml").read_text(encoding="utf-8"))
    names = [part["name"] for part in config["pipeline"]]
    topics: list[dict[str, Any]] = config["pipeline"][: names.index("FallbackClassifier") + 1]
    return topics


def pipelines() -> dict[str, list[dict[str, Any]]]:
    """Every pipeline compared, by the name of its row; the quick ones first."""
    return {
        "n-grams, logistic regression": [*_NGRAMS, *_LINEAR, *_DOUBT],
        "n-grams and encoder, logistic regression": [*_NGRAMS, *_ENCODER, *_LINEAR, *_DOUBT],
        "ours": _our_pipeline(),
        "DIET as `rasa init` configures it": [*_WORDING, *_DIET, *_DOUBT],
        "DIET with the encoder": [*_WORDING, *_ENCODER, *_DIET, *_DOUBT],
    }


@dataclass(frozen=True)
class Row:
    """The scores of one pipeline on one set, as shares from 0 to 1.

    `gold` and `gold_or_also`: the likeliest intent is the labelled one, or one also right.
    `not_ours`: the message ends in `out_of_scope` or in the fallback.
    """

    pipeline: str
    set: str
    items: int
    gold: float | None
    gold_or_also: float | None
    not_ours: float | None


def train(pipeline: Sequence[dict[str, Any]], examples: Path, folder: Path) -> float:
    """Train one pipeline in `folder`; the seconds it took, also those of an earlier run."""
    took = folder / "seconds.txt"
    if took.exists():
        return float(took.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.yml"
    with config.open("w", encoding="utf-8") as file:
        whole = {"recipe": "default.v1", "assistant_id": "compare", "language": "en"}
        YAML(typ="safe").dump({**whole, "pipeline": list(pipeline)}, file)
    command = [
        sys.executable, "-m", "rasa", "train", "nlu", "--config", str(config),
        "--nlu", str(examples), "--out", str(folder), "--fixed-model-name", "model",
    ]  # fmt: skip
    start = time.monotonic()
    with (folder / "training.log").open("wb") as log:
        subprocess.run(command, check=True, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT)
    seconds = time.monotonic() - start
    took.write_text(f"{seconds:.1f}\n")
    return seconds


def score(name: str, model: Path, sets: Sequence[EvaluationSet]) -> list[Row]:
    """The scores of a trained pipeline on the topic and off-topic sets, each message alone."""
    from rasa.core.agent import Agent

    silence_logs()
    agent = Agent.load(str(model))

    async def parse_all(labelled: EvaluationSet) -> list[dict[str, Any]]:
        return [await agent.parse_message(item.turns[-1]) for item in labelled.items]

    rows = []
    for labelled in sets:
        parsed = asyncio.run(parse_all(labelled))
        pairs = list(zip(labelled.items, parsed))
        if labelled.kind == "off-topic":
            away = [d["intent"]["name"] in (None, "nlu_fallback", "out_of_scope") for d in parsed]
            share = sum(away) / len(away)
            rows.append(Row(name, labelled.name, len(pairs), None, None, share))
            continue
        likeliest = [(item, _likeliest(d)) for item, d in pairs]
        gold = sum(item.gold == intent for item, intent in likeliest) / len(pairs)
        also = sum(right_topic(item, intent) for item, intent in likeliest) / len(pairs)
        rows.append(Row(name, labelled.name, len(pairs), gold, also, None))
    return rows


def _likeliest(parsed: dict[str, Any]) -> str | None:
    """The intent ranked first, whatever the fallback says of its confidence."""
    ranked = [r["name"] for r in parsed.get("intent_ranking", []) if r["name"] != "nlu_fallback"]
    return ranked[0] if ranked else None


def score_whole_bot(name: str, model: Path, sets: Sequence[EvaluationSet]) -> list[Row]:
    """The same scores of the bot as it runs: all examples, all parts of its pipeline."""
    from medassist.evaluation.run import evaluate

    rows = []
    for scores in evaluate(model, sets, lambda said: print(said, file=sys.stderr)):
        figures = scores.figures
        rows.append(
            Row(
                name,
                scores.name,
                scores.items,
                figures.get("likeliest_gold"),
                figures.get("likeliest_gold_or_also"),
                figures.get("not_ours"),
            )
        )
    return rows


def main() -> None:
    """Train what is not trained yet, score everything, print and keep the table."""
    from medassist.training import ensure_model

    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--dir", type=Path, help="a folder with more labelled sets")
    arguments.add_argument("--work", type=Path, default=Path("var/compare"))
    arguments.add_argument("--only", help="the start of the one row to train and score")
    chosen = arguments.parse_args()
    settings = load_settings()
    work = chosen.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    examples = work / "bots" / "ours" / "nlu"
    if not examples.exists():
        sample = comparison_sample(settings.data)
        write_starter(work / "bots" / "starter", sample)
        write_ours(work / "bots" / "ours", work / "bots" / "starter", sample)
    folders = [settings.data / "evaluation", *([chosen.dir] if chosen.dir else [])]
    sets = [labelled for labelled in read_sets(folders) if labelled.kind != "triage"]
    seconds: dict[str, float] = {}
    rows: list[Row] = []
    for number, (name, pipeline) in enumerate(pipelines().items()):
        if chosen.only and not name.startswith(chosen.only):
            continue
        folder = work / str(number)
        seconds[name] = train(pipeline, examples, folder)
        rows += score(name, folder / "model.tar.gz", sets)
        _print(rows[-len(sets) :], seconds[name])
    if not chosen.only:
        name = "ours, all parts, all examples"
        rows += score_whole_bot(name, ensure_model(settings), sets)
        _print(rows[-len(sets) :], None)
    reports = ROOT / "reports"
    reports.mkdir(exist_ok=True)
    whole = {
        "sample": len(comparison_sample(settings.data)),
        "seconds": seconds,
        "rows": [asdict(row) for row in rows],
    }
    (reports / "classifiers.json").write_text(json.dumps(whole, indent=1), encoding="utf-8")


def _print(rows: Sequence[Row], seconds: float | None) -> None:
    print(rows[0].pipeline, f"(trained in {seconds:.0f} s)" if seconds is not None else "")
    for row in rows:
        figures = {"gold": row.gold, "gold or also": row.gold_or_also, "not ours": row.not_ours}
        said = ", ".join(f"{k} {100 * v:.1f} %" for k, v in figures.items() if v is not None)
        print(f"  {row.set} ({row.items}): {said}", flush=True)


if __name__ == "__main__":
    main()
