"""What patients ask: figures that can be read and saved, and messages labelled in one click."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Engine

from medassist.settings import Settings
from medassist.staff import audit
from medassist.storage.database import open_database
from medassist.storage.tables import content_gaps, labels
from tests.staff.conversations import make_events, write
from tests.web.console.staff import StaffMember

MemberOf = Callable[[str], StaffMember]


@pytest.fixture
def conversations(settings: Settings) -> Iterator[Engine]:
    engine = open_database(settings.tracker_database_url)
    make_events(engine)
    yield engine
    engine.dispose()


def an_hour_ago() -> datetime:
    return datetime.now(timezone.utc) - timedelta(hours=1)


def test_before_anybody_wrote_the_page_says_so(signed_in: MemberOf) -> None:
    page = signed_in("viewer").get("/staff/asked")
    assert page.status_code == 200
    assert "Nobody wrote in this period" in page.text


def test_the_page_shows_charts_that_can_be_read_as_tables(
    signed_in: MemberOf, conversations: Engine, engine: Engine
) -> None:
    for _ in range(3):
        write(conversations, an_hour_ago())
    write(conversations, an_hour_ago(), intent="nlu_fallback", channel="sms", conversation="b")
    with engine.begin() as connection:
        connection.execute(
            insert(content_gaps).values(
                conversation="w", medicine="ibuprofen", topic="dose", question="the words"
            )
        )
    page = signed_in("viewer").get("/staff/asked").text
    assert '<svg class="columns-chart"' in page
    assert 'role="img" aria-label="Messages by day.' in page
    assert re.search(r"<dt>Messages</dt><dd>4</dd>", page)
    assert re.search(r"<dt>Conversations</dt><dd>2</dd>", page)
    assert "25.0 %" in page
    assert re.search(
        r'<td class="number">3</td><td class="number">1</td><td class="number">4</td>', page
    )
    assert '<th scope="row">ibuprofen</th>' in page
    assert "style=" not in page


def test_an_unsure_message_is_labelled_in_one_click_and_becomes_an_example(
    signed_in: MemberOf, conversations: Engine, engine: Engine
) -> None:
    write(conversations, an_hour_ago(), "<script>my legs jump</script>", confidence=0.4)
    kim = signed_in("triage")
    page = kim.get("/staff/asked").text
    assert "&lt;script&gt;my legs jump" in page
    assert "<script>my" not in page
    event = re.findall(r'name="event" value="(\d+)"', page)[0]
    done = kim.post("/staff/asked/label", event=event, intent="ask_side_effects")
    assert done.status_code == 303
    assert "None to label" in kim.get("/staff/asked").text
    with engine.connect() as connection:
        row = connection.execute(select(labels)).one()
    assert (row.text, row.intent, row.account) == (
        "<script>my legs jump</script>",
        "ask_side_effects",
        "triage",
    )
    examples = kim.get("/staff/asked/labels.yml")
    assert "- intent: ask_side_effects" in examples.text
    assert "- <script>my legs jump</script>" in examples.text
    assert audit.entries(engine, action="label_message")[0].object == f"message {event}"


def test_the_words_of_a_label_come_from_the_store_only(
    signed_in: MemberOf, conversations: Engine, engine: Engine
) -> None:
    write(conversations, an_hour_ago(), "what was written", confidence=0.4)
    kim = signed_in("triage")
    event = re.findall(r'name="event" value="(\d+)"', kim.get("/staff/asked").text)[0]
    kim.post("/staff/asked/label", event=event, other="ask_dose", intent="", text="made up")
    with engine.connect() as connection:
        assert connection.execute(select(labels.c.text)).scalar() == "what was written"
    assert kim.post("/staff/asked/label", event=event, intent="ask_nonsense").status_code == 409
    assert kim.post("/staff/asked/label", event=event, intent="").status_code == 409
    with conversations.begin() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    assert kim.post("/staff/asked/label", event=event, intent="ask_dose").status_code == 404
    assert kim.post("/staff/asked/label", event="x", intent="ask_dose").status_code == 404


def test_a_viewer_reads_but_does_not_label(signed_in: MemberOf, conversations: Engine) -> None:
    write(conversations, an_hour_ago(), "legs jump", confidence=0.4)
    viewer = signed_in("viewer")
    assert 'action="/staff/asked/label"' not in viewer.get("/staff/asked").text
    assert viewer.post("/staff/asked/label", event="1", intent="ask_dose").status_code == 403
    assert viewer.get("/staff/asked/labels.yml").status_code == 403


def test_every_table_can_be_saved_and_holds_no_formula(
    signed_in: MemberOf, conversations: Engine, engine: Engine
) -> None:
    write(conversations, an_hour_ago(), "=HYPERLINK(1)", confidence=0.4)
    with engine.begin() as connection:
        connection.execute(delete(content_gaps))
        connection.execute(
            insert(content_gaps).values(
                conversation="w", medicine="+cmd|' /C calc'!A0", topic="dose", question="?"
            )
        )
    viewer = signed_in("viewer")
    saved = {}
    for name in ("volumes", "topics", "gaps", "unsure", "escalations", "thumbs"):
        response = viewer.get(f"/staff/asked/{name}.csv")
        assert response.status_code == 200, name
        saved[name] = response.text
    # Whichever day it is at the clinic: just after its midnight, an hour ago was yesterday.
    assert [row[-2:] for row in saved["volumes"].splitlines()].count(",1") == 1
    assert "ask_dose,1" in saved["topics"]
    assert "'=HYPERLINK(1)" in saved["unsure"]
    assert "'+cmd|" in saved["gaps"]
    assert len(saved["escalations"].splitlines()) == 4
    assert viewer.get("/staff/asked/secrets.csv").status_code == 404


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("from=yesterday", "written like"),
        ("from=2026-11-02&to=2026-11-01", "must not be after"),
        ("from=2020-01-01&to=2026-01-01", "366 days at most"),
        ("from=0001-01-01&to=0001-01-02", "too far away"),
    ],
)
def test_a_period_that_cannot_be_is_refused_in_plain_words(
    signed_in: MemberOf, asked: str, said: str
) -> None:
    response = signed_in("viewer").get(f"/staff/asked?{asked}")
    assert response.status_code == 400
    assert said in response.text
