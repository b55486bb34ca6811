"""The answers in the console: what a clinician decides there is what the bot says from then on."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.engine import Engine

from medassist.medicines.answers import Answers, load_answers
from medassist.medicines.files import read_medicines
from medassist.medicines.versions import newest_versions, versions_of
from medassist.settings import Settings
from medassist.staff import audit
from medassist.web.console.differences import side_by_side
from tests.web.console.staff import StaffMember

MemberOf = Callable[[str], StaffMember]
DOSE = "/staff/answers/baclofen/dose"


def said(engine: Engine) -> str | None:
    found = Answers(engine).find("baclofen", "dose")
    return found.review if found else None


def newest(engine: Engine) -> int:
    return versions_of(engine, "baclofen", "dose")[0].id


def load_changed(engine: Engine, settings: Settings, folder: Path, old: str, new: str) -> None:
    folder.mkdir(exist_ok=True)
    text = (settings.data / "medicines" / "baclofen.yml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (folder / "baclofen.yml").write_text(text.replace(old, new), encoding="utf-8")
    load_answers(engine, read_medicines(folder))


def test_a_clinician_approves_returns_and_withdraws_and_it_counts_at_once(
    signed_in: MemberOf, engine: Engine
) -> None:
    ada = signed_in("clinician")
    assert said(engine) == "source-checked"
    version = str(newest(engine))
    assert ada.post(DOSE, version=version, decision="approved").status_code == 303
    assert said(engine) == "clinician-approved"
    assert ada.post(DOSE, version=version, decision="returned", reason="Vague").status_code == 303
    assert said(engine) == "source-checked"
    assert ada.post(DOSE, version=version, decision="withdrawn", reason="Wrong").status_code == 303
    assert said(engine) is None
    page = ada.get(DOSE).text
    assert "The bot does not say this answer: it was withdrawn" in page
    assert "<q>Vague</q>" in page
    done = [e for e in audit.entries(engine) if e.action == "decide_answer"]
    assert [e.object for e in done] == [
        "answer baclofen dose version 1: withdrawn",
        "answer baclofen dose version 1: returned",
        "answer baclofen dose version 1: approved",
    ]


def test_nobody_but_a_clinician_decides(signed_in: MemberOf, engine: Engine) -> None:
    for role in ("viewer", "triage", "admin"):
        member = signed_in(role)
        assert 'value="approved"' not in member.get(DOSE).text
        forced = member.post(DOSE, version=str(newest(engine)), decision="approved")
        assert forced.status_code == 403
    assert said(engine) == "source-checked"


def test_a_refusal_without_a_reason_is_not_taken(signed_in: MemberOf, engine: Engine) -> None:
    response = signed_in("clinician").post(DOSE, version=str(newest(engine)), decision="withdrawn")
    assert response.status_code == 409
    assert "Please write why" in response.text
    assert said(engine) == "source-checked"


def test_one_cannot_approve_a_text_that_one_has_not_seen(
    signed_in: MemberOf, engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    ada = signed_in("clinician")
    version = str(newest(engine))
    old = versions_of(engine, "baclofen", "dose")[0].answer.statement.text
    load_changed(engine, settings, tmp_path / "new", old, "Take any amount.")
    response = ada.post(DOSE, version=version, decision="approved")
    assert response.status_code == 409
    assert "newer version" in response.text
    other = newest_versions(engine)[0]
    assert other.answer_id != "dose"
    assert ada.post(DOSE, version=str(other.id), decision="approved").status_code == 404


def test_versions_stand_side_by_side_with_the_changed_words_marked(
    signed_in: MemberOf, engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    old = versions_of(engine, "baclofen", "dose")[0].answer.statement.text
    load_changed(engine, settings, tmp_path / "two", old, old.replace("prescriber", "doctor"))
    page = signed_in("viewer").get(DOSE).text
    assert "Version 1 beside version 2" in page
    assert "<del>prescriber</del>" in page
    assert "<ins>doctor</ins>" in page
    load_changed(engine, settings, tmp_path / "three", old, old.replace("prescriber", "nurse"))
    member = signed_in("viewer")
    assert "<del>doctor</del>" in member.get(DOSE).text
    assert "<del>prescriber</del>" in member.get(f"{DOSE}?with=1").text


def test_the_list_tells_review_grade_and_sources_and_can_be_searched(
    signed_in: MemberOf, engine: Engine
) -> None:
    ada = signed_in("clinician")
    ada.post(DOSE, version=str(newest(engine)), decision="approved")
    everything = ada.get("/staff/answers").text
    assert everything.count('data-column="Reading grade"') == len(newest_versions(engine))
    approved = ada.get("/staff/answers?state=approved").text
    assert re.findall(r'href="/staff/answers/(baclofen/\w+)"', approved) == ["baclofen/dose"]
    assert "No answer fits" in ada.get("/staff/answers?words=zzzz").text
    assert ada.get("/staff/answers/baclofen/nothing").status_code == 404


def test_lines_that_belong_together_stand_in_one_row() -> None:
    pairs = side_by_side(["same", "old words here", "gone"], ["same", "new words here"])
    rows = [
        ("".join(p.text for p in pair.left), "".join(p.text for p in pair.right), pair.changed)
        for pair in pairs
    ]
    assert rows == [
        ("same", "same", False),
        ("old words here", "new words here", True),
        ("gone", "", True),
    ]
    assert [p.text for p in pairs[1].left if p.changed] == ["old"]
