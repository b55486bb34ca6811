"""The worker as a process: every alert arrives, once, whatever is killed, down or slow."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.engine import Engine

from medassist.cases import alert_worker, alerts
from medassist.cases.alerts import Alert, deliveries, take_next, target_of
from medassist.cases.cases import open_case
from medassist.storage.tables import notifications, now
from tests.cases.receivers import Receiver, Worker, running
from tests.conftest import free_port, wait_until

SECRET = "a-long-random-secret"
WORDS = "she took 30 tablets, Zebedee"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    started = Receiver().start()
    yield started
    started.stop()


def settings_for(receiver: Receiver, **more: str) -> dict[str, str]:
    return {
        "MEDASSIST_ALERT_WEBHOOK_URL": receiver.url,
        "MEDASSIST_ALERT_WEBHOOK_SECRET": SECRET,
        **more,
    }


def opened(
    database: Engine, conversation: str = "a", targets: tuple[str, ...] = ("webhook",)
) -> int:
    return open_case(
        database,
        conversation=conversation,
        channel="website",
        level="emergency",
        kind="overdose",
        detail={"words": WORDS},
        targets=targets,
    )


def undelivered(database: Engine) -> int:
    query = select(func.count()).where(notifications.c.delivered_at.is_(None))
    with database.connect() as connection:
        return int(connection.execute(query).scalar() or 0)


def let_leases_run_out(database: Engine) -> None:
    """As if half a minute passed: what a killed worker had in hand may be taken again."""
    with database.begin() as connection:
        connection.execute(
            update(notifications)
            .where(notifications.c.delivered_at.is_(None))
            .values(next_try_at=now())
        )


def test_an_alert_arrives_signed_and_says_which_case_but_not_what_was_written(
    database: Engine, tmp_path: Path, receiver: Receiver
) -> None:
    case_id = opened(database)
    public = {"MEDASSIST_PUBLIC_URL": "https://chat.example.org/"}
    with running(database, tmp_path, **settings_for(receiver), **public):
        assert wait_until(lambda: undelivered(database) == 0)
    (got,) = receiver.received
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    assert got.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 300
    assert got.headers["idempotency-key"] == got.headers["webhook-id"] == got.data["id"]
    assert got.data["case"] == case_id
    assert (got.data["event"], got.data["level"], got.data["kind"], got.data["channel"]) == (
        "opened",
        "emergency",
        "overdose",
        "website",
    )
    assert got.data["link"] == f"https://chat.example.org/staff/cases/{case_id}"
    assert b"Zebedee" not in got.body


def test_the_words_are_sent_only_where_set_so_and_never_logged(
    database: Engine, tmp_path: Path, receiver: Receiver
) -> None:
    opened(database, targets=("webhook", target_of(receiver.apprise_url)))
    with running(
        database,
        tmp_path,
        **settings_for(receiver, MEDASSIST_ALERT_WITH_WORDS="1"),
        MEDASSIST_ALERT_URLS=receiver.apprise_url,
    ) as worker:
        assert wait_until(lambda: undelivered(database) == 0)
        said = worker.said()
    assert len(receiver.received) == 2
    assert all(b"Zebedee" in got.body for got in receiver.received)
    assert "Zebedee" not in said
    assert SECRET not in said


def test_an_apprise_target_gets_title_text_and_link(
    database: Engine, tmp_path: Path, receiver: Receiver
) -> None:
    case_id = opened(database, targets=(target_of(receiver.apprise_url),))
    with running(database, tmp_path, MEDASSIST_ALERT_URLS=receiver.apprise_url):
        assert wait_until(lambda: undelivered(database) == 0)
    (got,) = receiver.received
    assert got.path == "/apprise"
    assert got.data["title"] == f"EMERGENCY: case {case_id} is new"
    assert f"/staff/cases/{case_id}" in got.data["message"]
    assert got.data["type"] == "failure"
    assert b"Zebedee" not in got.body


def test_workers_killed_in_the_middle_lose_nothing(
    database: Engine, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.seconds = 0.2
    for number in range(12):
        opened(database, f"c{number}")
    kills = 0
    for wanted in (2, 5, 8):
        with running(database, tmp_path, **settings_for(receiver)) as worker:
            assert wait_until(lambda w=wanted: len(receiver.received) >= w, every=0.01)
            worker.kill()  # it has sent one that it has not recorded
            kills += 1
        let_leases_run_out(database)
    assert undelivered(database) > 0
    with running(database, tmp_path, **settings_for(receiver)):
        assert wait_until(lambda: undelivered(database) == 0)
    arrived = Counter(receiver.keys())
    assert len(arrived) == 12
    # What was in hand when a worker was killed may come again, under the same key.
    assert sum(arrived.values()) <= 12 + kills
    assert max(arrived.values()) <= 2


def test_two_workers_at_once_send_each_alert_once(
    database: Engine, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.seconds = 0.05
    settings = settings_for(receiver)
    with (
        running(database, tmp_path, **settings) as one,
        running(database, tmp_path, **settings) as two,
    ):
        assert wait_until(lambda: all("Alerts go to" in w.said() for w in (one, two)))
        for number in range(40):
            opened(database, f"c{number}")
        assert wait_until(lambda: undelivered(database) == 0)
        assert "has it" in one.said()
        assert "has it" in two.said()
    assert sorted(Counter(receiver.keys()).values()) == [1] * 40


def test_a_receiver_that_is_down_gets_its_alerts_when_it_is_back(
    database: Engine, tmp_path: Path
) -> None:
    away = Receiver(port=free_port())
    case_id = opened(database)
    settings = {
        "MEDASSIST_ALERT_WEBHOOK_URL": f"http://127.0.0.1:{away.port}/hook",
        "MEDASSIST_ALERT_WEBHOOK_SECRET": SECRET,
    }
    with running(database, tmp_path, **settings):
        assert wait_until(lambda: (deliveries(database, case_id)[0].error or "") != "")
        assert deliveries(database, case_id)[0].error == "cannot be reached (ConnectError)"
        away.start()
        away.status = 503
        assert wait_until(lambda: len(away.received) == 1)
        away.status = 204
        assert wait_until(lambda: undelivered(database) == 0)
    away.stop()
    assert len(set(away.keys())) == 1
    assert len(away.received) == 2
    assert deliveries(database, case_id)[0].tries == 3
    assert deliveries(database, case_id)[0].error is None


def test_a_target_that_hangs_delays_no_other(
    database: Engine, tmp_path: Path, receiver: Receiver
) -> None:
    hanging = Receiver(seconds=60).start()
    urls = hanging.apprise_url
    for number in range(3):
        opened(database, f"c{number}", ("webhook", target_of(urls)))
    with running(database, tmp_path, **settings_for(receiver, MEDASSIST_ALERT_URLS=urls)):
        assert wait_until(lambda: len(hanging.received) == 1)
        assert wait_until(lambda: len(receiver.received) == 3)
    hanging.stop()


def test_an_alert_that_takes_longer_than_its_lease_is_not_taken_by_another(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "LEASE_SECONDS", 1.5)
    monkeypatch.setattr(alert_worker, "LEASE_SECONDS", 1.5)
    opened(database)
    others = []

    def send_slowly(_alert: Alert) -> None:
        for _ in range(25):
            time.sleep(0.2)
            others.append(take_next(database, "webhook"))

    assert alert_worker.deliver_next(database, "webhook", send_slowly)
    assert others == [None] * 25
    assert undelivered(database) == 0


def test_a_target_that_breaks_in_an_unforeseen_way_is_tried_again(database: Engine) -> None:
    case_id = opened(database)

    def broken(_alert: Alert) -> None:
        raise ZeroDivisionError(WORDS)

    assert alert_worker.deliver_next(database, "webhook", broken)
    assert not alert_worker.deliver_next(database, "webhook", broken)
    (delivery,) = deliveries(database, case_id)
    assert (delivery.error, delivery.tries) == ("failed (ZeroDivisionError)", 1)


def test_a_worker_that_is_asked_to_end_records_what_it_is_sending(
    database: Engine, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.seconds = 1.5
    opened(database, "a")
    opened(database, "b")
    worker = Worker(database, tmp_path, **settings_for(receiver))
    try:
        assert wait_until(lambda: len(receiver.received) == 1, every=0.02)
        assert worker.end() == 0
    finally:
        worker.kill()
    assert undelivered(database) == 1
    assert len(receiver.received) == 1


def test_an_alert_for_a_target_that_is_no_longer_set_waits(
    database: Engine, tmp_path: Path, receiver: Receiver
) -> None:
    opened(database, "a", ("slack:gone", "webhook"))
    with running(database, tmp_path, **settings_for(receiver)):
        assert wait_until(lambda: undelivered(database) == 1)
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"MEDASSIST_ALERT_URLS": "json://localhost nonsense://hush"},
            "medassist: MEDASSIST_ALERT_URLS: URL number 2 is none that Apprise can use.",
        ),
        (
            {
                "MEDASSIST_ALERT_WEBHOOK_URL": "https://clinic.example",
                "MEDASSIST_ALERT_WEBHOOK_SECRET": "whsec_hush?",
            },
            "medassist: MEDASSIST_ALERT_WEBHOOK_SECRET must be base64 after whsec_",
        ),
        ({"MEDASSIST_REGION": "mars"}, "medassist: MEDASSIST_REGION must be one of"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line(
    database: Engine, tmp_path: Path, settings: dict[str, str], line: str
) -> None:
    worker = Worker(database, tmp_path, **settings)
    assert worker.process.wait(30) == 1
    said = worker.said().strip().splitlines()[-1]
    assert said.startswith(line)
    assert "Traceback" not in worker.said()
    assert "hush" not in worker.said()


def test_a_secret_in_the_form_of_standard_webhooks_is_the_key_that_it_names(
    database: Engine, tmp_path: Path, receiver: Receiver
) -> None:
    key = b"thirty-two random bytes, or so.."
    opened(database)
    settings = settings_for(receiver)
    settings["MEDASSIST_ALERT_WEBHOOK_SECRET"] = "whsec_" + base64.b64encode(key).decode()
    with running(database, tmp_path, **settings):
        assert wait_until(lambda: undelivered(database) == 0)
    (got,) = receiver.received
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{digest}"
