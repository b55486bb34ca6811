"""Charts as inline SVG, made on the server. Each stands beside the table of the same figures."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

_WIDTH, _HEIGHT = 600.0, 120.0
SHADES = 5
"""So many kinds of bars are told apart; the rest share the last shade."""


def columns(values: Sequence[Sequence[int]], label: str) -> Markup:
    """One column for each item, its parts on top of each other; `label` says it in words."""
    highest = max((sum(parts) for parts in values), default=0) or 1
    step = _WIDTH / max(len(values), 1)
    width = max(step * 0.8, step - 4)
    bars = []
    for number, parts in enumerate(values):
        top = _HEIGHT
        for kind, part in enumerate(parts):
            height = _HEIGHT * part / highest
            if height:
                top -= height
                bars.append(
                    Markup('<rect class="shade-{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" '
                           'height="{:.2f}"/>').format(
                        min(kind, SHADES - 1), number * step, top, width, height
                    )
                )  # fmt: skip
    return Markup(
        '<svg class="columns-chart" viewBox="0 0 {:.0f} {:.0f}" preserveAspectRatio="none" '
        'role="img" aria-label="{}">{}</svg>'
    ).format(_WIDTH, _HEIGHT, label, Markup("").join(bars))


def bar(value: float, highest: float) -> Markup:
    """A bar in a table's cell, beside its number."""
    share = 100 * value / highest if highest else 0
    return Markup(
        '<svg class="bar-drawn" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="shade-0" width="{:.1f}" height="10"/></svg>'
    ).format(share)
