"""The widget's modules become one script, and what cannot be joined is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from medassist.web.joined_modules import JoinError, join
from medassist.web.widget import ENTRY


def written(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        (directory / f"{name}.js").write_text(text, encoding="utf-8")
    return directory / "entry.js"


def test_every_module_of_the_widget_is_in_the_script_once() -> None:
    script = join(ENTRY)
    for path in ENTRY.parent.iterdir():
        name = "$" + path.name.removesuffix(".js").translate(str.maketrans("-.", "__"))
        assert script.count(f"const {name} = ") == 1, path.name


def test_the_script_imports_and_exports_nothing_more_than_it_says() -> None:
    lines = join(ENTRY).splitlines()
    assert [line for line in lines if line.startswith("import ")] == []
    assert [line for line in lines if line.startswith("export ")] == [
        "export const { define } = $element;"
    ]


def test_comments_and_indentation_are_left_out() -> None:
    lines = join(ENTRY).splitlines()
    assert not [line for line in lines if line.startswith((" ", "//", "/*"))]


def test_what_is_imported_comes_first_and_once(tmp_path: Path) -> None:
    entry = written(
        tmp_path,
        entry='import { b } from "./b.js";\nimport { c } from "./c.js";\nexport const define = b + c;\n',
        b='import { c } from "./c.js";\nexport const b = c;\n',
        c="export const c = 1;\n",
    )
    script = join(entry)
    assert script.index("$c = ") < script.index("$b = ") < script.index("$entry = ")
    assert script.count("$c = (") == 1


@pytest.mark.parametrize(
    "line",
    [
        'import * as all from "./b.js";',
        'import "./b.js";',
        'import { b } from "https://elsewhere.example/b.js";',
        'export * from "./b.js";',
        "export { b };",
        "export let b = 1;",
    ],
)
def test_a_form_that_is_not_known_is_refused_with_its_module(tmp_path: Path, line: str) -> None:
    entry = written(tmp_path, entry=f"{line}\n", b="export const b = 1;\n")
    with pytest.raises(JoinError, match=r"entry\.js has a line that cannot be joined"):
        join(entry)


def test_modules_that_import_each_other_are_refused(tmp_path: Path) -> None:
    entry = written(
        tmp_path,
        entry='import { b } from "./b.js";\nexport const define = b;\n',
        b='import { define } from "./entry.js";\nexport const b = define;\n',
    )
    with pytest.raises(JoinError, match=r"entry\.js imports itself by way of b\.js"):
        join(entry)
