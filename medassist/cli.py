"""The `medassist` command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from medassist.medicines.answers import Answers, load_answers
from medassist.medicines.files import Medicine, MedicineFileError, read_medicines
from medassist.settings import Settings, SettingsError, load_settings
from medassist.staff.command import users_app
from medassist.staff.privacy_command import privacy_app
from medassist.storage.database import migrate, one_at_a_time, open_database

FIRST_ADMIN = "admin"
"""The name of the account that the first run makes."""


class Part(str, Enum):
    """What `medassist serve` can run."""

    front_door = "front-door"
    rasa = "rasa"
    actions = "actions"
    alerts = "alerts"


app = typer.Typer(
    help="medassist: a chatbot for medication questions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
answers_app = typer.Typer(
    help="The vetted answers: load, list, show, export.", no_args_is_help=True
)
app.add_typer(answers_app, name="answers")
app.add_typer(users_app, name="users")
app.add_typer(privacy_app, name="privacy")


def main() -> None:
    """Entry point."""
    with one_line_errors():
        app()


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what a person can mend into one line on standard error and exit code 1."""
    from medassist.conversation_client import NotRunningError
    from medassist.medicines.export import ExportError
    from medassist.privacy.erasure import ErasureError
    from medassist.staff.accounts import AccountError
    from medassist.storage.backup import BackupError
    from medassist.storage.going import MigrationError
    from medassist.supervisor import StartError
    from medassist.training import TrainingError
    from medassist.triage.safety_files import SafetyFileError

    try:
        yield
    except (
        SettingsError,
        MedicineFileError,
        NotRunningError,
        StartError,
        TrainingError,
        SafetyFileError,
        AccountError,
        ExportError,
        ErasureError,
        BackupError,
        MigrationError,
    ) as error:
        print(f"medassist: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        print(f"medassist: the database cannot be used: {reason}", file=sys.stderr)
        raise SystemExit(1) from None
    except BrokenPipeError:
        raise SystemExit(1) from None


def _check(settings: Settings) -> dict[str, Medicine]:
    """Read every file a clinician edits; the first bad one raises its own one-line error."""
    from medassist.cases.clinics import Clinics
    from medassist.triage.lexicon import load_lexicon

    Clinics(settings)
    load_lexicon(settings.data / "safety")
    return read_medicines(settings.data / "medicines")


def _database(settings: Settings) -> Engine:
    """The database with its tables up to date."""
    engine = open_database(settings.database_url)
    migrate(engine)
    return engine


def _answers(settings: Settings) -> Answers:
    """The answers that the bot may say."""
    return Answers(_database(settings), approved_only=settings.require_approval)


def _load(settings: Settings, medicines: dict[str, Medicine]) -> str:
    """Bring the database up to date and put the answers of these checked files in force."""
    engine = open_database(settings.database_url)
    with one_at_a_time(engine):
        migrate(engine)
        report = load_answers(engine, medicines)
    return (
        f"Answers in force: {report.added + report.changed + report.unchanged} about "
        f"{len(medicines)} medicine(s) ({report.added} new, {report.changed} changed, "
        f"{report.withdrawn} withdrawn)."
    )


def _make_first_admin(settings: Settings) -> str | None:
    """If nobody has an account, make an administrator's; returns its password."""
    from medassist.staff import accounts, passwords

    engine = _database(settings)
    with one_at_a_time(engine):
        if not accounts.is_empty(engine):
            return None
        password = passwords.new_password()
        accounts.add_account(
            engine, FIRST_ADMIN, "admin", shown_as="Administrator", password=password
        )
    return password


def _show_first_admin(password: str | None) -> None:
    if password:
        typer.echo(
            f"\nThe first account of the staff console, shown only now:\n"
            f"  Name        {FIRST_ADMIN}\n"
            f"  Password    {password}"
        )


@app.command()
def run() -> None:
    """Start everything on this machine and keep it running until Ctrl-C."""
    from medassist import supervisor
    from medassist.training import ensure_model

    os.umask(0o077)  # what is made from here on holds patients' words
    settings = load_settings()
    medicines = _check(settings)
    supervisor.check(settings)
    supervisor.require_free_ports(supervisor.servers(settings, settings.var))
    model = ensure_model(settings)
    typer.echo(_load(settings, medicines))
    _show_first_admin(_make_first_admin(settings))
    typer.echo("Starting the servers ...")
    supervisor.take_over(settings, model)


@app.command()
def prepare() -> None:
    """Make the database ready: its tables, the answers, the first account. Then `serve`.

    It does no harm to run it again, or in several places at once.
    """
    settings = load_settings()
    typer.echo(_load(settings, _check(settings)))
    _show_first_admin(_make_first_admin(settings))


@app.command()
def serve(
    part: Annotated[Part, typer.Argument(help="Which part.", show_default=False)],
) -> None:
    """Run one part alone, in the foreground: for containers and for several machines.

    It listens on MEDASSIST_HOST and finds its neighbours by their URLs.
    """
    from medassist.supervisor import become
    from medassist.training import model_file

    settings = load_settings()
    become(part.value, settings, model_file(settings))


@app.command()
def doctor(
    only: Annotated[
        list[str] | None, typer.Argument(help="Look only at this, such as `database`.")
    ] = None,
) -> None:
    """Look at this installation and say in plain words what is wrong and what to do.

    One line for each finding. Nothing is changed and nothing is sent. Exit code 1 with a problem.
    """
    from medassist.doctor.examine import examine, in_all
    from medassist.doctor.findings import PROBLEM

    findings = []
    for finding in examine(only or ()):
        typer.echo(str(finding))
        findings.append(finding)
    typer.echo(in_all(findings))
    if any(finding.kind == PROBLEM for finding in findings):
        raise typer.Exit(1)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A new file, or - for standard output.")],
) -> None:
    """Write both databases into one file; medassist may go on meanwhile."""
    from medassist.storage.backup import backup_to_file, write_backup

    settings = load_settings()
    both = open_database(settings.database_url), open_database(settings.tracker_database_url)
    if str(file) == "-":
        manifest = write_backup(*both, sys.stdout.buffer)
    else:
        manifest = backup_to_file(*both, file)
    typer.echo(f"Back-up {manifest.summary}.", err=True)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="The back-up, or - for standard input.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Drop all that the databases hold now.")
    ] = False,
) -> None:
    """Put a back-up into empty databases. Stop medassist first."""
    from medassist.storage.backup import restore as put_back
    from medassist.storage.backup import seekable

    settings = load_settings()
    both = open_database(settings.database_url), open_database(settings.tracker_database_url)
    with seekable(file) as source:
        manifest = put_back(*both, source, replace)
    typer.echo(f"Restored a back-up {manifest.summary}.")


