"""A bad safety file is refused with file, line and reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from medassist.triage.assess import SafetyFileError, Triage
from tests.triage.conftest import SAFETY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "safety"
    shutil.copytree(SAFETY, copy)
    return copy


def spoil(file: Path, old: str, new: str) -> int:
    """Replace `old` by `new` once; the 1-based line where it stands."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        ("signs-other.yml", "  name: Swelling\n", "  nam: Swelling\n", "name"),
        ("signs-other.yml", "  level: urgent\n", "  level: soon\n", "level"),
        ("signs-other.yml", "  sources: [oz-lab, nhs-anaphylaxis, seed-b]", "  sources: [no-such]", "no-such"),
        ("signs-breathing-heart.yml", "  - (forgets|forgetting|forgot) to breathe", "  - (forgets|forgot to breathe", "closing"),
        ("signs-breathing-heart.yml", "  - (forgets|forgetting|forgot) to breathe", "  - <no_such_group> to breathe", "no_such_group"),
        ("signs-breathing-heart.yml", "  - (forgets|forgetting|forgot) to breathe", "  - '[perhaps]'", "empty"),
        ("combinations.yml", "  - [rigid]\n", "  - [rigged]\n", "rigged"),
        ("context.yml", "  covers: message\n", "  covers: planet\n", "covers"),
        ("amounts.yml", "many_at_once: 10", "many_at_once: -1", "many_at_once"),
        ("vocabulary.yml", "groups:\n", "grups:\n", ""),
    ],
)  # fmt: skip
def test_a_mistake_names_its_file_and_line(
    folder: Path, name: str, old: str, new: str, reason: str
) -> None:
    line = spoil(folder / name, old, new)
    with pytest.raises(SafetyFileError) as error:
        Triage.load(folder)
    assert error.value.file.name == name
    assert reason in error.value.reason
    assert abs(error.value.line - line) <= 12 or name == "vocabulary.yml"


def test_an_unknown_key_is_an_error(folder: Path) -> None:
    file = folder / "sources.yml"
    file.write_text(file.read_text(encoding="utf-8") + "surprise: true\n", encoding="utf-8")
    with pytest.raises(SafetyFileError, match="surprise"):
        Triage.load(folder)


def test_broken_yaml_is_an_error_with_its_line(folder: Path) -> None:
    (folder / "signs-more.yml").write_text("about: x\nsigns: [\n", encoding="utf-8")
    with pytest.raises(SafetyFileError) as error:
        Triage.load(folder)
    assert error.value.line >= 2


def test_a_missing_file_is_an_error(folder: Path) -> None:
    (folder / "combinations.yml").unlink()
    with pytest.raises(SafetyFileError, match="cannot be read"):
        Triage.load(folder)


def test_every_region_has_its_four_lines_with_a_source() -> None:
    from ruamel.yaml import YAML

    regions = YAML(typ="safe").load((SAFETY / "regions.yml").read_text(encoding="utf-8"))
    assert set(regions) == {"US", "UK", "IE", "EU", "CA", "AU", "NZ"}
    for region in regions.values():
        for line in ("emergency", "poison", "crisis", "advice"):
            assert region[line]["source"].startswith("http")
            assert region[line]["checked"]
        assert region["emergency"]["number"]
        assert region["crisis"]["number"]
