"""The plain webhook, as docs/channels/generic.md has it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.channels import said
from tests.channels.conftest import Clinic


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"id": ""}, "id"),
        ({"id": 5}, "id"),
        ({"conversation": "x" * 201}, "conversation"),
        ({"text": ["a"]}, "text"),
        ({"text": "x" * 5001}, "5000"),
        ({"kind": "dance"}, "kind"),
    ],
)
def test_a_message_out_of_form_is_refused_with_a_reason(
    clinic: Clinic, fields: dict[str, Any], problem: str
) -> None:
    person = clinic.person("generic")
    answer = person.post(person.body("hello", **fields) if "text" not in fields else
                         json.dumps({"id": "1", "conversation": "c", **fields}).encode())  # fmt: skip
    assert answer.status_code == 400
    assert problem in answer.json()["error"]


def test_what_leaves_is_what_the_guide_lists(clinic: Clinic, eventually) -> None:
    answer = said.answer()
    answer["custom"]["secret_of_ours"] = 1
    clinic.turns.script["hm"] = [answer]
    person = clinic.person("generic")
    person.say("hm")
    eventually(lambda: person.sent)
    custom = person.sent[0]["custom"]
    assert custom["sources"] == said.SOURCES
    assert "secret_of_ours" not in custom
    assert person.sent[0]["buttons"][0]["title"] == "How do I stop baclofen safely?"


def test_a_reply_that_the_partner_could_not_deliver_reaches_the_case(
    clinic: Clinic, eventually
) -> None:
    person = clinic.person("generic")
    person.say("hello")
    eventually(lambda: person.sent)
    case = clinic.open_case(clinic.turns.conversation, "generic")
    report = json.dumps({"id": person.sent[0]["id"], "reason": "The phone is off."}).encode()
    for _ in range(2):
        assert person.post(report, path="undelivered").status_code == 200
    assert clinic.undelivered(case) == [{"reason": "The phone is off."}]
    forged = person.post(report, path="undelivered", **{"X-Medassist-Signature": "v1=0"})
    assert forged.status_code == 401


def test_a_callback_of_ours_is_no_message_to_us(clinic: Clinic, eventually) -> None:
    import time

    from tests.channels.providers.generic import signed

    person = clinic.person("generic")
    body, now = person.body("hello"), str(int(time.time()))
    out = {"X-Medassist-Signature": signed("out", now, body)}
    assert person.post(body, now, **out).status_code == 401
