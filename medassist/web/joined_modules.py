"""Joins the widget's modules into one script: one request, and small enough for a slow phone.

It knows only the forms of import and export that our modules use, and refuses any other. Comments
on lines of their own and indentation are left out; nothing else is changed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

_IMPORT = re.compile(
    r"^import (?:\{(?P<names>[^}]*)\}|(?P<default>\w+)) "
    r'from "\./(?P<file>[\w.-]+)"(?: with \{ type: "css" \})?;\n',
    re.MULTILINE,
)
_EXPORT = re.compile(
    r"^export (?P<rest>(?:async )?(?:class|const|function\*?) (?P<name>\w+))", re.M
)
_EXPORT_DEFAULT = re.compile(r"^export default ", re.MULTILINE)
_UNKNOWN = re.compile(r"^(?:import\b(?!\()|export\b).*", re.MULTILINE)
_BLOCK_COMMENT = re.compile(r"^[ \t]*/\*.*?\*/[ \t]*$\n?", re.MULTILINE | re.DOTALL)


class JoinError(Exception):
    """A module has an import or export that is not understood; the message names both."""


def join(entry: Path) -> str:
    """One script of `entry` and all it imports; the exports of `entry` are its own.

    Each module becomes a function that runs once, so names of one do not meet those of another.
    Raises JoinError.
    """
    done: dict[str, str] = {}
    _add(entry, done, ())
    return "".join(done.values()) + f"export const {{ define }} = {_variable(entry.name)};\n"


def _add(path: Path, done: dict[str, str], within: tuple[str, ...]) -> None:
    if path.name in done:
        return
    if path.name in within:
        raise JoinError(f"{path.name} imports itself by way of {within[-1]}.")
    text = _without_comments(path.read_text(encoding="utf-8"))
    if path.suffix == ".css":
        done[path.name] = (
            f"const {_variable(path.name)} = {{ default: new CSSStyleSheet() }};\n"
            f"{_variable(path.name)}.default.replaceSync({json.dumps(text)});\n"
        )
        return
    for found in _IMPORT.finditer(text):
        _add(path.parent / found["file"], done, (*within, path.name))
    done[path.name] = _as_function(path.name, text)


def _as_function(name: str, text: str) -> str:
    exported = [found["name"] for found in _EXPORT.finditer(text)]
    body = _IMPORT.sub(_as_constants, text)
    body = _EXPORT.sub(r"\g<rest>", body)
    body, defaults = _EXPORT_DEFAULT.subn("const $default = ", body)
    if defaults:
        exported.append("default: $default")
    unknown = _UNKNOWN.search(body)
    if unknown:
        raise JoinError(f"{name} has a line that cannot be joined: {unknown.group()}")
    return (
        f"const {_variable(name)} = (() => {{\n{body}return {{ {', '.join(exported)} }};\n}})();\n"
    )


def _as_constants(found: re.Match[str]) -> str:
    names = f"default: {found['default']}" if found["default"] else " ".join(found["names"].split())
    return f"const {{ {names} }} = {_variable(found['file'])};\n"


def _variable(name: str) -> str:
    return "$" + re.sub(r"\W", "_", name.removesuffix(".js"))


def _without_comments(text: str) -> str:
    lines = (line.strip() for line in _BLOCK_COMMENT.sub("", text).split("\n"))
    return "\n".join(line for line in lines if line and not line.startswith("//")) + "\n"
