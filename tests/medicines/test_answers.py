"""Answers are loaded as versions; what is in force is what the last good load said."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.engine import Engine

from medassist.medicines.answers import Answers, LoadReport, load_answers
from medassist.medicines.files import MedicineFileError, read_medicines
from medassist.storage.tables import answer_versions, content_gaps
from tests.medicines.test_files import GOOD

SUBTOPIC = """\
  - topic: dose
    subtopic: children
    asks: [for my child, kids]
    statement: {text: "Children need another dose.", sources: [label]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    medicines = tmp_path / "medicines"
    medicines.mkdir()
    (medicines / "examplol.yml").write_text(GOOD + SUBTOPIC, encoding="utf-8")
    return medicines


def test_a_first_load_puts_every_answer_in_force(database: Engine, folder: Path) -> None:
    assert load_answers(database, read_medicines(folder)) == LoadReport(2, 0, 0, 0)
    answer = Answers(database).find("examplol", "dose")
    assert answer is not None
    assert answer.version == 1
    assert answer.review == "draft"
    assert answer.sources["label"].publisher == "Nobody"
    assert Answers(database).medicines() == {"examplol": "Examplol"}
    assert Answers(database).title_of("examplol") == "Examplol"
    assert Answers(database).title_of("nonesuch") is None


def test_loading_the_same_again_changes_nothing(database: Engine, folder: Path) -> None:
    load_answers(database, read_medicines(folder))
    assert load_answers(database, read_medicines(folder)) == LoadReport(0, 0, 0, 2)


def test_a_changed_answer_becomes_a_new_version_and_the_old_one_stays(
    database: Engine, folder: Path
) -> None:
    load_answers(database, read_medicines(folder))
    changed = (GOOD + SUBTOPIC).replace("Ask your prescriber.", "Ask your pharmacist.")
    (folder / "examplol.yml").write_text(changed, encoding="utf-8")
    assert load_answers(database, read_medicines(folder)) == LoadReport(0, 1, 0, 1)
    answer = Answers(database).find("examplol", "dose")
    assert answer is not None
    assert (answer.version, answer.answer.statement.text) == (2, "Ask your pharmacist.")
    with database.connect() as connection:
        versions = connection.execute(
            select(answer_versions.c.version, answer_versions.c.in_force).where(
                answer_versions.c.answer_id == "dose"
            )
        ).all()
    assert sorted(versions) == [(1, False), (2, True)]


def test_a_bad_file_leaves_what_was_loaded_in_force(database: Engine, folder: Path) -> None:
    load_answers(database, read_medicines(folder))
    (folder / "examplol.yml").write_text(GOOD.replace("topic: dose", "topic: doze"))
    with pytest.raises(MedicineFileError):
        load_answers(database, read_medicines(folder))
    assert Answers(database).find("examplol", "dose") is not None


def test_an_answer_that_left_the_file_is_withdrawn(database: Engine, folder: Path) -> None:
    load_answers(database, read_medicines(folder))
    (folder / "examplol.yml").write_text(GOOD, encoding="utf-8")
    assert load_answers(database, read_medicines(folder)) == LoadReport(0, 0, 1, 1)
    assert Answers(database).get("examplol", "dose.children") is None


@pytest.mark.parametrize(
    ("question", "answer_id"),
    [
        ("how much examplol?", "dose"),
        ("how much for my child?", "dose.children"),
        ("how much for my CHILD'S friend", "dose.children"),
        ("how much for my childish friend", "dose"),
        ("is it ok with bad kidneys", "dose"),
        ("how much Exampla for my child", "dose.children"),
        ("how much for my examplol child", "dose.children"),
        ("how much for my otherol child", "dose"),
    ],
)
def test_the_words_of_the_question_select_the_subtopic(
    database: Engine, folder: Path, question: str, answer_id: str
) -> None:
    load_answers(database, read_medicines(folder))
    answer = Answers(database).find("examplol", "dose", question)
    assert answer is not None
    assert answer.answer_id == answer_id


def test_another_medicine_or_topic_never_gets_an_answer(database: Engine, folder: Path) -> None:
    load_answers(database, read_medicines(folder))
    assert Answers(database).find("otherol", "dose") is None
    assert Answers(database).find("examplol", "pump") is None


def test_a_gap_keeps_the_question(database: Engine) -> None:
    Answers(database).record_gap("web-1", "ibuprofen", "dose", "how much ibuprofen?")
    with database.connect() as connection:
        row = connection.execute(select(content_gaps)).one()
    assert (row.medicine, row.topic, row.question) == ("ibuprofen", "dose", "how much ibuprofen?")
