"""Scores of a set: what was labelled beside what was understood. Pure counting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rapidfuzz import fuzz

from medassist.evaluation.sets import EvaluationSet, Item

Described = Mapping[str, Any]
"""What `medassist parse` says of a message."""

_RANK = {"routine": 0, "urgent": 1, "emergency": 2}
_NOT_OURS = {"out_of_scope", "nlu_fallback"}
_SAME_NAME = 80.0
"""Similarity (0 to 100) from which a name found is the labelled one but for a slip."""


@dataclass(frozen=True)
class Wrong:
    """One item that was misunderstood, for the report."""

    id: str
    text: str
    wanted: str
    got: str
    confidence: float = 0.0


@dataclass
class Scores:
    """Figures of one set (shares from 0 to 1), its tables, and its worst errors."""

    name: str
    kind: str
    items: int
    figures: dict[str, float] = field(default_factory=dict)
    tables: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    confidences: list[tuple[float, bool]] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)


def _share(items: Sequence[Any], holds: Callable[[Any], bool]) -> float:
    return sum(map(holds, items)) / len(items) if items else float("nan")


def score(
    labelled: EvaluationSet, described: Sequence[Described], focus: Sequence[str] = ()
) -> Scores:
    """The scores of one set; `described` in the order of its items."""
    pairs = list(zip(labelled.items, described, strict=True))
    scores = Scores(labelled.name, labelled.kind, len(pairs))
    if labelled.kind == "triage":
        _score_triage(scores, pairs)
    elif labelled.kind == "off-topic":
        _score_off_topic(scores, pairs)
    else:
        _score_topics(scores, pairs)
    if labelled.kind != "triage":
        raised = [d for _, d in pairs if d["level"] == "emergency"]
        scores.figures["false_emergencies"] = len(raised) / len(pairs)
    return scores


def _score_triage(scores: Scores, pairs: Sequence[tuple[Item, Described]]) -> None:
    def among(level: str, chosen: Sequence[tuple[Item, Described]]) -> list[str]:
        return [d["level"] for item, d in chosen if item.level == level]

    emergencies, urgent, routine = (
        among(level, pairs) for level in ("emergency", "urgent", "routine")
    )
    caught, some = "emergency", ("emergency", "urgent")
    scores.figures = {
        "emergencies_caught": _share(emergencies, lambda x: x == caught),
        "emergencies_at_least_urgent": _share(emergencies, lambda x: x in some),
        "urgent_at_least_urgent": _share(urgent, lambda x: x in some),
        "false_emergencies": _share(routine, lambda x: x == caught),
        "false_alarms_of_any_level": _share(routine, lambda x: x in some),
        "under_triage": _share(pairs, lambda p: _RANK[p[1]["level"]] < _RANK[p[0].level or ""]),
        "over_triage": _share(pairs, lambda p: _RANK[p[1]["level"]] > _RANK[p[0].level or ""]),
    }
    table: dict[str, dict[str, float]] = {}
    for category in sorted({item.category for item, _ in pairs}):
        own = [p for p in pairs if p[0].category == category]
        table[category] = {
            "items": len(own),
            "emergencies caught": _share(among("emergency", own), lambda x: x == caught),
            "emergencies at least urgent": _share(among("emergency", own), lambda x: x in some),
            "urgent at least urgent": _share(among("urgent", own), lambda x: x in some),
            "false emergencies": _share(among("routine", own), lambda x: x == caught),
            "under-triage": _share(own, lambda p: _RANK[p[1]["level"]] < _RANK[p[0].level or ""]),
            "over-triage": _share(own, lambda p: _RANK[p[1]["level"]] > _RANK[p[0].level or ""]),
        }
    scores.tables["by category"] = table
    for item, d in pairs:
        scores.pairs[(item.level or "", d["level"])] += 1
        if item.level != d["level"]:
            text = " / ".join(item.turns)
            scores.wrong.append(Wrong(item.id, text, item.level or "", d["level"]))
        if d.get("opinion"):
            scores.confidences.append((d["opinion"]["emergency"], item.level == "emergency"))
    scores.wrong.sort(key=lambda w: _RANK[w.got] - _RANK[w.wanted])


def _score_off_topic(scores: Scores, pairs: Sequence[tuple[Item, Described]]) -> None:
    scores.figures = {
        "not_ours": _share(pairs, lambda p: p[1]["intent"] in _NOT_OURS),
        "no_medicine_found": _share(pairs, lambda p: not p[1]["medicines"]),
    }
    for item, d in pairs:
        scores.pairs[("out_of_scope", d["intent"] or "nlu_fallback")] += 1
        if d["intent"] not in _NOT_OURS:
            wrong = Wrong(item.id, item.turns[-1], "out_of_scope", d["intent"], d["confidence"])
            scores.wrong.append(wrong)
    scores.wrong.sort(key=lambda w: -w.confidence)


def right_topic(item: Item, intent: str | None) -> bool:
    """Whether the intent is the labelled one or one that is also right."""
    return intent == item.gold or intent in item.also


def _score_topics(scores: Scores, pairs: Sequence[tuple[Item, Described]]) -> None:
    def likeliest(d: Described) -> str:
        return str(d["ranking"][0]["name"] if d["ranking"] else d["intent"])

    focused = [p for p in pairs if p[0].focus]
    scores.figures = {
        "gold": _share(pairs, lambda p: p[1]["intent"] == p[0].gold),
        "gold_or_also": _share(pairs, lambda p: right_topic(p[0], p[1]["intent"])),
        "likeliest_gold": _share(pairs, lambda p: likeliest(p[1]) == p[0].gold),
        "likeliest_gold_or_also": _share(pairs, lambda p: right_topic(p[0], likeliest(p[1]))),
        "asked_back": _share(pairs, lambda p: p[1]["intent"] == "nlu_fallback"),
        "medicine_found": _share(focused, lambda p: names_match(p[0].focus, p[1]["medicines"])),
    }
    wanted = Counter(item.gold or "" for item, _ in pairs)
    got: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for item, d in pairs:
        intent = d["intent"] or "nlu_fallback"
        # An intent that is also right counts as the labelled one: the person is well served.
        counted = item.gold or "" if right_topic(item, intent) else intent
        got[counted] += 1
        right[counted] += counted == item.gold
        scores.pairs[(item.gold or "", counted)] += 1
        ranked = d["ranking"][0]["confidence"] if d["ranking"] else 0.0
        scores.confidences.append((ranked, right_topic(item, likeliest(d))))
        if counted != item.gold:
            scores.wrong.append(Wrong(item.id, item.turns[-1], item.gold or "", intent, ranked))
    table = {}
    for intent in sorted(wanted):
        precision = right[intent] / got[intent] if got[intent] else 0.0
        recall = right[intent] / wanted[intent]
        both = precision + recall
        table[intent] = {
            "items": wanted[intent],
            "precision": precision,
            "recall": recall,
            "F1": 2 * precision * recall / both if both else 0.0,
        }
    scores.tables["by intent"] = table
    scores.wrong.sort(key=lambda w: -w.confidence)


def names_match(wanted: str | None, found: Sequence[str]) -> bool:
    """Whether a name found is the wanted one, or a part of it, but for a slip of spelling."""
    whole = (wanted or "").lower()
    for name in found:
        if name in whole or whole in name or fuzz.ratio(name, whole) >= _SAME_NAME:
            return True
        words = [w for w in whole.split() if len(w) > 3]
        if any(fuzz.ratio(part, w) >= _SAME_NAME for part in name.split() for w in words):
            return True
    return False


def reliability(
    confidences: Sequence[tuple[float, bool]], bins: int = 10
) -> list[dict[str, float]]:
    """How often right, by confidence: one row a bin that holds anything."""
    rows = []
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = [(c, ok) for c, ok in confidences if low <= c < high or (c == 1.0 == high)]
        if inside:
            rows.append(
                {
                    "from": low,
                    "items": len(inside),
                    "confidence": sum(c for c, _ in inside) / len(inside),
                    "right": _share(inside, lambda x: x[1]),
                }
            )
    return rows


def calibration_error(confidences: Sequence[tuple[float, bool]]) -> float:
    """Expected calibration error: mean gap between confidence and being right, by items."""
    rows = reliability(confidences)
    total = sum(row["items"] for row in rows)
    return sum(row["items"] * abs(row["confidence"] - row["right"]) for row in rows) / total
