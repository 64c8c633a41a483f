"""The configuration file that `init` writes, and the listing that `config` shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from elconsole.config.dsn import DSN_SECRETS, parse_dsn
from elconsole.config.keys import Key, dotted, keys_of
from elconsole.config.load import LoadedSettings
from elconsole.core.errors import UsageError
from elconsole.core.files import create_private
from elconsole.core.safe_text import MASK, clean_text, redact

_COMMANDS = ("on_failure", "on_signal", "on_success")
TEMPLATE = """\
# elconsole configuration (TOML).
#
# Lines that begin with "#" and a word show a setting and its default, or an example.
# Take the "#" away to use one. Every setting can also come from the environment, for
# instance ELCONSOLE_WAREHOUSE__PASSWORD or ELCONSOLE_SOURCES__REFILLS__PORT, or from a
# .env file in the working directory; `elconsole config` shows what is in force and why.

#name = "pen plant"            # shown in the console's header
#colour = "blue"               # of the name: blue, green, amber; red marks production
#auto_sync = "off"             # or how often the open console syncs: "5m", "1h 30m"
#plugins = []                  # modules with hooks, besides installed entry points
#workers = 4                   # tables synced at once
#connect_timeout = 10          # seconds
#stall_timeout = 60            # seconds without a row, or a large part of one, moving
#table_timeout = "off"         # or the most a table may take, with its retries: "2 hours"
#retries = 3                   # of transient failures, per table
#degraded_ms = 250             # latency from which a connection counts as degraded
#lock_wait = 30                # seconds that publishing waits for readers of a table
#keep_runs = "400 days"        # older runs are removed, some at each sync's end
#exclude_columns = ["*.email"] # never copied from any source: table.column, globs on both sides
#hash_columns = ["*.phone"]    # copied as salted SHA-256
#hash_salt = "a long secret"   # goes into hash_columns
#new_tables = "sync"           # or "ignore", "fail": tables that appear under a glob
#new_columns = "sync"          # or "ignore", "fail": columns that appear in a table

# The database that receives the rows. Passwords are better kept in ~/.pgpass, in a
# service file, or in the environment; if one stands here, keep this file at mode 0600.
#[warehouse]
#host = "localhost"
#port = 5435
#dbname = "warehouse"
#user = "warehouse_user"
#password = "warehouse_password"
#password_file = "/run/secrets/warehouse"          # or its first line
#password_command = ["pass", "show", "warehouse"]  # or what this prints
#schema = "raw"                # of the raw tables
#search_path = "public"        # behind pg_catalog, for functions of indexes and views
# Or, in place of the five, anything libpq takes (service=, passfile=, several hosts):
#dsn = "postgresql://warehouse_user@localhost:5435/warehouse?sslmode=prefer"

# The databases to copy from. As soon as this file names one source, the three of the
# pen plant are no longer taken for granted.
#[sources.refills]
#host = "localhost"
#port = 5432
#dbname = "refills"
#user = "refills_user"
#password = "refills_password"
#tables = ["refills_production"]   # names, schema.names or globs; default "*": every table
#exclude = []                  # names or globs left out again
#new_tables = "ignore"          # of this source, over the general one; or "fail", or "sync"
#new_columns = "fail"           # likewise
#target_schema = "crm"         # of this source's raw tables, instead of warehouse.schema
#target = "crm_{table}"        # their names, of {source}, {schema}, {table}
#mode = "full"                 # or "incremental": the default of this source's tables
#strategy = "xmin"             # how incremental finds changes; or "cursor"
#deletes = "ignore"            # or "sweep": incremental syncs remove rows gone from the source;
#                              # or "mark": they stay, with the time in _elconsole_deleted_at
#history = true                # keep every version of a row, in a table …_history beside it
#on_view_conflict = "recreate" # views upon a column that changes; or "fail": the table fails
#lookback = "1 day"            # strategy cursor: how late a row may commit
#table_timeout = "2 hours"     # of this source's tables
#every = "15m"                 # how often `sync --due` takes them; each time if not given
#exclude_columns = ["*_production.operator_id"]   # never copied
#hash_columns = ["*.batch_id"] # copied as salted SHA-256