@app.command("migrate")
def migrate_to(
    to: Annotated[str, typer.Option(help="A migration, such as 0003; else the newest.")] = "",
    back: Annotated[
        bool, typer.Option("--back", help="Go back, though it drops what is newer.")
    ] = False,
) -> None:
    """Bring the tables to this release, or back to an earlier one's."""
    from medassist.storage.going import go_to

    gone = go_to(open_database(load_settings().database_url), to or None, back)
    typer.echo(f"The tables were at {gone.before or 'nothing'} and are at {gone.after}.")


@app.command()
def train(
    force: Annotated[bool, typer.Option(help="Train even if nothing changed.")] = False,
) -> None:
    """Train the model if its inputs changed."""
    from medassist.training import ensure_model

    typer.echo(f"The model is {ensure_model(load_settings(), force=force).name}.")


@app.command()
def chat() -> None:
    """Talk to the running bot."""
    from medassist.conversation_client import Conversation, as_terminal_text

    conversation = Conversation(load_settings())
    typer.echo(as_terminal_text(conversation.say("hello")))
    typer.echo("\n(An empty line or Ctrl-D ends the chat.)")
    while True:
        try:
            text = input("\nyou> ").strip()
        except (EOFError, KeyboardInterrupt):
            typer.echo()
            return
        if not text:
            return
        typer.echo(f"\n{as_terminal_text(conversation.say(text))}")


@app.command()
def ask(question: Annotated[str, typer.Argument(help="One question, in quotes.")]) -> None:
    """Ask the running bot one question."""
    from medassist.conversation_client import Conversation, as_terminal_text

    typer.echo(as_terminal_text(Conversation(load_settings()).say(question)))


@app.command()
def parse() -> None:
    """Read messages on standard input, write what is understood of each as JSON lines.

    Input: plain lines, or JSON lines {"id", "text"} or {"id", "turns": [...]}.
    """
    from medassist.parsing import as_parse_line

    _read_lines(as_parse_line)


