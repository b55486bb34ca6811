"""All that is held of a person's conversations: as JSON for a program, as a page for a person."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.engine import Connection, Engine

from medassist.privacy.erasure import ErasureError, NothingHeldError
from medassist.storage.rasa_tables import events, has_conversations
from medassist.storage.tables import case_events, cases, metadata, notifications

Rows = list[dict[str, Any]]


class ExportRefusedError(ErasureError):
    """It was not written; one plain line says why."""


def held_of(engine: Engine, tracker: Engine, conversations: Sequence[str]) -> dict[str, Rows]:
    """Every row that is held of these conversations, by table. Raises NothingHeldError."""
    found: dict[str, Rows] = {}
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            if "conversation" in table.c:
                mine = table.c.conversation.in_(conversations)
                found[table.name] = _rows(connection, table, mine)
        case_ids = [row["id"] for row in found[cases.name]]
        found[case_events.name] = _rows(
            connection, case_events, case_events.c.case_id.in_(case_ids)
        )
        steps = [row["id"] for row in found[case_events.name]]
        found[notifications.name] = _rows(
            connection, notifications, notifications.c.event_id.in_(steps)
        )
    found[events.name] = []
    if has_conversations(tracker):
        with tracker.connect() as connection:
            stored = _rows(connection, events, events.c.sender_id.in_(conversations))
        found[events.name] = [{**row, "data": _read(row["data"])} for row in stored]
    if not any(found.values()):
        raise NothingHeldError("Nothing is held of this person.")
    return {name: rows for name, rows in found.items() if rows}


def _rows(connection: Connection, table: Table, condition: Any) -> Rows:
    query = select(table).where(condition).order_by(*table.primary_key.columns)
    return [dict(row._mapping) for row in connection.execute(query)]


def _read(data: str | None) -> Any:
    try:
        return json.loads(data or "null")
    except ValueError:
        return data


def as_json(held: Mapping[str, Rows]) -> str:
    """What a program can read: every row as it is stored."""
    return json.dumps(held, indent=2, default=_moment)


def write_export(held: Mapping[str, Rows], into: Path, made_at: datetime) -> list[Path]:
    """Write `export.json` and `export.html` into a folder, for its owner only.

    Raises ExportRefusedError when one is there already or the folder cannot be written.
    """
    written = []
    try:
        into.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, words in (
            ("export.json", as_json(held)),
            ("export.html", _as_page(held, made_at)),
        ):
            path = into / name
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(words.encode("utf-8", "backslashreplace"))
            written.append(path)
    except FileExistsError:
        raise ExportRefusedError(f"{into} holds an export already. It was left alone.") from None
    except OSError as error:
        raise ExportRefusedError(f"{into} could not be written: {error.strerror}.") from None
    return written


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).isoformat()
    raise TypeError(type(value).__name__)


_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{border:1px solid #999;padding:.3rem .5rem;"
    "text-align:left;vertical-align:top;overflow-wrap:anywhere}"
)


def _as_page(held: Mapping[str, Rows], made_at: datetime) -> str:
    """What a person can read: the chat line by line, then all the rest as it is stored."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Your data</title>",
        f"<style>{_STYLE}</style><h1>What medassist holds of you</h1>",
        f"<p>Made on {made_at:%d %B %Y at %H:%M} UTC. Times are UTC.</p>",
    ]
    said = [row for row in held.get(events.name, []) if row["type_name"] in ("user", "bot")]
    if said:
        lines = [
            (
                datetime.fromtimestamp(row["timestamp"] or 0, timezone.utc),
                "You" if row["type_name"] == "user" else "medassist or the clinic",
                (row["data"] or {}).get("text") if isinstance(row["data"], dict) else row["data"],
            )
            for row in said
        ]
        parts += ["<h2>The chat</h2>", _table(("when", "who", "what"), lines)]
    for name, rows in held.items():
        if name != events.name:
            parts.append(f"<h2>{html.escape(name.replace('_', ' '))}</h2>")
            parts.append(_table(tuple(rows[0]), [tuple(row.values()) for row in rows]))
    parts.append(
        "<p>What was understood of each message is in <code>export.json</code>, under events.</p>"
    )
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    def cell(value: Any) -> str:
        if isinstance(value, datetime):
            return f"{value:%Y-%m-%d %H:%M:%S}"
        if isinstance(value, (dict, list)):
            return json.dumps(value, ensure_ascii=False)
        return "" if value is None else str(value)

    lines = ["<table><tr>" + "".join(f"<th>{html.escape(name)}" for name in head)]
    lines += ["<tr>" + "".join(f"<td>{html.escape(cell(v))}" for v in row) for row in rows]
    return "\n".join([*lines, "</table>"])