# One table. A key may be a glob; one with a dot needs quotes: "public.orders", "sales.*".
#[sources.refills.table.refills_production]
#mode = "incremental"
#strategy = "cursor"
#cursor = "timestamp"          # a column that grows with every change
#lookback = "1 day"
#primary_key = ["id"]          # default: from the catalog
#deletes = "sweep"
#history = true
#exclude_columns = ["operator_id"]   # never copied
#hash_columns = ["batch_id"]   # copied as salted SHA-256
#where = "line_id <> 'TEST'"   # SQL on the source
#target = "refills_made"       # name of the raw table; another one renames it
#table_timeout = "30 min"
#every = "1h"

# Pass rates of that table.
#[sources.refills.table.refills_production.quality]
#status = "quality_status"
#passed = ["ok"]
#time = "timestamp"
#by = ["line_id", "ink_color"]
#defect = "defect_type"
#shift = "shift_id"
#batch = "batch_id"

# Checks of that table, over the general ones below.
#[sources.refills.table.refills_production.checks]
#zero_rows = true
#accepted_values = { quality_status = ["ok", "error"] }

#[sources.refills.table."archive.*"]
#columns = ["id", "timestamp", "quality_status"]   # the only ones copied

# Checks of every table before it becomes visible. A failed check fails the table.
#[checks]
#zero_rows = false             # a table that had rows comes empty
#row_jump = 0.5                # the row count moves by more than half
#null_jump = 0.1               # a column's share of NULLs rises by more than a tenth
#freshness = "1 day"           # the newest row is older (needs quality.time)
#unique_key = false            # the primary key is not unique
#pass_rate_shift = 0.1         # the pass rate moves by more than ten points (quality.status)

# Who hears of a run's end. Commands get the run as JSON on stdin.
#[notify]
#on_failure = ["mail -s elconsole ops@example.com"]
#on_signal = []
#on_success = []
#ping_url = "https://hc.example.com/ping/plant"   # with /start and /fail
"""


def write_template(path: Path) -> None:
    """Write the commented configuration file, readable by its owner alone.

    Raises UsageError where the file exists or can't be written; nothing is overwritten.
    """
    failure = None
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
        create_private(path, TEMPLATE.encode())
    except OSError as error:
        exists = isinstance(error, FileExistsError) and path.parent.is_dir()
        failure = (
            "exists already and is left as it is"
            if exists
            else f"can't be written: {error.strerror}"
        )
    if failure:
        raise UsageError(f"{path}: {failure}", hint="Name another file with --path.")


def effective(loaded: LoadedSettings) -> list[tuple[str, str, str]]:
    """Each setting in force: dotted key, shown value, origin. Secrets and the arguments of
    commands are masked.

    Settings without a value, and defaults of single tables, are left out.
    """
    listing = []
    for path, value in _settings(loaded.settings, ()):
        key = dotted(path)
        shown = _shown(_as_written(loaded, path, value), path[-1])
        listing.append((key, shown, loaded.origin_of(path)))
    return listing


def effective_values(loaded: LoadedSettings) -> dict[str, dict[str, Any]]:
    """The same as plain values: by dotted key, `value` and `from`. Secrets are masked."""

    def plain(value: Any, key: str) -> Any:
        if isinstance(value, tuple):
            return [redact(item) for item in value]
        if isinstance(value, str):
            return redact(value)
        return _shown(value, key) if isinstance(value, SecretStr) else value

    return {
        dotted(path): {
            "value": plain(_as_written(loaded, path, value), path[-1]),
            "from": loaded.origin_of(path),
        }
        for path, value in _settings(loaded.settings, ())
    }


def json_schema() -> dict[str, Any]:
    """The settings file as a JSON Schema, each key with its meaning; an editor's help."""
    from elconsole.config.models import Settings

    schema: dict[str, Any] = Settings.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "elconsole.toml"
    # Without them it is the pen plant.
    del schema["required"]
    of_file = {"$ref": "#"}
    schema["properties"]["profiles"] = {
        "type": "object",
        "additionalProperties": of_file,
        "description": "Settings that --profile NAME lays over the rest of the file.",
    }
    meanings = _meanings()
    for name, block in {"Settings": schema, **schema["$defs"]}.items():
        for key, value in block.get("properties", {}).items():
            value.setdefault("description", meanings.get((name, key), ""))
    return schema


