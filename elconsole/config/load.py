"""Load the settings: command line over environment over `.env` over TOML over defaults.

`load_settings` is the one way in; the models are re-exported for those who take
settings as an argument.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from elconsole.config.defaults import plant_values
from elconsole.config.dsn import DSN_SECRETS
from elconsole.config.fields import duration_seconds
from elconsole.config.keys import Key, Problem, dotted, nearest, problems
from elconsole.config.layers import (
    COMMAND_LINE,
    DEFAULT,
    Layer,
    Merged,
    config_locations,
    environment_layer,
    nest,
    read_dotenv,
    read_toml,
    readable_by_others,
    working_folder,
)
from elconsole.config.models import (
    ChecksSettings,
    ConnectionSettings,
    NotifySettings,
    QualitySettings,
    Settings,
    SourceSettings,
    TableSettings,
    WarehouseSettings,
)
from elconsole.config.patterns import is_glob, table_matches
from elconsole.core.errors import ConfigurationError
from elconsole.core.record import record
from elconsole.core.safe_text import clean_text, redact

__all__ = [
    "ChecksSettings",
    "ConnectionSettings",
    "LoadedSettings",
    "NotifySettings",
    "QualitySettings",
    "Settings",
    "SourceSettings",
    "TableSettings",
    "WarehouseSettings",
    "config_locations",
    "duration_seconds",
    "is_glob",
    "load_settings",
    "table_matches",
]

SECRET_KEYS = frozenset({"password", "dsn", "hash_salt", "ping_url"})

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


@record(frozen=True, slots=True)
class LoadedSettings:
    """The settings in force and where each came from."""

    settings: Settings
    origins: dict[str, str]
    """By dotted key: `default`, `environment ELCONSOLE_…`, `.env`, a file, `command line`."""
    warnings: tuple[str, ...] = ()
    """What the user should hear once: a readable secret, a setting without effect."""
    files: tuple[Path, ...] = ()
    """Every file looked for, present or not."""
    config_file: Path | None = None
    """The TOML file in use."""

    def origin_of(self, path: Key) -> str:
        """Where a setting comes from; a list's or a block's entry from what holds it."""
        for length in range(len(path), 0, -1):
            origin = self.origins.get(dotted(path[:length]))
            if origin:
                return origin
        return DEFAULT


def load_settings(
    config_file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> LoadedSettings:
    """Read every layer, merge them key by key and validate the result.

    `overrides` is the command line: nested or with dotted keys, None meaning not given.
    Raises ConfigurationError naming the key, where it stands and what to do.
    """
    warnings: list[str] = []
    places = (config_file,) if config_file else config_locations(cwd)
    chosen = config_file or next((place for place in places if place.is_file()), None)
    merged = Merged()
    merged.add(Layer(DEFAULT, plant_values()))
    if chosen:
        _add_file(merged, chosen, warnings)
    here = cwd or working_folder()
    dotenvs = (here / ".env",) if here else ()
    for dotenv in dotenvs:
        _add_dotenv(merged, dotenv, warnings)
    variables = os.environ if environ is None else environ
    _add_variables(merged, variables, "environment")
    _add_checked(merged, Layer(COMMAND_LINE, nest(overrides or {})))
    settings = _validated(merged)
    warnings += _idle_settings(settings)
    return LoadedSettings(
        settings,
        {dotted(path): origin for path, origin in merged.origins.items()},
        tuple(warnings),
        (*places, *dotenvs),
        chosen,
    )


def _add_file(merged: Merged, path: Path, warnings: list[str]) -> None:
    layer = read_toml(path)
    found = problems(layer.values)
    if found:
        raise _error(found, layer.origin_of)
    if layer.values.get("sources"):
        merged.drop(("sources",))
        merged.drop(("name",))
    merged.add(layer)
    _warn_if_readable(path, layer, warnings)


def _add_dotenv(merged: Merged, path: Path, warnings: list[str]) -> None:
    if not path.is_file():
        return
    try:
        variables = read_dotenv(path)
    except OSError as error:
        warnings.append(f"{path} is left out: it can't be read ({error.strerror}).")
        return
    except ValueError:
        warnings.append(f"{path} is left out: it is not UTF-8 text.")
        return
    layer = _add_variables(merged, variables, ".env")
    _warn_if_readable(path, layer, warnings)


def _add_variables(merged: Merged, variables: Mapping[str, str], origin: str) -> Layer:
    layer, wrong = environment_layer(variables, origin, merged.values)
    if wrong:
        raise _error(wrong, None)
    sourceless = _new_sources_without_address(merged, layer)
    if sourceless:
        raise _error(sourceless, layer.origin_of)
    _add_checked(merged, layer)
    return layer


def _add_checked(merged: Merged, layer: Layer) -> None:
    found = problems(layer.values)
    if found:
        raise _error(found, layer.origin_of)
    merged.add(layer)


def _new_sources_without_address(merged: Merged, layer: Layer) -> list[Problem]:
    """A variable with a mistyped source name would make a source of nothing but a password."""
    known = merged.values.get("sources", {})
    found = []
    for name, block in layer.values.get("sources", {}).items():
        if name in known or {"host", "port", "dbname", "dsn"} & block.keys():
            continue
        close = nearest(name, list(known))
        key = next(iter(block), "")
        hint = (
            f"Did you mean {dotted(('sources', close, key))}?"
            if close
            else f"Set {dotted(('sources', name, 'dbname'))} too. Sources: {', '.join(known)}."
        )
        found.append(Problem(("sources", name, key), "names a source without an address", hint))
    return found


def _warn_if_readable(path: Path, layer: Layer, warnings: list[str]) -> None:
    mode = readable_by_others(path)
    if mode and _holds_secret(layer.values):
        warnings.append(
            f"{path} holds a secret and others can read it (mode {mode}): run chmod 600 {path}"
        )


def _holds_secret(block: Mapping[str, Any]) -> bool:
    for key, value in block.items():
        if isinstance(value, Mapping):
            if _holds_secret(value):
                return True
        elif key == "dsn" and isinstance(value, str):
            connection = ConnectionSettings(dsn=SecretStr(value))
            try:
                if DSN_SECRETS & connection.connection_parameters().keys():
                    return True
            except ValueError:
                continue
        elif key in SECRET_KEYS:
            return True
    return False


def _validated(merged: Merged) -> Settings:
    settings, found = None, []
    try:
        settings = Settings(**merged.values)
    except ValidationError as error:
        found = [
            _problem(merged, e) for e in error.errors(include_url=False, include_context=False)
        ]
    if settings is not None:
        found = list(_contradictions(settings))
    if settings is None or found:
        raise _error(found, merged.origin_of)
    return settings


def _problem(merged: Merged, error: Mapping[str, Any]) -> Problem:
    path = tuple(str(part) for part in error["loc"] if not isinstance(part, int))
    value: Any = merged.values
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    reason = _REASONS.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")
    reason = reason.replace("Input should be", "must be").replace("String should", "must")
    if isinstance(value, str | int | float) and not SECRET_KEYS & set(path):
        reason += f" (it is {redact(clean_text(repr(value), 60))})"
    return Problem(path, reason, _correct(path, merged.origin_of(path)))


def _correct(path: Key, origin: str) -> str:
    if origin == COMMAND_LINE:
        return f"Give another {dotted(path)}."
    variable = origin.removeprefix("environment ")
    if variable != origin:
        return f"Correct or unset {clean_text(variable)}."
    return f"Correct {dotted(path)} in {origin}."


def _contradictions(settings: Settings) -> Iterator[Problem]:
    connections: dict[Key, ConnectionSettings] = {("warehouse",): settings.warehouse}
    connections |= {("sources", name): source for name, source in settings.sources.items()}
    for path, connection in connections.items():
        yield from _unusable_connection(path, connection)
    for name, source in settings.sources.items():
        yield from _unusable_tables(name, source)


def _unusable_connection(path: Key, connection: ConnectionSettings) -> Iterator[Problem]:
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
    if is_glob(key):
        return any(block.cursor for block in source.table.values())
    schema, _, table = key.rpartition(".")
    return bool(source.table_settings(schema, table if schema else key).cursor)


def _idle_settings(settings: Settings) -> Iterator[str]:
    """Settings without effect, which their author surely meant otherwise."""
    for name, source in settings.sources.items():
        for key, block in source.table.items():
            here = dotted(("sources", name, "table", key))
            if block.cursor and source.strategy != "cursor" and block.strategy != "cursor":
                yield f'{here}.cursor has no effect without strategy = "cursor".'
            if block.hash_columns and settings.hash_salt is None:
                yield f"{here}.hash_columns needs hash_salt: no sync takes the table without it."


def _error(found: list[Problem], origin_of: Any) -> ConfigurationError:
    lines = []
    for problem in found[:10]:
        if origin_of is None:
            lines.append(f"{problem.path[0]}: {problem.message}")
        else:
            origin = origin_of(problem.path)
            lines.append(f"{origin}: {dotted(problem.path)}: {problem.message}")
    if len(found) > 10:
        lines.append(f"… and {len(found) - 10} more")
    hints = list(dict.fromkeys(problem.hint for problem in found))
    return ConfigurationError("\n".join(lines), hint=" ".join(hints[:3]))
