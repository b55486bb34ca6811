"""Invented medicines, as many as wanted, to see what each more costs. Nothing of it is advice."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.sample import SEED

_STARTS = "bal cor dex fen gam hal jor kel lum mir nov pel quin ros sel tor vel wex yor zan".split()
_MIDDLES = "a ba ce di fo gu la me ni po ra se ti vo xa za bra cle dro fli".split()
_ENDS = "barin cotan dolex fenil garol horin jaril kodan lomet mezin nopal pirol razil".split()

_FILE = """\
medicine: {name}
title: {title}
class: invented medicine
review: {{status: draft, by: "benchmark", on: 2026-11-26, how: "Invented for a benchmark."}}
names: {{brands: [{title} Duo, {brand}], also: []}}
limits:
  single_dose_mg: {{value: 20, sources: [none]}}
  daily_mg: {{value: 80, sources: [none]}}
  usual_strength_mg: {{value: 10, sources: [none]}}
  child_age_years: {{value: 12, sources: [none]}}
stopping_is_dangerous: {{value: false, sources: [none]}}
sources:
  none: {{title: Invented, publisher: us, kind: project, checked: 2026-11-26, via: project}}
answers:
"""
_ANSWER = """\
  - topic: {topic}
    statement: {{text: "This is an invented answer about {name}.", sources: [none]}}
    points:
      - {{text: "It stands here so that a file has the size of a small real one.", sources: [none]}}
      - {{text: "Nobody takes {name}.", sources: [none]}}
"""
_TOPICS = ("uses", "dose", "side_effects", "missed_dose", "interactions", "storage")


def invented_names() -> Iterator[str]:
    """Names that no medicine has, without end, always in the same order."""
    chance = random.Random(SEED)
    seen: set[str] = set()
    while True:
        middle = chance.choice(_MIDDLES) + chance.choice(_MIDDLES)
        name = chance.choice(_STARTS) + middle + chance.choice(_ENDS)
        if name not in seen:
            seen.add(name)
            yield name


def write_data(data: Path, folder: Path, medicines: int) -> list[str]:
    """Copy a data folder and add invented medicines until it has `medicines`; all generic names."""
    shutil.copytree(data, folder, ignore=shutil.ignore_patterns("nlu", "rules"))
    files = folder / "medicines"
    names = [path.stem for path in sorted(files.glob("*.yml"))]
    invented = invented_names()
    while len(names) < medicines:
        name, brand = next(invented), next(invented)
        text = _FILE.format(name=name, title=name.capitalize(), brand=brand.capitalize())
        text += "".join(_ANSWER.format(topic=topic, name=name) for topic in _TOPICS)
        (files / f"{name}.yml").write_text(text, encoding="utf-8")
        names.append(name)
    return names
