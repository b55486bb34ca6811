"""Writes what was measured: `reports/summary.json` for programs, `reports/index.html` to read."""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from medassist.evaluation.floors import Missed
from medassist.evaluation.scores import Scores, calibration_error, reliability

matplotlib.use("Agg")
from matplotlib import pyplot

_WORST = 40
"""Errors shown of each set."""
_INK, _GOOD = "#1f2933", "#0b6e6e"


def _svg(figure: Any) -> Markup:
    """A figure as SVG to stand in a page; it shrinks to the page's width."""
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)
    drawing = out.getvalue()
    return Markup(drawing[drawing.index("<svg") :])


def confusion_picture(pairs: Counter[tuple[str, str]]) -> Markup:
    """What was labelled (rows) beside what was understood (columns), in counts."""
    rows = sorted({wanted for wanted, _ in pairs})
    columns = sorted({got for _, got in pairs})
    size = (max(4.0, 0.36 * len(columns) + 2), max(2.2, 0.3 * len(rows) + 1.4))
    figure, axes = pyplot.subplots(figsize=size)
    shares = [
        [pairs[(row, c)] / sum(pairs[(row, x)] for x in columns) for c in columns] for row in rows
    ]
    axes.imshow(shares, cmap="Greens", vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            if pairs[(row, column)]:
                colour = "white" if shares[y][x] > 0.6 else _INK
                count = str(pairs[(row, column)])
                axes.text(x, y, count, ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=7)
    axes.set_yticks(range(len(rows)), rows, fontsize=7)
    axes.set_xlabel("understood as", fontsize=8)
    axes.set_ylabel("labelled", fontsize=8)
    return _svg(figure)


def confidence_picture(confidences: Sequence[tuple[float, bool]]) -> Markup:
    """How confident it was (left) and how often right at each confidence (right)."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8, 2.8))
    sure = [[c for c, ok in confidences if ok], [c for c, ok in confidences if not ok]]
    left.hist(sure, bins=10, range=(0, 1), stacked=True, color=[_GOOD, "#c2410c"])
    left.legend(["true", "not"], fontsize=8, frameon=False)
    left.set_title("messages by confidence", fontsize=9)
    rows = reliability(confidences)
    right.plot([0, 1], [0, 1], linestyle=":", color="#888888")
    right.plot([r["confidence"] for r in rows], [r["right"] for r in rows], "o-", color=_GOOD)
    right.set_title("share that is true, by confidence", fontsize=9)
    for axes in (left, right):
        axes.tick_params(labelsize=8)
    return _svg(figure)


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.1f} %"


def summary(scores: Sequence[Scores]) -> dict[str, Any]:
    """Every figure of every set, for programs; a figure with nothing to count is left out."""
    return {
        s.name: {
            "kind": s.kind,
            "items": s.items,
            **{name: round(v, 4) for name, v in s.figures.items() if not math.isnan(v)},
            **(
                {"calibration_error": round(calibration_error(s.confidences), 4)}
                if s.confidences
                else {}
            ),
            "tables": {
                title: {
                    row: {k: round(v, 4) for k, v in cells.items() if not math.isnan(v)}
                    for row, cells in table.items()
                }
                for title, table in s.tables.items()
            },
        }
        for s in scores
    }


def write_report(scores: Sequence[Scores], missed: Sequence[Missed], folder: Path) -> None:
    """Write both files into `folder`, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = {"sets": summary(scores), "floors_missed": [m._asdict() for m in missed]}
    (folder / "summary.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("medassist.evaluation", "."), autoescape=True, trim_blocks=True
    )
    environment.filters["percent"] = _percent
    page = environment.get_template("report.html").render(
        scores=[
            {
                "of": s,
                "confusion": confusion_picture(s.pairs),
                "confidence": confidence_picture(s.confidences) if s.confidences else None,
                "calibration": calibration_error(s.confidences) if s.confidences else None,
                "worst": s.wrong[:_WORST],
            }
            for s in scores
        ],
        missed=missed,
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
