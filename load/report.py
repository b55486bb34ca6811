"""What came out: a table to read and a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from load.climb import SLOWEST, held

Steps = Sequence[Mapping[str, Any]]


def most_held(steps: Steps) -> Mapping[str, Any] | None:
    """The step with the most people that were served well."""
    return max(filter(held, steps), key=lambda step: step["people"], default=None)


def table(bots: Mapping[str, Steps]) -> str:
    """One line a bot, as Markdown."""
    lines = [
        "| bot | conversations held | messages a second | median | 95th percentile | with more |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, steps in bots.items():
        best = most_held(steps)
        if best is None:
            lines.append(f"| {name} | none | | | | |")
            continue
        worse = [s for s in steps if s["people"] > best["people"] and not held(s)]
        beyond = min(worse, key=lambda step: step["people"], default=None)
        lines.append(
            f"| {name} | {best['people']} | {best['messages_a_second']:.1f} "
            f"| {best['p50_s']:.2f} s | {best['p95_s']:.2f} s | {_of(beyond)} |"
        )
    return "\n".join(lines)


def costs(bots: Mapping[str, Steps]) -> str:
    """Processor time a message, in the step with the most conversations held."""
    best = {name: step for name, steps in bots.items() if (step := most_held(steps))}
    parts = list(dict.fromkeys(part for step in best.values() for part in step["ms_a_message"]))
    lines = [
        f"| ms of processor time a message | {' | '.join(best)} |",
        "| --- |" + " --- |" * len(best),
    ]
    for part in parts:
        figures = (step["ms_a_message"].get(part) for step in best.values())
        lines.append(f"| {part} | {' | '.join('–' if f is None else str(f) for f in figures)} |")
    for what in ("locust", "others"):
        busy = (step["processors_busy"][what] for step in best.values())
        lines.append(f"| {what}, processors busy | {' | '.join(map(str, busy))} |")
    return "\n".join(lines)


def plot(bots: Mapping[str, Steps], file: Path) -> None:
    """Waits over the number of people."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    for name, steps in bots.items():
        seen = sorted((s for s in steps if s["p95_s"]), key=lambda step: step["people"])
        axes.plot([s["people"] for s in seen], [s["p95_s"] for s in seen], "o-", label=name)
    axes.axhline(SLOWEST, color="grey", linestyle="--", linewidth=1)
    axes.set_yscale("log")
    axes.set_xlabel("conversations at once")
    axes.set_ylabel("seconds to the first reply, 95th percentile")
    axes.legend()
    figure.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def _of(step: Mapping[str, Any] | None) -> str:
    if step is None:
        return "not tried"
    return f"{step['people']}: {step['p95_s']:.2f} s"
