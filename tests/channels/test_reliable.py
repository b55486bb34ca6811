"""Nothing lost, nothing doubled, in order: with retries, restarts, and a provider that is away."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text, update

from medassist.cases.contacts import (
    barrier,
    contact_at,
    find_contact,
    forget_contact,
    forget_contact_when_told,
    opt_out,
)
from medassist.channels.queues import Inbox, Incoming
from medassist.channels.sender import LONGEST_PAUSE, pause
from medassist.storage.tables import contacts, incoming_messages, outgoing_messages
from tests.channels import said
from tests.channels.conftest import Clinic
from tests.conftest import wait_until
from tests.web.test_webhooks import post_bare


def nothing_more(clinic: Clinic, so_far: int) -> bool:
    """Whether no further message is sent in a while."""
    return not wait_until(lambda: len(clinic.twilio.sent) > so_far, 0.5, 0.05)


def test_a_repeated_request_is_answered_once(clinic: Clinic, eventually) -> None:
    phone = clinic.phone()
    form = phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    assert phone.post(form).status_code == 200
    assert nothing_more(clinic, 1)
    assert clinic.turns.texts == ["hello"]


def test_a_storm_of_repeats_at_two_workers_is_answered_once(clinic: Clinic, eventually) -> None:
    other = clinic.second_worker()
    phone = clinic.phone()
    forms = [phone.form(f"question {n}") for n in range(3)]
    paths = [clinic.front_door.url, other.url] * 6

    def send(front: str, form: dict[str, str]) -> int:
        sender = clinic.phone()
        sender.front_door = front
        return sender.post(form).status_code

    with ThreadPoolExecutor(8) as threads:
        jobs = [threads.submit(send, front, form) for front in paths for form in forms]
        assert {job.result() for job in jobs} == {200}
    eventually(lambda: len(phone.inbox) == 3)
    assert nothing_more(clinic, 3)
    assert sorted(clinic.turns.texts) == ["question 0", "question 1", "question 2"]


def test_a_repeat_after_a_restart_is_answered_once(clinic: Clinic, eventually) -> None:
    phone = clinic.phone()
    form = phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    clinic.restart_rasa()
    assert phone.post(form).status_code == 200
    assert nothing_more(clinic, 1)
    assert clinic.turns.texts == ["hello"]


def test_a_message_that_rasa_had_when_it_ended_is_answered_by_the_next_run(
    clinic: Clinic, eventually
) -> None:
    phone = clinic.phone()
    clinic.turns.hanging.add("I feel odd")
    phone.say("I feel odd")
    eventually(lambda: clinic.turns.texts == ["I feel odd"])
    clinic.rasa.stop()
    clinic.turns.hanging.clear()
    clinic.restart_rasa()
    eventually(lambda: phone.inbox == ["You said: I feel odd"])
    assert nothing_more(clinic, 1)


def test_a_turn_that_was_over_when_rasa_ended_is_not_had_twice(clinic: Clinic, eventually) -> None:
    phone = clinic.phone()
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    digest = select(incoming_messages.c.id)
    with clinic.engine.begin() as connection:  # as if the server had ended before it was marked
        connection.execute(
            update(incoming_messages)
            .where(incoming_messages.c.id.in_(digest))
            .values(done_at=None, content={"kind": "text", "text": "hello"}, tries=1)
        )
    clinic.restart_rasa()

    def open_rows() -> int:
        query = select(incoming_messages.c.id).where(incoming_messages.c.done_at.is_(None))
        with clinic.engine.connect() as connection:
            return len(connection.execute(query).all())

    eventually(lambda: open_rows() == 0)
    assert clinic.turns.texts == ["hello"]
    assert nothing_more(clinic, 1)


def test_the_order_of_a_conversation_is_kept(clinic: Clinic, eventually) -> None:
    clinic.turns.delay = 0.05
    phone, other = clinic.phone(), clinic.phone("+15550122222")
    for n in range(6):
        phone.say(f"message {n}")
        other.say(f"other {n}")
    eventually(lambda: len(clinic.twilio.sent) == 12, 20)
    assert phone.inbox == [f"You said: message {n}" for n in range(6)]
    assert other.inbox == [f"You said: other {n}" for n in range(6)]


@pytest.mark.parametrize("how", ["refuses connections", "answers 503"])
def test_while_the_provider_is_away_nothing_is_lost_or_doubled(
    clinic: Clinic, eventually, how: str
) -> None:
    phone = clinic.phone()
    phone.say("first")
    eventually(lambda: len(phone.inbox) == 1)
    served = clinic.providers["twilio"]
    if how == "answers 503":
        clinic.twilio.down = True
    else:
        served.stop()
    for n in range(3):
        phone.say(f"meanwhile {n}")
    eventually(lambda: len(clinic.turns.got) == 4)
    assert nothing_more(clinic, 1)
    clinic.twilio.down = False
    if how == "refuses connections":
        served.start()
    wanted = ["You said: first", *(f"You said: meanwhile {n}" for n in range(3))]
    eventually(lambda: phone.inbox == wanted, 20)
    assert nothing_more(clinic, 4)


def test_replies_that_waited_are_sent_after_a_restart(clinic: Clinic, eventually) -> None:
    clinic.twilio.down = True
    phone = clinic.phone()
    phone.say("hello")
    eventually(lambda: clinic.twilio.calls > 0)
    clinic.rasa.stop()
    clinic.twilio.down = False
    assert nothing_more(clinic, 0)
    clinic.restart_rasa()
    eventually(lambda: phone.inbox == ["You said: hello"])
    assert nothing_more(clinic, 1)


def test_a_provider_that_stays_away_is_given_up_and_told_to_the_case(
    clinic: Clinic, eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medassist.channels.sender.MOST_TRIES", 3)
    phone = clinic.phone()
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    case = clinic.open_case(clinic.turns.conversation)
    clinic.twilio.down = True
    phone.say("more")
    eventually(lambda: clinic.undelivered(case))
    assert clinic.undelivered(case) == [
        {"reason": "Twilio answered with status 503. We tried 3 times."}
    ]
    clinic.twilio.down = False
    phone.say("and now?")
    eventually(lambda: phone.inbox[-1] == "You said: and now?")


def test_the_pauses_between_tries_grow_and_have_an_end() -> None:
    pauses = [pause(tries) for tries in range(1, 12)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 1.0
    assert pauses[-1] == LONGEST_PAUSE
    assert pause(1, after=30.0) == 30.0


def test_a_message_that_can_never_arrive_does_not_hold_up_the_next(
    clinic: Clinic, eventually
) -> None:
    clinic.turns.script["odd"] = [{"text": "x"}, {"text": "y"}]
    phone = clinic.phone()
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    case = clinic.open_case(clinic.turns.conversation)
    clinic.twilio.opted_out.add(phone.number)
    phone.say("odd")
    eventually(lambda: len(clinic.undelivered(case)) == 2)


def test_a_turn_that_breaks_is_said(clinic: Clinic, eventually, caplog) -> None:
    clinic.turns.breaking.add("my secret words")
    phone = clinic.phone()
    with caplog.at_level(logging.DEBUG, logger="medassist"):
        phone.say("my secret words")
        eventually(lambda: len(phone.inbox) == 1)
    assert phone.inbox[0].startswith("Something went wrong on our side")
    assert "call 911" in phone.inbox[0]
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("medassist")]
    assert any("A turn failed: ValueError" in line for line in ours)
    assert not any("secret" in line or phone.number in line for line in ours)


def test_a_turn_without_an_answer_is_said(clinic: Clinic, eventually) -> None:
    clinic.turns.script["hm"] = []
    phone = clinic.phone()
    phone.say("hm")
    eventually(lambda: len(phone.inbox) == 1)
    assert phone.inbox[0].startswith("Something went wrong on our side")


def test_while_no_model_is_loaded_messages_wait(clinic: Clinic, eventually) -> None:
    clinic.agent.ready = False
    phone = clinic.phone()
    phone.say("hello")
    assert nothing_more(clinic, 0)
    clinic.agent.ready = True
    eventually(lambda: phone.inbox == ["You said: hello"])


def test_what_was_written_is_dropped_once_it_is_dealt_with(clinic: Clinic, eventually) -> None:
    phone = clinic.phone()
    phone.say("hello")

    def left() -> list[object]:
        with clinic.engine.connect() as connection:
            return [
                *connection.execute(select(incoming_messages.c.content)).scalars(),
                *connection.execute(select(outgoing_messages.c.content)).scalars(),
            ]

    eventually(lambda: left() == [None, None])


def test_a_person_whose_data_is_deleted_leaves_no_number(clinic: Clinic, eventually) -> None:
    clinic.turns.script["delete my data"] = [{"text": "It is gone.", "custom": {"erased": True}}]
    phone = clinic.phone()
    phone.say("delete my data")
    eventually(lambda: phone.inbox == ["It is gone."])

    def numbers() -> list[object]:
        with clinic.engine.connect() as connection:
            return list(connection.execute(select(contacts.c.address)).scalars())

    def conversations() -> set[object]:
        with clinic.engine.connect() as connection:
            return set(connection.execute(select(incoming_messages.c.conversation)).scalars())

    eventually(lambda: numbers() == [])
    eventually(lambda: conversations() == {""})


def test_two_processes_that_meet_the_same_message_keep_it_once(database) -> None:
    inbox = Inbox(database, "sms")
    message = Incoming("SM1", "+15550100100", "+15550111111", "hello")
    with ThreadPoolExecutor(8) as threads:
        kept = list(threads.map(lambda _: inbox.accept(message), range(8)))
    assert sorted(kept) == [False] * 7 + [True]
    head = inbox.heads(10)[0]
    assert inbox.claim(head)
    assert not inbox.claim(head)
    assert inbox.heads(10) == []


def test_who_writes_again_while_being_forgotten_is_not_lost(database) -> None:
    inbox = Inbox(database, "sms")
    inbox.accept(Incoming("SM1", "+15550100100", "+15550111111", "delete my data"))
    conversation = inbox.heads(1)[0].conversation
    forget_contact_when_told(database, conversation)
    inbox.accept(Incoming("SM2", "+15550100100", "+15550111111", "wait, I feel odd"))
    forget_contact(database, conversation)
    assert find_contact(database, conversation)
    forget_contact_when_told(database, conversation)
    forget_contact(database, conversation)
    assert find_contact(database, conversation) is None
    assert inbox.accept(Incoming("SM3", "+15550100100", "+15550111111", "hello"))
    assert {row.conversation for row in inbox.heads(5)} > {conversation}


def test_who_wants_no_messages_is_remembered_even_when_forgotten(database) -> None:
    contact = contact_at(database, "sms", "+15550100100", "+15550111111")
    opt_out(database, contact.conversation)
    forget_contact_when_told(database, contact.conversation)
    forget_contact(database, contact.conversation)
    known = contact_at(database, "sms", "+15550100100", "+15550111111")
    assert barrier(database, known.conversation)
    assert known.conversation != contact.conversation  # nothing leads to what they wrote


def test_when_the_database_is_away_the_person_is_told(clinic: Clinic) -> None:
    phone = clinic.phone()
    with clinic.engine.begin() as connection:
        connection.execute(text("ALTER TABLE incoming_messages RENAME TO away"))
    try:
        answer = phone.post(phone.form("hello"))
    finally:
        with clinic.engine.begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO incoming_messages"))
    assert answer.status_code == 200
    assert "<Message>I can't reach my answers right now" in answer.text
    assert "call 911 now" in answer.text


def test_when_rasa_is_away_the_person_is_told(clinic: Clinic) -> None:
    clinic.rasa.stop()
    phone = clinic.phone()
    answer = phone.post(phone.form("hello"))
    assert answer.status_code == 200
    assert "<Message>I can't reach my answers right now" in answer.text
    assert "call 911 now" in answer.text


# ----------------------------------------------------------------------- staff


def test_words_of_staff_reach_the_phone_once_with_their_name(clinic: Clinic, eventually) -> None:
    phone = clinic.phone()
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    conversation = clinic.turns.conversation
    for _ in range(2):
        assert clinic.rasa.push(conversation, said.staff_reply("ok", "id-1")).status_code == 200
    assert clinic.rasa.push(conversation, said.staff_reply("ok", "id-2")).status_code == 200
    eventually(lambda: len(phone.inbox) == 3)
    assert phone.inbox[1:] == ["Kim (clinic): ok"] * 2
    assert nothing_more(clinic, 3)


def test_while_staff_hold_the_conversation_the_bot_is_quiet(clinic: Clinic, eventually) -> None:
    phone = clinic.phone()
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    conversation = clinic.turns.conversation
    began = {"handover": "began", "staff": {"name": "Kim", "id": "h-1"}}
    clinic.rasa.push(
        conversation,
        [*said.handover(True),
         {"event": "bot", "text": "Kim from the clinic is here.", "data": {"custom": began}}],
    )  # fmt: skip
    eventually(lambda: phone.inbox[-1] == "Kim from the clinic is here.")
    phone.say("are you there?")
    eventually(lambda: len(clinic.turns.got) == 2)
    assert nothing_more(clinic, 2)
    clinic.rasa.push(conversation, said.handover(False))
    phone.say("robot?")
    eventually(lambda: phone.inbox[-1] == "You said: robot?")


def test_the_honest_word_that_nobody_has_seen_it_reaches_the_phone(
    clinic: Clinic, eventually
) -> None:
    phone = clinic.phone()
    phone.say("hello")
    eventually(lambda: len(phone.inbox) == 1)
    told = {"event": "bot", "text": "Nobody from the clinic has seen this yet.",
            "data": {"custom": {"id": "alert-1"}}}  # fmt: skip
    clinic.rasa.push(clinic.turns.conversation, [told])
    clinic.rasa.push(clinic.turns.conversation, [told])
    eventually(lambda: phone.inbox[-1] == "Nobody from the clinic has seen this yet.")
    assert nothing_more(clinic, 2)


# ----------------------------------------------------------------------- the front door


def test_nothing_else_of_rasa_can_be_reached(clinic: Clinic) -> None:
    for path in (
        "/webhooks/rest/webhook",
        "/webhooks/website/messages",
        "/webhooks/sms/../rest/webhook",
        "/webhooks/sms/%2e%2e/rest/webhook",
        "/webhooks/sms/..%2frest/webhook",
        "/conversations/x/tracker",
    ):
        assert post_bare(clinic.front_door.port, path) == 404, path
    assert clinic.turns.got == []


def test_a_body_that_is_too_large_is_refused(clinic: Clinic) -> None:
    phone = clinic.phone()
    assert phone.post(phone.form("x" * 60_000)).status_code == 413
