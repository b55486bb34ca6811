"""What the bot says in these tests: its real fixed words, and an answer as actions make one."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML

from medassist.regions import read_regions
from medassist.settings import ROOT

RESPONSES = YAML(typ="safe").load((ROOT / "domain.yml").read_text(encoding="utf-8"))["responses"]
NUMBERS = read_regions(ROOT / "data")["US"].placeholders()

SOURCES = [
    {
        "title": "Baclofen: MedlinePlus Drug Information",
        "publisher": "US National Library of Medicine",
        "url": "https://medlineplus.gov/druginfo/meds/a682530.html",
        "checked": "2026-11-21",
    },
    {
        "title": "Baclofen",
        "publisher": "NHS",
        "url": "https://www.nhs.uk/medicines/baclofen_tablets/?a=1&b=2",
        "checked": "2026-11-21",
    },
]
HELP = "When to get help: call 911 for a seizure, a high fever or seeing things."


def fixed(name: str, channel: str | None = None) -> dict[str, Any]:
    """A response of domain.yml for a channel, as Rasa hands it to the connector."""
    said = next(
        (r for r in RESPONSES[name] if r.get("channel") == channel),
        next(r for r in RESPONSES[name] if "channel" not in r),
    )
    custom = {
        k: v.format(**NUMBERS) if isinstance(v, str) else v
        for k, v in (said.get("custom") or {}).items()
    }
    return {
        "text": said["text"].format(**NUMBERS),
        "buttons": said.get("buttons") or [],
        "custom": custom,
    }


def answer(points: int = 3, words: str = "Take it with food or milk at the same time") -> dict:
    lines = ["Take baclofen as your label says <and> no more than *that* & not less."]
    lines += [f"• {words}, point {n}." for n in range(1, points + 1)]
    lines += [
        HELP,
        "Sources (checked 21 Nov 2026): NHS; US National Library of Medicine. Review: checked "
        "against its sources; not approved by a clinician.",
    ]
    questions = ["How do I stop baclofen safely?", "Can I drink alcohol with baclofen?"]
    return {
        "text": "\n".join(lines),
        "buttons": [{"title": q, "payload": q} for q in questions],
        "custom": {"topic": "dose", "medicine": "baclofen", "sources": SOURCES, "level": "routine"},
    }


def staff_reply(text: str, id: str, name: str = "Kim") -> list[dict[str, Any]]:
    """What the console appends when somebody of the staff writes."""
    staff = {"name": name, "id": id}
    return [{"event": "bot", "text": text, "data": {"custom": {"staff": staff}}}]


def handover(began: bool) -> list[dict[str, Any]]:
    return [{"event": "slot", "name": "handover", "value": began}]
