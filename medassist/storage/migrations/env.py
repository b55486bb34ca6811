"""Alembic runs this file for every migration command."""

from alembic import context
from sqlalchemy.engine import Engine

from medassist.settings import load_settings
from medassist.storage.database import open_database
from medassist.storage.tables import metadata

engine: Engine = context.config.attributes.get("engine") or open_database(
    load_settings().database_url
)
with engine.connect() as connection:
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
    connection.commit()
