"""A PostgreSQL that hangs: a server of our own is frozen in the middle of it all."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from faults.databases import Postgresql
from faults.installations import UnavailableError, postgresql_in
from medassist.storage import hanging
from medassist.storage.database import migrate, open_database


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgresql]:
    folder = tmp_path_factory.mktemp("pg")
    for above in (folder, folder.parent, folder.parent.parent):
        above.chmod(0o755)  # the server is not root, and must get there
    with ExitStack() as stack:
        try:
            yield postgresql_in(folder, stack)
            hanging.give_up_on_a_silent_server()  # as it was, for other tests
        except UnavailableError as reason:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(reason))


def test_a_database_that_hangs_fails_after_a_while_and_works_again_afterwards(
    server: Postgresql,
) -> None:
    engine = open_database(server.url("medassist"))
    hanging.give_up_on_a_silent_server(1.0)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    with server.frozen():
        for _ in range(2):  # a connection that is open, and a new one
            with pytest.raises(OperationalError), engine.connect() as connection:
                connection.execute(text("SELECT 2"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 3")).scalar() == 3
    engine.dispose()


def test_a_slow_change_of_the_tables_is_waited_for(server: Postgresql) -> None:
    engine = open_database(server.url("medassist"))
    hanging.give_up_on_a_silent_server(1.0)
    with hanging.patiently(), engine.connect() as connection:
        began = time.monotonic()
        connection.execute(text("SELECT pg_sleep(2)"))
        assert time.monotonic() - began > 1.5
    migrate(engine)
    engine.dispose()
