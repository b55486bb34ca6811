"""Writes the medicine files back, with what clinicians decided about each answer."""

from __future__ import annotations

from datetime import timezone
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from sqlalchemy.engine import Engine

from medassist.medicines.answers import digest_of, stored_content
from medassist.medicines.files import Medicine
from medassist.medicines.versions import Version, newest_versions


class ExportError(Exception):
    """The files cannot be written; the message is one plain line."""


def export_medicines(
    engine: Engine, medicines: dict[str, Medicine], folder: Path, into: Path
) -> list[Path]:
    """Write every medicine file of `folder` into `into`, with the decisions in it.

    `medicines` are the checked files of `folder`. Nothing else of a file changes, comments
    included. Raises ExportError when the files are not what is in force: then text or
    decisions would be lost.
    """
    loaded: dict[str, dict[str, Version]] = {}
    for version in newest_versions(engine):
        loaded.setdefault(version.medicine, {})[version.answer_id] = version
    for name, medicine in medicines.items():
        there = {a.answer_id: digest_of(stored_content(medicine, a)) for a in medicine.answers}
        here = {answer_id: v.digest for answer_id, v in loaded.get(name, {}).items()}
        if there != here:
            raise ExportError(
                f"The file of {name} is not what is in force. First run: medassist answers load"
            )
    gone = sorted(set(loaded) - set(medicines))
    if gone:
        raise ExportError(
            f"There is no file of {gone[0]} any more. First run: medassist answers load"
        )
    if into.resolve() == folder.resolve():
        raise ExportError("Export into another folder, and compare before you replace the files.")
    into.mkdir(parents=True, exist_ok=True)
    written = []
    for name in medicines:
        file = f"{name.replace(' ', '-')}.yml"
        _write(folder / file, into / file, loaded[name])
        written.append(into / file)
    return written


def _write(source: Path, target: Path, versions: dict[str, Version]) -> None:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True  # type: ignore[assignment]
    yaml.width = 1_000_000  # type: ignore[assignment]
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(source.read_text(encoding="utf-8"))
    for answer in document["answers"]:
        subtopic = answer.get("subtopic")
        name = f"{answer['topic']}.{subtopic}" if subtopic else str(answer["topic"])
        version = versions[name]
        answer.pop("reviewed", None)
        if version.decision is None or version.decided_at is None:
            continue
        at = version.decided_at
        exact = (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
        reviewed = CommentedMap(
            decision=version.decision, by=version.decided_by, at=exact.isoformat()
        )
        if version.reason:
            reviewed["reason"] = version.reason
        # In front: a comment before the next answer hangs on the last key, and stays there.
        answer.insert(
            list(answer).index("subtopic" if subtopic else "topic") + 1, "reviewed", reviewed
        )
    with target.open("w", encoding="utf-8") as out:
        yaml.dump(document, out)