def _meanings() -> dict[tuple[str, str], str]:
    """What stands below each setting in the models, by class and key."""
    import ast
    import inspect

    from elconsole.config import models

    found: dict[tuple[str, str], str] = {}
    for node in ast.parse(inspect.getsource(models)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for one, after in zip(node.body, node.body[1:], strict=False):
            if isinstance(one, ast.AnnAssign) and isinstance(after, ast.Expr):
                text = ast.literal_eval(after.value)
                found[node.name, ast.unparse(one.target)] = " ".join(text.split())
    for child in (models.WarehouseSettings, models.SourceSettings):
        for key in models.ConnectionSettings.model_fields:
            found[child.__name__, key] = found["ConnectionSettings", key]
    found["WarehouseSettings", "schema"] = found["WarehouseSettings", "target_schema"]
    return found


def _as_written(loaded: LoadedSettings, path: Key, value: Any) -> Any:
    """A value, but for words of the environment: those stay `${NAME}`. A secret stays one."""
    written = value if isinstance(value, SecretStr) else loaded.written.get(dotted(path), value)
    written = tuple(map(str, written)) if isinstance(written, list) else written
    return _without_arguments(written, path[-1]) if isinstance(written, tuple) else written


def _without_arguments(words: tuple[str, ...], key: str) -> tuple[str, ...]:
    """Of a command what is run, and no argument: one may be a token."""
    if key == "password_command":
        return words[:1] + (MASK,) * (len(words) > 1)
    if key in _COMMANDS:
        return tuple(f"{one.split()[0]} {MASK}" if one.split()[1:] else one for one in words)
    return words


def _settings(model: BaseModel, path: Key) -> Iterator[tuple[Key, Any]]:
    names = zip(keys_of(type(model)), type(model).model_fields, strict=True)
    for key, name in names:
        given = name in model.model_fields_set
        if given or "table" not in path:
            yield from _values(getattr(model, name), (*path, key))


def _values(value: Any, path: Key) -> Iterator[tuple[Key, Any]]:
    if isinstance(value, BaseModel):
        yield from _settings(value, path)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _values(inner, (*path, name))
    elif value is not None:
        yield path, value


def _shown(value: Any, key: str) -> str:
    if isinstance(value, SecretStr):
        masked = {"dsn": _masked_dsn, "ping_url": _masked_address}.get(key)
        return masked(value.get_secret_value()) if masked else MASK
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(redact(clean_text(item)) for item in value) + "]"
    if isinstance(value, float):
        return f"{value:g}"
    return redact(clean_text(value))


def _masked_address(url: str) -> str:
    """Which host is asked, and not what tells it who asks: user, path and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{clean_text(parts.netloc.rpartition('@')[2])}/{MASK}"


def _masked_dsn(dsn: str) -> str:
    """A dsn as keywords, whatever its form: only libpq's parser knows what is a password."""
    parts = []
    for key, value in parse_dsn(dsn).items():
        shown = MASK if key in DSN_SECRETS else clean_text(value)
        if not shown or any(c in " '\\" for c in shown):
            shown = "'" + shown.replace("\\", "\\\\").replace("'", "\\'") + "'"
        parts.append(f"{key}={shown}")
    return " ".join(parts)