@app.command()
def triage(
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, for programs.")] = False,
) -> None:
    """Read messages on standard input, say how dangerous each is and why.

    Input as for `parse`. It is the verdict of the running bot: rules and second reader.
    """
    from medassist.parsing import as_triage_line, as_triage_text

    _read_lines(as_triage_line if as_json else as_triage_text)


def _read_lines(wording: Callable[[str, dict[str, Any]], str]) -> None:
    """Write what `wording` makes of each item on standard input."""
    from medassist.parsing import ParseInputError, parse_lines
    from medassist.training import ensure_model

    try:
        for line in parse_lines(ensure_model(load_settings()), sys.stdin, wording):
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except ParseInputError as error:
        print(f"medassist: {error}", file=sys.stderr)
        raise SystemExit(1) from None


@app.command("eval")
def evaluate(
    more: Annotated[
        Path | None, typer.Option("--dir", help="A folder with more labelled sets.")
    ] = None,
    reports: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("reports"),
) -> None:
    """Score the model on the labelled sets; fails when a figure is below its floor."""
    from medassist.evaluation.floors import missed_floors
    from medassist.evaluation.report import write_report
    from medassist.evaluation.run import evaluate as score_sets
    from medassist.evaluation.sets import EvaluationSetError, read_sets
    from medassist.training import ensure_model

    settings = load_settings()
    own = settings.data / "evaluation"
    try:
        sets = read_sets([own, *([more] if more else [])])
    except EvaluationSetError as error:
        print(f"medassist: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    scores = score_sets(ensure_model(settings), sets, lambda said: typer.echo(said, err=True))
    missed, absent = missed_floors(scores, own / "floors.yml")
    write_report(scores, missed, reports)
    for scored in scores:
        typer.echo(f"\n{scored.name} ({scored.kind}, {scored.items} items)")
        for name, value in scored.figures.items():
            typer.echo(f"  {name:<30} {100 * value:6.1f} %")
    for name in absent:
        typer.echo(f"\n{name}: skipped, the set is not here (give its folder with --dir).")
    typer.echo(f"\nThe report: {reports / 'index.html'}")
    for bound in missed:
        typer.echo(
            f"Below its floor: {bound.set}: {bound.figure} {bound.value:.3f}, must be "
            f"{bound.rule.replace('_', ' ')} {bound.bound}",
            err=True,
        )
    if missed:
        raise typer.Exit(1)


@answers_app.command("check")
def answers_check() -> None:
    """Check the medicine and safety files without loading them."""
    medicines = _check(load_settings())
    for medicine in medicines.values():
        typer.echo(f"{medicine.medicine}: {len(medicine.answers)} answers, all in order.")


@answers_app.command("load")
def answers_load() -> None:
    """Put the answers of the medicine files in force."""
    settings = load_settings()
    typer.echo(_load(settings, _check(settings)))


@answers_app.command("export")
def answers_export(
    into: Annotated[Path, typer.Argument(help="The folder to write into.", metavar="DIR")],
) -> None:
    """Write the medicine files into DIR, with what clinicians decided about each answer."""
    from medassist.medicines.export import export_medicines

    settings = load_settings()
    engine, folder = _database(settings), settings.data / "medicines"
    for path in export_medicines(engine, read_medicines(folder), folder, into):
        typer.echo(f"Written: {path}")


@answers_app.command("list")
def answers_list() -> None:
    """List the answers in force."""
    for answer in _answers(load_settings()).in_force():
        typer.echo(
            f"{answer.medicine}\t{answer.answer_id}\tversion {answer.version}\t{answer.review}"
        )


@answers_app.command("show")
def answers_show(medicine: str, topic: str) -> None:
    """Show one answer in force, with all its sources. TOPIC may be `topic.subtopic`."""
    from medassist.medicines.wording import as_payload, as_text
    from medassist.regions import numbers_for

    settings = load_settings()
    answer = _answers(settings).get(medicine.lower(), topic)
    if answer is None:
        typer.echo(
            f"medassist: there is no answer {topic!r} about {medicine!r} in force.", err=True
        )
        raise typer.Exit(1)
    numbers = numbers_for(settings)
    every = [s.situation.value for s in answer.answer.situations]
    typer.echo(as_text(answer, numbers, every))
    typer.echo(json.dumps(as_payload(answer, "routine"), indent=2))


if __name__ == "__main__":
    main()
