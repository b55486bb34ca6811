"""`docs/danger-signs.md`: every danger sign for a clinician to read, made from `data/safety`.

python -m medassist.triage.page > docs/danger-signs.md
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medassist.settings import load_settings

from .clinical_data import Sign, Source
from .findings import Level
from .lexicon import Lexicon, load_lexicon

HEAD = """# Danger signs

Made from `data/safety` by `make docs`; change it there. **No clinician has approved it yet.**

A sign counts when one of its phrases stands in a message and nothing sets it aside: a denial, a
plain question, an "if", the far past, the family, an essay (`data/safety/context.yml`). The words
are written in the phrase language explained at the head of `medassist/triage/phrases.py`:
`(a|b)` either, `[a]` may be missing, `~2` up to two words between, `<group>` a word group of
`data/safety/vocabulary.yml`. Usual misspellings are repaired before. Beside these rules a second
reader, trained on labelled messages, reads every message (`medassist/triage/opinion.py`).
"""

TITLES = {
    Level.EMERGENCY: "Emergency: call at once",
    Level.URGENT: "Urgent: somebody must look at it today",
    Level.ROUTINE: "Symptoms and states that count only together with others",
}


def _sources(keys: list[str], sources: dict[str, Source]) -> str:
    said = []
    for key in keys:
        source = sources[key]
        title = f"[{source.title}]({source.url})" if source.url else source.title
        said.append(f"{title} ({source.via}, {source.checked.isoformat()})")
    return "; ".join(said)


def _phrases(title: str, phrases: list[str]) -> Iterator[str]:
    if phrases:
        yield f"<details><summary>{title} ({len(phrases)})</summary>\n"
        yield from (f"- `{phrase}`" for phrase in phrases)
        yield "\n</details>\n"


def _sign(sign: Sign, sources: dict[str, Source]) -> Iterator[str]:
    yield f"### {sign.name}\n"
    yield f"`{sign.sign}`. {sign.why}\n"
    yield f"Sources: {_sources(sign.sources, sources)}\n"
    if sign.examples.yes:
        yield "Counts: " + "; ".join(f'"{words}"' for words in sign.examples.yes) + "\n"
    if sign.examples.no:
        yield "Does not: " + "; ".join(f'"{words}"' for words in sign.examples.no) + "\n"
    yield from _phrases("Words that say it happens", sign.happening)
    yield from _phrases("Words that only name it", sign.mentions)
    yield from _phrases("Look-alikes that do not count", sign.unlike)


def _lines(lexicon: Lexicon) -> Iterator[str]:
    yield HEAD
    for level, title in TITLES.items():
        yield f"## {title}\n"
        for sign in sorted(lexicon.signs, key=lambda s: s.name):
            if sign.level is level:
                yield from _sign(sign, lexicon.sources)
    yield "## Signs that together mean more\n"
    for combination in lexicon.combinations:
        parts = " and ".join(" or ".join(any_of) for any_of in combination.all_of)
        yield f"- **{combination.level.value}**, `{combination.rule}`: {combination.says}"
        yield f"  Needs: {parts}. Sources: {_sources(combination.sources, lexicon.sources)}"
    amounts = lexicon.amounts
    yield "\n## Amounts\n"
    yield f"{amounts.about}\n"
    yield f"Sources: {_sources(amounts.sources, lexicon.sources)}"


def danger_signs_page(folder: Path) -> str:
    """The page as Markdown, of the safety files in `folder` (SafetyFileError for a bad one)."""
    return "\n".join(_lines(load_lexicon(folder))) + "\n"


if __name__ == "__main__":
    print(danger_signs_page(load_settings().data / "safety"), end="")
