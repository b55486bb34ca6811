"""The report: one line for each fault, then what was broken."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from faults.account import Account

HEAD = (
    "| fault | messages | answered | first an honest word | lost | doubled | out of order "
    "| emergencies | cards | with a case | told that staff were not reached | alerts | delivered "
    "| again, same key | longest wait, s | well again after, s |"
)


def as_markdown(results: Sequence[Account], left_out: Sequence[str], seconds: float) -> str:
    """All of it, for a person."""
    lines = [
        "# Faults under load",
        "",
        f"{time.strftime('%d %B %Y, %H:%M')}, {os.cpu_count()} processors, load average at the end "
        f"{os.getloadavg()[0]:.1f}; all of it took {seconds / 60:.0f} minutes.",
        "",
        HEAD,
        "|" + " --- |" * (HEAD.count("|") - 1),
    ]
    for r in results:
        lines.append(
            f"| {r.name} | {r.sent} | {r.answered} | {r.by_word} | {r.lost} | {r.doubled} "
            f"| {r.disordered} | {r.emergencies} | {r.cards} | {r.with_case} "
            f"| {r.told_not_reached} | {r.alerts} | {r.delivered} | {r.again} "
            f"| {r.longest:.1f} | {r.well_after:.1f} |"
        )
    lines += ["", "What was done:", ""]
    lines += [f"- **{r.name}**: {r.done}." for r in results]
    broken = [(r.name, line) for r in results for line in r.broken]
    lines += ["", "Broken promises: " + ("none." if not broken else ""), ""]
    lines += [f"- {name}: {line}" for name, line in broken]
    if left_out:
        lines += ["", "Left out here:", "", *(f"- {line}" for line in left_out)]
    return "\n".join(lines).rstrip() + "\n"
