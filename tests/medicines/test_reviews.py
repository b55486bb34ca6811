"""What a clinician decides about an answer counts at once, and as long as the text is the same."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from medassist.medicines.answers import Answers, load_answers
from medassist.medicines.export import ExportError, export_medicines
from medassist.medicines.files import read_medicines
from medassist.medicines.reviews import ReviewError, decide, decisions_about
from medassist.medicines.versions import as_lines, newest_versions, versions_of
from medassist.settings import ROOT
from medassist.storage.database import migrate, open_database
from tests.medicines.test_answers import SUBTOPIC
from tests.medicines.test_files import GOOD

DECIDED = """\
    reviewed: {decision: approved, by: ada, at: "2026-11-26T10:00:00+00:00", reason: ""}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    medicines = tmp_path / "medicines"
    medicines.mkdir()
    (medicines / "examplol.yml").write_text(GOOD + SUBTOPIC, encoding="utf-8")
    return medicines


def load(engine: Engine, folder: Path, text: str = GOOD + SUBTOPIC) -> None:
    (folder / "examplol.yml").write_text(text, encoding="utf-8")
    load_answers(engine, read_medicines(folder))


def newest(engine: Engine, answer_id: str = "dose") -> int:
    return versions_of(engine, "examplol", answer_id)[0].id


def said(engine: Engine, question: str = "", approved_only: bool = False) -> str | None:
    found = Answers(engine, approved_only=approved_only).find("examplol", "dose", question)
    return found.answer.statement.text if found else None


def test_approval_is_shown_with_the_answer_at_once(database: Engine, folder: Path) -> None:
    load(database, folder)
    answers = Answers(database)
    assert answers.find("examplol", "dose").review == "draft"  # type: ignore[union-attr]
    decide(database, newest(database), "approved", "ada")
    assert answers.find("examplol", "dose").review == "clinician-approved"  # type: ignore[union-attr]
    assert answers.get("examplol", "dose.children").review == "draft"  # type: ignore[union-attr]


def test_a_withdrawn_answer_is_not_said_and_no_other_takes_its_place(
    database: Engine, folder: Path
) -> None:
    load(database, folder)
    decide(database, newest(database, "dose.children"), "withdrawn", "ada", "wrong number")
    assert said(database, "how much for my child") is None
    assert said(database) == "Ask your prescriber."
    assert Answers(database).get("examplol", "dose.children") is None
    assert Answers(database).why_withheld("examplol", "dose", "for my child") == "withdrawn"
    assert Answers(database).why_withheld("examplol", "dose") is None
    assert Answers(database).why_withheld("examplol", "pump") is None
    assert Answers(database).medicines() == {"examplol": "Examplol"}


def test_a_withdrawn_answer_can_be_approved_again(database: Engine, folder: Path) -> None:
    load(database, folder)
    decide(database, newest(database), "withdrawn", "ada", "a doubt")
    decide(database, newest(database), "approved", "bea")
    assert said(database) == "Ask your prescriber."
    told = [
        (d.decision, d.account, d.reason) for d in decisions_about(database, "examplol", "dose")
    ]
    assert told == [("approved", "bea", ""), ("withdrawn", "ada", "a doubt")]


def test_where_approval_is_required_nothing_else_is_said(database: Engine, folder: Path) -> None:
    load(database, folder)
    assert said(database, approved_only=True) is None
    assert Answers(database, approved_only=True).in_force() == []
    strict = Answers(database, approved_only=True)
    assert strict.why_withheld("examplol", "dose") == "unapproved"
    decide(database, newest(database), "approved", "ada")
    assert said(database, approved_only=True) == "Ask your prescriber."
    assert said(database, "for my child", approved_only=True) is None
    decide(database, newest(database), "returned", "ada", "too vague")
    assert said(database, approved_only=True) is None
    assert said(database) == "Ask your prescriber."


def test_where_approval_is_required_approved_text_stays_until_the_new_is_approved(
    database: Engine, folder: Path
) -> None:
    load(database, folder)
    decide(database, newest(database), "approved", "ada")
    load(database, folder, (GOOD + SUBTOPIC).replace("your prescriber", "your pharmacist"))
    assert said(database) == "Ask your pharmacist."
    assert said(database, approved_only=True) == "Ask your prescriber."
    decide(database, newest(database), "approved", "ada")
    assert said(database, approved_only=True) == "Ask your pharmacist."
    decide(database, newest(database), "withdrawn", "ada", "wrong")
    assert said(database, approved_only=True) is None


def test_decisions_survive_a_reload_of_the_same_text_only(database: Engine, folder: Path) -> None:
    load(database, folder)
    decide(database, newest(database), "approved", "ada")
    load(database, folder)
    assert Answers(database).find("examplol", "dose").review == "clinician-approved"  # type: ignore[union-attr]
    load(database, folder, (GOOD + SUBTOPIC).replace("your prescriber", "your pharmacist"))
    assert Answers(database).find("examplol", "dose").review == "draft"  # type: ignore[union-attr]


