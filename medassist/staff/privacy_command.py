"""The `medassist privacy` commands, for the clinic's privacy officer."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.engine import Engine

from medassist.privacy.erasure import (
    NothingHeldError,
    conversation_of_case,
    conversations_at,
    erase,
    receipts,
)
from medassist.privacy.export import held_of, write_export
from medassist.privacy.retention import Retention
from medassist.settings import SettingsError, load_settings
from medassist.staff import audit
from medassist.storage.database import migrate, open_database
from medassist.storage.tables import cases, now

BY = "(command line)"

privacy_app = typer.Typer(
    help="What is kept of people: export, erase, receipts, retention.", no_args_is_help=True
)

Conversation = Annotated[str, typer.Option(help="The conversation's name.")]
CaseNumber = Annotated[int, typer.Option("--case", help="The conversation of this case.")]
Channel = Annotated[str, typer.Option(help="With --person: sms, whatsapp, telegram, …")]
Person = Annotated[str, typer.Option(help="The person's number or id on that channel.")]


def _databases() -> tuple[Engine, Engine]:
    """Ours, up to date, and Rasa's."""
    settings = load_settings()
    engine = open_database(settings.database_url)
    migrate(engine)
    return engine, open_database(settings.tracker_database_url)


def _named(
    engine: Engine, conversation: str, case: int | None, channel: str, person: str
) -> list[str]:
    """The conversations that somebody named in one of the three ways. Raises SettingsError."""
    if sum((bool(conversation), case is not None, bool(channel or person))) != 1:
        raise SettingsError("Name one of: --conversation, --case, or --channel with --person.")
    if conversation:
        return [conversation]
    if case is not None:
        found = conversation_of_case(engine, case)
        if found is None:
            raise NothingHeldError(f"There is no case {case}.")
        return [found]
    if not (channel and person):
        raise SettingsError("--channel and --person go together.")
    several = conversations_at(engine, channel, person)
    if not several:
        raise NothingHeldError("Nothing is held of this person on this channel.")
    return several


@privacy_app.command("erase")
def privacy_erase(
    conversation: Conversation = "",
    case: CaseNumber | None = None,
    channel: Channel = "",
    person: Person = "",
    even_waiting: Annotated[
        bool, typer.Option("--even-waiting", help="Drop messages that wait to be read or sent.")
    ] = False,
) -> None:
    """Erase what is kept of a person, and print the receipt. It cannot be undone."""
    engine, tracker = _databases()
    for one in _named(engine, conversation, case, channel, person):
        receipt = erase(engine, tracker, one, by=BY, even_waiting=even_waiting)
        about = f"conversation {one}"
        audit.record(engine, account=BY, role="", action="erase", object=about)
        typer.echo(f"Erased. Receipt {receipt.number}, {receipt.at:%Y-%m-%d %H:%M} UTC.")
        for what, count in receipt.counts.items():
            typer.echo(f"  {count:>6}  {what}")
        for number, level in _open_cases(engine, one):
            typer.echo(f"Case {number} ({level}) is still open, without the person's words.")


@privacy_app.command("export")
def privacy_export(
    into: Annotated[Path, typer.Option(help="A folder for the two files.")],
    conversation: Conversation = "",
    case: CaseNumber | None = None,
    channel: Channel = "",
    person: Person = "",
) -> None:
    """Write all that is held of a person, as JSON and as a page."""
    engine, tracker = _databases()
    named = _named(engine, conversation, case, channel, person)
    written = write_export(held_of(engine, tracker, named), into, now())
    for one in named:
        audit.record(engine, account=BY, role="", action="export", object=f"conversation {one}")
    for path in written:
        typer.echo(f"Written: {path}")
    typer.echo("Look through it before you hand it out: it also holds notes and names of staff.")


def _open_cases(engine: Engine, conversation: str) -> list[tuple[int, str]]:
    query = select(cases.c.id, cases.c.level).where(
        cases.c.conversation == conversation, cases.c.status == "open"
    )
    with engine.connect() as connection:
        return [(row.id, row.level) for row in connection.execute(query)]


@privacy_app.command("receipts")
def privacy_receipts() -> None:
    """List what was erased, oldest first. Keep it apart from the back-ups."""
    engine, _tracker = _databases()
    for receipt in receipts(engine):
        typer.echo(
            f"{receipt.number}\t{receipt.at:%Y-%m-%d %H:%M}\t{receipt.conversation}\t{receipt.by}"
        )


@privacy_app.command("retention")
def privacy_retention(
    at_once: Annotated[bool, typer.Option("--now", help="Remove now what is too old.")] = False,
) -> None:
    """Say how long what is kept; the alert worker removes once a day what is older."""
    settings = load_settings()
    for what, days in asdict(settings.privacy).items():
        kept = "for ever" if days is None else f"{days} days"
        typer.echo(f"{what.replace('_', ' '):<14} {kept}")
    if at_once:
        removed = Retention(*_databases(), settings.privacy).run()
        for what, count in removed.items():
            typer.echo(f"  {count:>6}  {what} removed")
