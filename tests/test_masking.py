"""Addresses, numbers and secrets never stand in a log, whatever puts them there."""

from __future__ import annotations

import pytest

from medassist.masking import masked, one_line


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("mail from jo.o'neil+rx@clinic.example.org failed", "mail from [e-mail] failed"),
        ("call +1 (555) 010-0123 now", "call [number] now"),
        ("sms_+15550100123", "sms_[number]"),
        ("tel:0049.30.901820", "tel:[number]"),
        ("record 4111111111111111", "record [number]"),
        ("from 203.0.113.7:5512", "from [address]:5512"),
        ("from 2001:db8::8a2e:370:7334", "from [address]"),
        ("postgresql://med:s3cret@db:5432/x", "postgresql://[secret]@db:5432/x"),
        ("https://xoxb@hooks.example/1", "https://[secret]@hooks.example/1"),
        ("GET /status?token=abc-DEF_1&x=1", "GET /status?token=[secret]&x=1"),
        ('{"password": "hunter2"}', '{"password": "[secret]"}'),
        ("MEDASSIST_INTERNAL_SECRET=0123abc end", "MEDASSIST_INTERNAL_SECRET=[secret] end"),
        ("Authorization: Bearer abcdefgh.12345", "Authorization: Bearer [secret]"),
        ("basic dXNlcjpwYXNz0123", "basic [secret]"),
        (
            "POST https://api.telegram.org/bot123456789:AAE_kfj38fjdksla93kfj3k2lfk3j9fk3l/send",
            "POST https://api.telegram.org/bot[secret]/send",
        ),
        ("slack xoxb-12345-abcdefgh", "slack [secret]"),
    ],
)
def test_what_a_log_may_not_hold_is_masked(text: str, kept: str) -> None:
    assert masked(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-26 21:59:00,123 and 2026-11-26",
        "at 21:59:00 on 127.0.0.1:5005, [::1]:80 and 0.0.0.0:8000",
        "Event 12 of case 345: webhook:3f2a has it, try 4",
        "rasa/core/processor.py:1017 _run_action",
        "conversation web-0123456789abcdef0123456789abcdef",
        "Loading model models/medassist-30ab1eb75297.tar.gz",
        "Rasa 3.6.21, status 503",
    ],
)
def test_what_helps_whoever_runs_the_servers_is_kept(text: str) -> None:
    assert masked(text) == text


def test_nobody_can_forge_a_line() -> None:
    forged = "x\r\n2026-11-26T00:00:00Z INFO     medassist  all is well\x1b[2J\u2028more\x00"
    line = one_line(forged)
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    assert len(one_line("y" * 100_000)) < 5_000


def test_a_long_hostile_text_is_masked_at_once() -> None:
    for text in ("1-" * 40_000, "a@" * 40_000, ":" * 80_000, "token=" * 13_000, "://a" * 20_000):
        masked(one_line(text))
