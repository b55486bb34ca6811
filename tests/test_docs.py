"""The documents are true: settings, topics and paths that they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from medassist.settings import ROOT

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "models" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
GENERATED = ("var/", "models/", "reports/", ".venv/")
# A span is a path when it lies below something of ours, or ends like a file we write.
ENDINGS = r"\.(?:py|ya?ml|md|toml|lock|in|jsonl?|html|css|js|png|svg|txt)$"

VARIABLE = re.compile(r"MEDASSIST_[A-Z_]+[A-Z]")


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def without_blocks(markdown: str) -> str:
    return re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE)


def named_paths(markdown: str) -> list[str]:
    """What stands in backticks and is a path, and every relative link."""
    text = without_blocks(markdown)
    links = [link for link in re.findall(r"\]\(([^)#\s]+)\)", text) if "://" not in link]
    spans = [s for s in re.findall(r"`([^`\n]+)`", text) if re.fullmatch(r"[\w.*-][\w./*-]*", s)]
    return links + [s for s in spans if is_path(s)]


def is_path(span: str) -> bool:
    top = span.split("/")[0]
    return bool(re.search(ENDINGS, span)) or ("/" in span and (ROOT / top).exists())


def missing_paths(markdown: str, folder: Path = ROOT) -> list[str]:
    """Paths that exist neither from the repository's root nor from the document's folder."""
    return [
        path
        for path in named_paths(markdown)
        if not path.startswith(GENERATED) and not any(any(at.glob(path)) for at in (ROOT, folder))
    ]


def first_column(markdown: str) -> set[str]:
    """The names in backticks that open the rows of a table."""
    return set(re.findall(r"^\| `(\w+)` \|", markdown, flags=re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    assert missing_paths(document.read_text(encoding="utf-8"), document.parent) == []


@pytest.mark.parametrize(
    ("markdown", "missing"),
    [
        ("see `medassist/gone.py`", ["medassist/gone.py"]),
        ("see `docs/gone`", ["docs/gone"]),
        ("see `gone.yml`", ["gone.yml"]),
        ("![a picture](docs/images/gone.png)", ["docs/images/gone.png"]),
        ("see `medassist/cli.py`, `docs/`, `medassist/*.py`", []),
        ("made at run time: `var/logs/rasa.log`, `reports/gone.md`", []),
        ("no path: `/model/parse`, `yes/no`, `data: 1`, `ask_dose`", []),
    ],
)
def test_a_path_that_is_gone_is_noticed(markdown: str, missing: list[str]) -> None:
    assert missing_paths(markdown) == missing


def test_every_setting_is_documented() -> None:
    parts = sorted((ROOT / "medassist").glob("*settings.py"))
    settings = {name for part in parts for name in VARIABLE.findall(part.read_text("utf-8"))}
    assert settings
    assert settings - first_column(read("docs/settings.md")) == set()


def test_no_setting_is_documented_that_nothing_reads() -> None:
    readers = (
        *(f"medassist/{part.name}" for part in (ROOT / "medassist").glob("*settings.py")),
        "scripts/setup",
        "tests/conftest.py",
    )
    read_somewhere = {name for path in readers for name in VARIABLE.findall(read(path))}
    assert set(VARIABLE.findall(read("docs/settings.md"))) <= read_somewhere


def test_the_topics_are_the_intents_of_the_domain() -> None:
    domain = YAML(typ="safe").load(read("domain.yml"))
    assert first_column(read("docs/topics.md")) == set(domain["intents"])