def test_another_spelling_or_a_reread_source_needs_no_new_approval(
    database: Engine, folder: Path
) -> None:
    load(database, folder)
    decide(database, newest(database), "approved", "ada")
    changed = (GOOD + SUBTOPIC).replace("brands: [", "brands: [Exzemplo, ")
    changed = changed.replace("checked: 2026-11-23", "checked: 2026-11-24")
    assert changed.count("Exzemplo") == 1
    assert changed.count("2026-11-24") == 1
    load(database, folder, changed)
    versions = versions_of(database, "examplol", "dose")
    assert [(v.version, v.state, v.decided_by) for v in versions] == [
        (2, "approved", "ada"),
        (1, "approved", "ada"),
    ]


def test_only_the_newest_text_can_be_decided_on_and_a_refusal_needs_a_reason(
    database: Engine, folder: Path
) -> None:
    load(database, folder)
    old = newest(database)
    for decision in ("returned", "withdrawn"):
        with pytest.raises(ReviewError, match="write why"):
            decide(database, old, decision, "ada", "  ")
    with pytest.raises(ReviewError, match="A decision is one of"):
        decide(database, old, "liked", "ada")
    load(database, folder, (GOOD + SUBTOPIC).replace("your prescriber", "your pharmacist"))
    with pytest.raises(ReviewError, match="newer version"):
        decide(database, old, "approved", "ada")


def test_no_medicine_is_never_every_medicine(database: Engine, folder: Path) -> None:
    load(database, folder)
    assert Answers(database).find("", "dose") is None
    assert Answers(database).find("examplol", "") is None


# ── files ───────────────────────────────────────────────────────────────────────────────────


def state(engine: Engine) -> list[tuple[object, ...]]:
    def at(moment: datetime | None) -> datetime | None:
        return moment.replace(tzinfo=timezone.utc) if moment and not moment.tzinfo else moment

    return [
        (
            v.medicine,
            v.answer_id,
            v.digest,
            v.decision,
            v.decided_by,
            at(v.decided_at),
            v.reason or "",
        )
        for v in newest_versions(engine)
    ]


def test_export_and_load_lose_nothing(database: Engine, tmp_path: Path) -> None:
    empty_copy = open_database(f"sqlite:///{tmp_path / 'copy.db'}")
    migrate(empty_copy)
    folder = ROOT / "data" / "medicines"
    medicines = read_medicines(folder)
    load_answers(database, medicines)
    versions = newest_versions(database)
    decide(database, versions[0].id, "approved", "ada")
    decide(database, versions[1].id, "withdrawn", "ada", 'Says: "never"\n# not a comment')
    decide(database, versions[2].id, "returned", "bea", "too hard: é")
    written = export_medicines(database, medicines, folder, tmp_path / "out")
    assert [path.name for path in written] == [f"{name}.yml" for name in medicines]
    exported = read_medicines(tmp_path / "out")
    load_answers(empty_copy, exported)
    assert state(empty_copy) == state(database)

    def plain(text: dict[str, object]) -> object:
        for answer in text["answers"]:  # type: ignore[attr-defined]
            answer.pop("reviewed")
        return text

    for name, medicine in medicines.items():
        assert plain(exported[name].dict()) == plain(medicine.dict())
        comments = [
            c for c in (folder / f"{name}.yml").read_text().splitlines() if c.startswith("#")
        ]
        assert set(comments) <= set((tmp_path / "out" / f"{name}.yml").read_text().splitlines())
    again = export_medicines(empty_copy, exported, tmp_path / "out", tmp_path / "again")
    assert [p.read_bytes() for p in again] == [p.read_bytes() for p in written]
    assert load_answers(database, exported).unchanged == len(versions)
    assert len(decisions_about(database, versions[0].medicine, versions[0].answer_id)) == 1


def test_files_that_are_not_in_force_are_not_exported(
    database: Engine, folder: Path, tmp_path: Path
) -> None:
    load(database, folder)
    text = (GOOD + SUBTOPIC).replace("your prescriber", "your pharmacist")
    (folder / "examplol.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ExportError, match="medassist answers load"):
        export_medicines(database, read_medicines(folder), folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    load(database, folder, text)
    with pytest.raises(ExportError, match="another folder"):
        export_medicines(database, read_medicines(folder), folder, folder)
    (folder / "examplol.yml").unlink()
    with pytest.raises(ExportError, match="no file of examplol"):
        export_medicines(database, read_medicines(folder), folder, tmp_path / "out")


def test_a_decision_that_a_file_brings_counts_where_nobody_has_decided(
    database: Engine, folder: Path
) -> None:
    load(database, folder, GOOD + SUBTOPIC + DECIDED)
    children = versions_of(database, "examplol", "dose.children")[0]
    assert (children.state, children.decided_by) == ("approved", "ada")
    decide(database, children.id, "withdrawn", "bea", "no")
    load(database, folder, GOOD + SUBTOPIC + DECIDED)
    assert versions_of(database, "examplol", "dose.children")[0].state == "withdrawn"


def test_versions_can_be_compared_line_by_line(database: Engine, folder: Path) -> None:
    load(database, folder)
    load(database, folder, (GOOD + SUBTOPIC).replace("your prescriber", "your pharmacist"))
    new, old = versions_of(database, "examplol", "dose")
    assert "Ask your pharmacist. [label]" in as_lines(new)
    assert "Ask your prescriber. [label]" in as_lines(old)
    assert as_lines(new)[-1] == as_lines(old)[-1]
    assert new.grade > 0
