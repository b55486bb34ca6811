"""Accounts, passwords and sign-ins, on each kind of database."""

from __future__ import annotations

import importlib.util
import threading
from datetime import datetime, timedelta, timezone

import argon2
import pytest
from sqlalchemy import select, update
from sqlalchemy.engine import Engine

from medassist.staff import accounts, passwords, sessions
from medassist.staff.accounts import AccountError
from medassist.staff.roles import may
from medassist.staff.sign_in import (
    LONGEST_LOCK_MINUTES,
    AddressLimit,
    check_password,
    lock_minutes,
)
from medassist.storage.tables import accounts as table
from medassist.storage.tables import staff_sessions

RIGHT = "correct horse battery"


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = passwords.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", quick)


@pytest.fixture
def kim(database: Engine) -> Engine:
    accounts.add_account(database, "kim", "triage", password=RIGHT)
    return database


def test_passwords_are_kept_as_argon2id_with_todays_recommended_strength() -> None:
    spec = importlib.util.find_spec("medassist.staff.passwords")
    assert spec is not None
    assert spec.loader is not None
    as_in_service = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(as_in_service)
    usual = as_in_service._hasher
    assert usual.type is argon2.Type.ID
    assert usual.memory_cost >= 19 * 1024  # KiB
    assert usual.time_cost >= 2
    kept = usual.hash(RIGHT)
    assert kept.startswith("$argon2id$")
    assert passwords.fits(RIGHT, kept)
    assert not passwords.fits(RIGHT + "x", kept)
    assert not passwords.fits(RIGHT, None)
    assert not passwords.fits(RIGHT, "no hash at all")


@pytest.mark.parametrize("weak", ["", "short", "aaaaaaaaaaaaaaaa", "x" * 201])
def test_a_weak_password_is_not_taken(database: Engine, weak: str) -> None:
    with pytest.raises(AccountError):
        accounts.add_account(database, "kim", "triage", password=weak)
    assert accounts.is_empty(database)


@pytest.mark.parametrize("name", ["", "  ", "two words", "k/m", "<b>", "x" * 101, "Kím"])
def test_a_name_that_cannot_be_used_is_not_taken(database: Engine, name: str) -> None:
    with pytest.raises(AccountError, match="letters a to z"):
        accounts.add_account(database, name, "triage", password=RIGHT)


def test_made_passwords_are_long_different_and_good_enough() -> None:
    made = {passwords.new_password() for _ in range(200)}
    assert len(made) == 200
    assert all(passwords.what_is_wrong_with(password) is None for password in made)


def test_names_do_not_care_about_capitals(kim: Engine) -> None:
    assert check_password(kim, " KIM ", RIGHT) is not None
    with pytest.raises(AccountError, match="already"):
        accounts.add_account(kim, "Kim", "viewer", password=RIGHT)


def test_a_higher_role_may_do_what_a_lower_one_may() -> None:
    assert may("clinician", "triage")
    assert may("triage", "triage")
    assert not may("viewer", "triage")
    assert not may("nobody", "viewer")


def test_locks_grow_and_end() -> None:
    assert [lock_minutes(n) for n in (0, 1, 4, 5, 6, 10, 15, 20)] == [0, 0, 0, 15, 0, 30, 60, 120]
    assert lock_minutes(5000) == LONGEST_LOCK_MINUTES


def test_after_the_lock_the_right_password_works_and_clears_the_count(kim: Engine) -> None:
    for _ in range(5):
        assert check_password(kim, "kim", "wrong") is None
    assert check_password(kim, "kim", RIGHT) is None
    with kim.begin() as connection:
        past = datetime.now(timezone.utc) - timedelta(seconds=1)
        connection.execute(update(table).values(locked_until=past))
    assert check_password(kim, "kim", RIGHT) is not None
    with kim.connect() as connection:
        row = connection.execute(select(table)).one()
    assert (row.failed_sign_ins, row.locked_until) == (0, None)


def test_twenty_guesses_at_once_are_not_more_than_five(kim: Engine) -> None:
    tried: list[str] = []
    fits = passwords.fits
    hash_of_kim = accounts.find_account(kim, "kim").has_password
    assert hash_of_kim

    def watched(password: str, kept: str | None) -> bool:
        if kept is not None:
            tried.append(password)
        return fits(password, kept)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "fits", watched)
        threads = [
            threading.Thread(target=check_password, args=(kim, "kim", f"guess {n}"))
            for n in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(tried) == 5
    assert accounts.find_account(kim, "kim").is_locked


def test_a_disabled_account_cannot_sign_in_and_its_session_is_over(kim: Engine) -> None:
    account = accounts.find_account(kim, "kim")
    accounts.add_account(kim, "boss", "admin", password=RIGHT)
    token = sessions.begin(kim, account.id, 1800)
    assert sessions.current(kim, token, 1800) is not None
    accounts.disable(kim, "kim")
    assert sessions.current(kim, token, 1800) is None
    assert check_password(kim, "kim", RIGHT) is None


def test_old_sessions_are_swept_away(kim: Engine) -> None:
    account = accounts.find_account(kim, "kim")
    sessions.begin(kim, account.id, 1800)
    with kim.begin() as connection:
        past = datetime.now(timezone.utc) - timedelta(hours=2)
        connection.execute(update(staff_sessions).values(used_at=past))
    sessions.begin(kim, account.id, 1800)
    with kim.connect() as connection:
        assert len(connection.execute(select(staff_sessions)).all()) == 1


def test_a_page_that_asks_by_itself_does_not_keep_a_session_open(kim: Engine) -> None:
    token = sessions.begin(kim, accounts.find_account(kim, "kim").id, 1800)
    before = datetime.now(timezone.utc) - timedelta(seconds=1700)
    with kim.begin() as connection:
        connection.execute(update(staff_sessions).values(used_at=before))

    def used_at() -> datetime | None:
        with kim.connect() as connection:
            return accounts.utc(connection.execute(select(staff_sessions.c.used_at)).scalar())

    assert sessions.current(kim, token, 1800, use=False) is not None
    assert used_at() == before
    assert sessions.current(kim, token, 1800) is not None
    assert used_at() != before


def test_an_account_without_a_password_opens_to_no_password(database: Engine) -> None:
    accounts.add_account(database, "kim", "triage")
    assert check_password(database, "kim", "") is None
    assert check_password(database, "kim", RIGHT) is None


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_address_may_try_again_after_a_while_and_a_right_try_costs_nothing() -> None:
    clock = Clock()
    limit = AddressLimit(failures=3, seconds=60, clock=clock)
    for _ in range(10):
        assert limit.take("192.0.2.1") == 0
        limit.give_back("192.0.2.1")
    for _ in range(3):
        assert limit.take("192.0.2.1") == 0
    assert limit.take("192.0.2.1") == 60
    assert limit.take("192.0.2.2") == 0
    clock.now = 61
    assert limit.take("192.0.2.1") == 0


def test_a_network_of_ipv6_addresses_counts_as_one() -> None:
    limit = AddressLimit(failures=2, clock=Clock())
    assert limit.take("2001:db8::1") == 0
    assert limit.take("2001:db8::2") == 0
    assert limit.take("2001:db8::3") > 0
    assert limit.take("2001:db8:0:1::1") == 0


def test_the_limit_remembers_a_bounded_number_of_addresses() -> None:
    limit = AddressLimit(most=5, clock=Clock())
    for number in range(50):
        limit.take(f"192.0.2.{number}")
    assert len(limit._times) == 5
