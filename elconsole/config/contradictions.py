"""Whether settings are right as a whole: values that can't be, that contradict each other, or that
have no effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from elconsole.config.keys import Key, Problem, dotted, problems_error
from elconsole.config.layers import COMMAND_LINE, Merged
from elconsole.config.models import ConnectionSettings, Settings, SourceSettings
from elconsole.config.passwords import PASSWORD_KEYS, SECRET_KEYS
from elconsole.config.patterns import spelled, split
from elconsole.core.safe_text import clean_text, redact

RESERVED_SCHEMAS = ("elconsole", "elconsole_storage", "information_schema")
_REASONS = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text, in quotes",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "string_unicode": "must be valid Unicode text",
    "tuple_type": "must be a list of texts",
}


def validated(merged: Merged) -> Settings:
    """The settings that all layers make. Raises ConfigurationError, with what is wrong where."""
    settings, found = None, []
    try:
        settings = Settings(**merged.values)
    except ValidationError as error:
        found = [
            _problem(merged, e) for e in error.errors(include_url=False, include_context=False)
        ]
    if settings is not None:
        found = list(contradictions(settings))
    if settings is None or found:
        raise problems_error(found, merged.origin_of)
    return settings


def _problem(merged: Merged, error: Mapping[str, Any]) -> Problem:
    path = tuple(str(part) for part in error["loc"] if not isinstance(part, int))
    value: Any = merged.values
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    reason = _REASONS.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")
    reason = reason.replace("Input should be", "must be").replace("String should", "must")
    if isinstance(value, str | int | float) and not SECRET_KEYS & set(path):
        shown = merged.written.get(path, repr(value))
        reason += f" (it is {redact(clean_text(shown, 60))})"
    return Problem(path, reason, _correct(path, merged.origin_of(path)))


def _correct(path: Key, origin: str) -> str:
    if origin == COMMAND_LINE:
        return f"Give another {dotted(path)}."
    variable = origin.removeprefix("environment ")
    if variable != origin:
        return f"Correct or unset {clean_text(variable)}."
    return f"Correct {dotted(path)} in {origin}."


def contradictions(settings: Settings) -> Iterator[Problem]:
    """What can't be meant: an address that leads nowhere, options that exclude each other."""
    connections: dict[Key, ConnectionSettings] = {("warehouse",): settings.warehouse}
    connections |= {("sources", name): source for name, source in settings.sources.items()}
    for path, connection in connections.items():
        yield from _unusable_connection(path, connection)
    for name, source in settings.sources.items():
        yield from _unusable_tables(name, source)
        yield from _unusable_targets(name, source)


def _unusable_connection(path: Key, connection: ConnectionSettings) -> Iterator[Problem]:
    given = [key for key in PASSWORD_KEYS if getattr(connection, key)]
    if len(given) > 1:
        message = f"{' and '.join(given)} exclude each other"
        yield Problem((*path, given[1]), message, "Keep one of them.")
    try:
        parameters = connection.connection_parameters()
    except ValueError as error:
        hint = "Percent-encode special characters in a URI, or set host, dbname, user one by one."
        yield Problem((*path, "dsn"), str(error), hint)
        return
    hosts = (parameters.get("host") or parameters.get("hostaddr") or "").split(",")
    ports = parameters.get("port", "").split(",")
    if len(ports) > 1 and len(ports) != len(hosts):
        message = f"there are {len(ports)} ports for {len(hosts)} hosts"
        yield Problem((*path, "port"), message, "Give one port, or one for each host.")


def _unusable_targets(name: str, source: SourceSettings) -> Iterator[Problem]:
    path = ("sources", name)
    schema = source.target_schema
    if schema is not None and (schema in RESERVED_SCHEMAS or schema.startswith("pg_")):
        hint = "Give the raw tables a schema of their own."
        yield Problem((*path, "target_schema"), "is a schema for other things", hint)
    given: dict[str, str] = {}
    for key, block in source.table.items():
        if block.target is None or spelled(key) is None:
            continue
        other = given.setdefault(block.target, key)
        if _are_two(other, key):
            message = f"is the target of {dotted((*path, 'table', other))}, too"
            yield Problem((*path, "table", key, "target"), message, "Give each a name of its own.")


def _are_two(one: str, other: str) -> bool:
    """Whether two keys can't name the same table."""
    names = [spelled(key) or "" for key in (one, other)]
    alike = all("." in name for name in names) or len({split(name)[1] for name in names}) > 1
    return alike and names[0] != names[1]


def _unusable_tables(name: str, source: SourceSettings) -> Iterator[Problem]:
    has_cursor = any(block.cursor for block in source.table.values())
    if source.strategy == "cursor" and not has_cursor:
        hint = f'Set cursor in [{dotted(("sources", name, "table"))}.TABLE], or strategy = "xmin".'
        yield Problem(("sources", name, "strategy"), "needs a table with a cursor column", hint)
    for key, block in source.table.items():
        path = ("sources", name, "table", key)
        if block.columns is not None and block.exclude_columns:
            message = "columns and exclude_columns exclude each other"
            yield Problem((*path, "exclude_columns"), message, "Keep one of the two.")
        if block.strategy == "cursor" and not _cursor_for(key, source):
            hint = f'Set {dotted((*path, "cursor"))} to a column, or use strategy = "xmin".'
            yield Problem((*path, "strategy"), "needs a cursor column", hint)


def _cursor_for(key: str, source: SourceSettings) -> bool:
    name = spelled(key)
    if name is None:
        return any(block.cursor for block in source.table.values())
    return bool(source.table_settings(*split(name)).cursor)


def idle_settings(settings: Settings) -> Iterator[str]:
    """Settings without effect, which their author surely meant otherwise."""
    unsalted = " needs hash_salt: no sync takes a table that it names without it."
    if settings.hash_columns and settings.hash_salt is None:
        yield f"hash_columns{unsalted}"
    for name, source in settings.sources.items():
        if source.hash_columns and settings.hash_salt is None:
            yield f"{dotted(('sources', name))}.hash_columns{unsalted}"
        for key, block in source.table.items():
            here = dotted(("sources", name, "table", key))
            if block.cursor and source.strategy != "cursor" and block.strategy != "cursor":
                yield f'{here}.cursor has no effect without strategy = "cursor".'
            if block.hash_columns and settings.hash_salt is None:
                yield f"{here}.hash_columns needs hash_salt: no sync takes the table without it."


def runs_commands(settings: Settings) -> bool:
    """Whether a password is what a command prints."""
    connections = (settings.warehouse, *settings.sources.values())
    return any(connection.password_command for connection in connections)
