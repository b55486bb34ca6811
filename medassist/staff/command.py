"""The `medassist users` commands."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy.engine import Engine

from medassist.settings import load_settings
from medassist.staff import accounts, audit, passwords
from medassist.storage.database import migrate, open_database

users_app = typer.Typer(
    help="The staff's accounts: add, list, disable, reset-password.", no_args_is_help=True
)


def _database() -> Engine:
    engine = open_database(load_settings().database_url)
    migrate(engine)
    return engine


def _chosen_password(generate: bool) -> str:
    """A new random password, or one that is asked for twice."""
    if generate:
        return passwords.new_password()
    chosen: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return chosen


def _record(engine: Engine, action: str, name: str) -> None:
    about = f"account {accounts.tidy_name(name)}"
    audit.record(engine, account="(command line)", role="", action=action, object=about)


@users_app.command("add")
def users_add(
    name: str,
    role: Annotated[str, typer.Option(help="viewer, triage, clinician or admin.")],
    shown_as: Annotated[str, typer.Option(help="The name that patients see.")] = "",
    generate: Annotated[
        bool, typer.Option("--generate", help="Make a password and print it once.")
    ] = False,
    provider_only: Annotated[
        bool, typer.Option("--no-password", help="Signs in with the clinic's account only.")
    ] = False,
) -> None:
    """Make an account."""
    engine = _database()
    password = None if provider_only else _chosen_password(generate)
    account = accounts.add_account(engine, name, role, shown_as=shown_as, password=password)
    _record(engine, "add_account", account.name)
    typer.echo(f"{account.name} may sign in as {account.role}.")
    if generate and password:
        typer.echo(f"Password (shown only now): {password}")


@users_app.command("list")
def users_list() -> None:
    """List the accounts."""
    for account in accounts.all_accounts(_database()):
        state = "disabled" if not account.active else "locked" if account.is_locked else "active"
        typer.echo(f"{account.name}\t{account.role}\t{state}\t{account.shown_as}")


@users_app.command("disable")
def users_disable(name: str) -> None:
    """Keep an account's owner out, at once."""
    engine = _database()
    accounts.disable(engine, name)
    _record(engine, "disable_account", name)
    typer.echo(f"{accounts.tidy_name(name)} can no longer sign in.")


@users_app.command("reset-password")
def users_reset_password(
    name: str,
    generate: Annotated[
        bool, typer.Option("--generate", help="Make a password and print it once.")
    ] = False,
) -> None:
    """Give an account a new password; unlocks it and ends all its sign-ins."""
    engine = _database()
    name = accounts.find_account(engine, name).name
    password = _chosen_password(generate)
    accounts.set_password(engine, name, password)
    _record(engine, "reset_password", name)
    typer.echo(f"{name} has a new password.")
    if generate:
        typer.echo(f"Password (shown only now): {password}")
