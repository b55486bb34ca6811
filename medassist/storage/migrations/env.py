"""Alembic runs this file for every migration command."""

from alembic import context
from sqlalchemy.engine import Engine

from medassist.settings import load_settings
from medassist.storage.database import open_database
from medassist.storage.tables import metadata

engine: Engine = context.config.attributes.get("engine") or open_database(
    load_settings().database_url
)
sqlite = engine.dialect.name == "sqlite"
with engine.connect() as connection:
    if sqlite:
        # SQLite changes a table by making it anew, which rows that point to the old one forbid.
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        # Python's driver begins no transaction before a change of tables: all, or nothing.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table="medassist_migrations",
        render_as_batch=True,
        # Rasa's tracker store may live in the same database; its tables are not ours.
        include_name=lambda name, kind, _parents: kind != "table" or name in metadata.tables,
    )
    with context.begin_transaction():
        context.run_migrations()
    if sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise RuntimeError("a migration would leave rows that point to nothing")
    connection.commit()
    if sqlite:
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
