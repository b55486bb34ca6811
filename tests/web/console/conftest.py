from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from medassist.medicines.answers import load_answers
from medassist.medicines.files import read_medicines
from medassist.settings import ROOT, Settings
from medassist.staff import passwords
from medassist.staff.accounts import add_account
from medassist.staff.roles import ROLES
from medassist.storage.database import migrate, open_database
from tests.web.console.staff import PASSWORD, StaffMember
from tests.web.served import Served


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> None:
    """Argon2 at its weakest: what is tested here is not how long it takes."""
    passwords._hasher = passwords.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    passwords._nobodys.cache_clear()


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with answers in force and an account for each role, to be copied."""
    file = tmp_path_factory.mktemp("furnished") / "medassist.db"
    engine = open_database(f"sqlite:///{file}")
    migrate(engine)
    load_answers(engine, read_medicines(ROOT / "data" / "medicines"))
    for role in ROLES:
        add_account(engine, role, role, password=PASSWORD, shown_as=f"{role.title()} Person")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return file


@pytest.fixture
def engine(settings: Settings, furnished: Path) -> Iterator[Engine]:
    """The installation's database."""
    shutil.copy(furnished, settings.var / "medassist.db")
    engine = open_database(settings.database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def clinic(engine: Engine, front_door: Served) -> Served:
    """A front door whose clinic has staff."""
    return front_door


@pytest.fixture
def new_member(clinic: Served) -> Iterator[Callable[[], StaffMember]]:
    members: list[StaffMember] = []

    def make() -> StaffMember:
        members.append(StaffMember(clinic.url))
        return members[-1]

    yield make
    for member in members:
        member.close()


@pytest.fixture
def signed_in(new_member: Callable[[], StaffMember]) -> Callable[[str], StaffMember]:
    """Somebody with this role, signed in."""

    def member(role: str) -> StaffMember:
        found = new_member()
        assert found.sign_in(role).status_code == 303
        return found

    return member
