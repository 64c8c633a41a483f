"""Every setting, with its type, its default and its meaning.

Plain frozen models: nothing here reads a file or the environment. A value that
was not given keeps its default and stays out of `model_fields_set`, which is how
the more specific of two blocks wins key by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, NoReturn
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from elconsole.config.defaults import PLANT_QUALITY, plant_values
from elconsole.config.dsn import ADDRESS_KEYS, DSN_SECRETS, hosts_with_ports, parse_dsn
from elconsole.config.fields import (
    Age,
    Colour,
    Condition,
    Deletes,
    Duration,
    Fraction,
    Host,
    IncrementalStrategy,
    Interval,
    Lookback,
    Names,
    NewPolicy,
    OnViewConflict,
    Port,
    Seconds,
    Secret,
    SecretAddress,
    TargetFormat,
    TargetName,
    Text,
    TimeLimit,
    Whole,
    duration_seconds,
)
from elconsole.config.passwords import password_of_command, password_of_file
from elconsole.config.patterns import is_glob, spelled, table_matches
from elconsole.core.errors import ConfigurationError
from elconsole.core.safe_text import clean_text
from elconsole.core.types import Mode


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True
    )

    def __reduce__(self) -> NoReturn:
        raise TypeError("settings hold passwords and can't be pickled")

    def given(self) -> dict[str, Any]:
        """The values that were set, without the defaults."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


class QualitySettings(_Model):
    """Which rows of a table are units, when they passed, and how they are grouped."""

    status: Text = "quality_status"
    """Column that says whether a unit passed."""
    passed: Names = ("ok",)
    """Values of the status column that mean passed."""
    time: Text = "timestamp"
    """Column with the time at which a unit was made."""
    by: Names = ()
    """Columns to group by. Empty: no pass rates for this table."""
    defect: Text = "defect_type"
    """Column that names a failed unit's defect."""
    shift: Text = "shift_id"
    """Column with the shift, for periods by shift."""
    batch: Text = "batch_id"
    """Column with the batch, for periods by batch."""


class ChecksSettings(_Model):
    """Checks of a loaded table before it becomes visible; a failed one fails the table."""

    zero_rows: bool = False
    """Fail when a table that had rows comes empty."""
    row_jump: Fraction | None = None
    """Fail when the row count changes by more than this fraction (0.5 = half)."""
    null_jump: Fraction | None = None
    """Fail when a column's share of NULLs rises by more than this fraction."""
    freshness: Duration | None = None
    """Fail when the newest row is older than this, e.g. `1 day`."""
    unique_key: bool = False
    """Fail when the primary key is not unique."""
    accepted_values: dict[str, Names] = Field(default_factory=dict)
    """Per column, the only values it may hold."""
    pass_rate_shift: Fraction | None = None
    """Fail when the pass rate moves by more than this difference of fractions."""


class TableSettings(_Model):
    """How one table, or the tables a glob names, are synced."""

    mode: Mode = "full"
    """`full` reads everything each time, `incremental` what changed."""
    strategy: IncrementalStrategy = "xmin"
    """How incremental finds changes: row versions (`xmin`) or a `cursor` column."""
    cursor: Text | None = None
    """Column that grows with every change (strategy cursor)."""
    lookback: Lookback | None = None
    """How late a row may commit behind its cursor: `1 day`, or a number for numbers."""
    primary_key: Names | None = None
    """Columns of the key. Default: from the catalog."""
    deletes: Deletes = "ignore"
    """What becomes of rows gone from the source: an incremental sync removes them (`sweep`), or
    every sync keeps them with the time since when, in `_elconsole_deleted_at` (`mark`)."""
    history: bool = False
    """Whether every version of its rows is kept, in a table `…_history` beside the raw one."""
    on_view_conflict: OnViewConflict = "recreate"
    """Views upon a column that changes: made again (`recreate`), or the table fails (`fail`)."""
    columns: Names | None = None
    """The only columns to copy."""
    exclude_columns: Names = ()
    """Columns never to copy."""
    hash_columns: Names = ()
    """Columns copied as salted SHA-256, computed in the source."""
    where: Condition | None = None
    """SQL condition on the source's rows."""
    target: TargetName | None = None
    """Name of the raw table. Another name renames it at the next sync."""
    table_timeout: TimeLimit | None = None
    """The most that the table may take, with all its attempts: seconds, or `2 hours`, or `off`.
    Default: as the source's, else the general one."""
    every: Interval | None = None
    """How often `sync --due` takes the table, e.g. `15m`; `off`, and the default: each time."""
    quality: QualitySettings | None = None
    """Pass rates of this table."""
    checks: ChecksSettings | None = None
    """Checks of this table, over the general ones."""


class ConnectionSettings(_Model):
    """Where a database is. What is not given here libpq takes from its own places:
    PGHOST and its like, service files, ~/.pgpass."""

    host: Host | None = None
    """Host name, address, or directory of a unix socket."""
    port: Port | None = None
    """TCP port."""
    dbname: Text | None = None
    """Database."""
    user: Text | None = None
    """Role."""
    password: Secret | None = None
    """Password. Better kept in ~/.pgpass, PGPASSFILE, or the environment."""
    password_file: Text | None = None
    """A file whose first line is the password: a container's secret."""
    password_command: Names = ()
    """A command and its arguments, run without a shell, whose first line is the password."""
    search_path: Text | None = None
    """Schemas behind `pg_catalog`, e.g. `public, app`, for functions of indexes and views that
    name something without its schema. Whoever may create there, may have the role run code."""
    dsn: Annotated[Secret, Field(min_length=1)] | None = None
    """libpq connection string, URI or `key=value`; the keys above override its parts."""

    def connection_parameters(self) -> dict[str, str]:
        """libpq keywords, the password in clear: for `psycopg.connect` and nothing else.

        Raises ValueError, without the string, where libpq can't read the dsn."""
        parameters = parse_dsn(self.dsn.get_secret_value()) if self.dsn else {}
        if self.host is not None:
            parameters.pop("hostaddr", None)
        for key in ADDRESS_KEYS:
            value = getattr(self, key)
            if value is not None:
                shown = value.get_secret_value() if isinstance(value, SecretStr) else value
                parameters[key] = str(shown)
        return parameters

    def resolved_parameters(self, path: str) -> dict[str, str]:
        """The same, with a password that stands elsewhere; `path` is the block's key.

        Raises ConfigurationError where it can't be had."""
        parameters = self.connection_parameters()
        if self.password_file is not None:
            parameters["password"] = password_of_file(f"{path}.password_file", self.password_file)
        elif self.password_command:
            where = f"{path}.password_command"
            parameters["password"] = password_of_command(where, self.password_command)
        return parameters

    @property
    def address(self) -> str:
        """`host:port/dbname`, safe to show."""
        parameters = self.connection_parameters()
        service = parameters.get("service")
        named = parameters.get("host") or parameters.get("hostaddr")
        database = parameters.get("dbname") or ("" if service else parameters.get("user", ""))
        if service and not named:
            place = f"service={service}"
        else:
            place = hosts_with_ports(named or "[local]", parameters.get("port", "5432"))
        return clean_text(f"{place}/{database}".rstrip("/"))


class WarehouseSettings(ConnectionSettings):
    """The database that receives the rows."""

    target_schema: Text = Field(default="raw", validation_alias="schema")
    """Schema of the raw tables."""


class SourceSettings(ConnectionSettings):
    """A database to copy from, and which of its tables."""

    tables: Names = ("*",)
    """Names, schema-qualified names or globs. `*`: every base table of every user schema.
    A table that others inherit from is, by its name, read with them, if none is selected too."""
    exclude: Names = ()
    """Names or globs left out again."""
    mode: Mode = "full"
    """Default of this source's tables."""
    strategy: IncrementalStrategy = "xmin"
    """Default of this source's tables."""
    lookback: Lookback | None = None
    """Default of this source's tables."""
    deletes: Deletes = "ignore"
    """Default of this source's tables."""
    history: bool = False
    """Default of this source's tables."""
    on_view_conflict: OnViewConflict = "recreate"
    """Default of this source's tables."""
    table_timeout: TimeLimit | None = None
    """Default of this source's tables, over the general one."""
    every: Interval | None = None
    """Default of this source's tables: how often `sync --due` takes them, e.g. `15m`."""
    exclude_columns: Names = ()
    """Columns never to copy, whatever its tables say: `table.column`, globs on both sides."""
    hash_columns: Names = ()
    """Columns of this source copied as salted SHA-256: `table.column`, globs on both sides."""
    target_schema: TargetName | None = None
    """Schema of this source's raw tables. Default: the warehouse's `schema`."""
    target: TargetFormat | None = None
    """What its raw tables are called, e.g. `crm_{table}`: fields {source}, {schema}, {table}.
    Default: the table's own name, with the source's before it where two would be alike."""
    new_tables: NewPolicy | None = None
    """What of this source happens to new tables. Default: the general one."""
    new_columns: NewPolicy | None = None
    """What of this source happens to new columns. Default: the general one."""
    table: dict[Text, TableSettings] = Field(default_factory=dict)
    """Per table: a name, a schema-qualified name, or a glob."""

    def table_settings(self, schema: str, table: str) -> TableSettings:
        """What holds for one table.

        The source's own defaults, then the globs that match in their order, then the
        bare name, then `schema.name`: the later wins, key by key."""
        defaults = {k: v for k, v in self.given().items() if k in _SOURCE_DEFAULTS}
        merged = TableSettings(**defaults)
        for block in self._blocks(schema, table):
            merged = _overlay_table(merged, block)
        if table not in PLANT_QUALITY:
            return merged
        plant = TableSettings(quality=QualitySettings(by=PLANT_QUALITY[table]))
        return _overlay_table(plant, merged)

    def _blocks(self, schema: str, table: str) -> list[TableSettings]:
        globs = ((key, block) for key, block in self.table.items() if is_glob(key))
        found = [block for key, block in globs if table_matches(key, schema, table)]
        return found + self.own_blocks(schema, table)

    def own_blocks(self, schema: str, table: str) -> list[TableSettings]:
        """The blocks that name this table and no other, the later over the earlier."""
        names, blocks = (table, f"{schema}.{table}"), self.table.items()
        return [block for name in names for key, block in blocks if spelled(key) == name]


_SOURCE_DEFAULTS = frozenset(
    "mode strategy lookback deletes history on_view_conflict table_timeout every".split()
)


def _overlay_table(base: TableSettings, block: TableSettings) -> TableSettings:
    merged, given = base.given(), block.given()
    if "columns" in given:
        merged.pop("exclude_columns", None)
    if "exclude_columns" in given:
        merged.pop("columns", None)
    for name, value in given.items():
        held = merged.get(name)
        if isinstance(value, _Model) and isinstance(held, _Model):
            value = type(value)(**{**held.given(), **value.given()})
        merged[name] = value
    return TableSettings(**merged)


class NotifySettings(_Model):
    """Commands and a URL that hear of a run's end; their failure never fails a sync."""

    on_failure: Names = ()
    """Commands run after a run with a failed table; the run as JSON on stdin."""
    on_signal: Names = ()
    """Commands run when a pass rate raises a signal."""
    on_success: Names = ()
    """Commands run after a run without a failure."""
    ping_url: SecretAddress | None = None
    """URL fetched at a run's end; with `/start` at its start, with `/fail` after a failure.
    A secret: whoever knows its path can say that all is well."""

    def secrets(self) -> set[str]:
        """The URL, and what of it may be quoted alone."""
        if self.ping_url is None:
            return set()
        parts = urlsplit(self.ping_url.get_secret_value())
        return {self.ping_url.get_secret_value(), parts.path.strip("/"), parts.query}


class Settings(_Model):
    """All settings. `Settings()` is the pen plant at its default addresses."""

    name: str = ""
    """Shown in the console's header."""
    colour: Colour = "blue"
    """Colour of the name in the header; `red` marks production."""
    auto_sync: Interval = "off"
    """Interval of the console's own syncs, e.g. `5m`, or `off`."""
    plugins: Names = ()
    """Modules with hooks, besides the installed entry points."""
    workers: Annotated[Whole, Field(ge=1, le=256)] = 4
    """Tables synced at once."""
    connect_timeout: Seconds = 10.0
    """Seconds to wait for a connection."""
    stall_timeout: Seconds = 60.0
    """Seconds without a row moving, or a large part of one, after which a table fails."""
    table_timeout: TimeLimit = "off"
    """The most that a table may take, with all its attempts: seconds, or `2 hours`."""
    retries: Annotated[Whole, Field(ge=0, le=100)] = 3
    """Retries of transient failures, per table."""
    degraded_ms: Seconds = 250.0
    """Milliseconds of latency from which a connection counts as degraded."""
    exclude_columns: Names = ()
    """Columns never to copy, of any source: `table.column`, globs on both sides (`*.email`)."""
    hash_columns: Names = ()
    """Columns of any source copied as salted SHA-256: `table.column`, globs on both sides."""
    hash_salt: Secret | None = None
    """Secret that goes into `hash_columns`."""
    new_tables: NewPolicy = "sync"
    """Tables that a glob names, of a source synced without them: `sync`, `ignore`, `fail`."""
    new_columns: NewPolicy = "sync"
    """Columns that were not there at their table's last sync: `sync`, `ignore` or `fail`."""
    lock_wait: Seconds = 30.0
    """Seconds that publishing waits for readers of a raw table, in short attempts."""
    keep_runs: Age = "400 days"
    """How long a run stays in the ledger after its end: a duration, or a number of days."""
    warehouse: WarehouseSettings
    """The database that receives the rows."""
    sources: dict[str, SourceSettings]
    """The databases to copy from, by name."""
    notify: NotifySettings = NotifySettings()
    """Who hears of a run's end."""
    checks: ChecksSettings = ChecksSettings()
    """Checks of every table."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)

    @model_validator(mode="before")
    @classmethod
    def _plant_by_default(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        plant = plant_values()
        if "sources" in values:
            del plant["name"]
        return {**plant, **values}

    @property
    def target_schemas(self) -> tuple[str, ...]:
        """Every schema that raw tables belong in, the warehouse's own first."""
        given = (source.target_schema for source in self.sources.values())
        return tuple(dict.fromkeys((self.warehouse.target_schema, *filter(None, given))))

    @property
    def auto_sync_seconds(self) -> float | None:
        """Seconds between the console's own syncs; None where they are off."""
        return None if self.auto_sync == "off" else duration_seconds(self.auto_sync)

    @property
    def keep_runs_seconds(self) -> float:
        """Seconds for which a run is kept after its end."""
        return duration_seconds(self.keep_runs)

    def table_seconds(self, given: str | None) -> float | None:
        """The time that a table with this `table_timeout` of its own has; None: any."""
        limit = given or self.table_timeout
        return None if limit == "off" else duration_seconds(limit)

    def table_checks(self, source: str, schema: str, table: str) -> ChecksSettings:
        """The checks of one table: the general ones under its own, key by key."""
        own = self.sources[source].table_settings(schema, table).checks
        return ChecksSettings(**{**self.checks.given(), **(own.given() if own else {})})

    def secrets(self, *, of_commands: bool = False) -> tuple[str, ...]:
        """Every secret in clear, for the filter that keeps them out of logs; those that commands
        print only where they are to be run."""
        found = {self.hash_salt.get_secret_value()} if self.hash_salt else set()
        for connection in (self.warehouse, *self.sources.values()):
            parameters = connection.connection_parameters()
            # One that can't be had is told when it is needed.
            if of_commands or not connection.password_command:
                with suppress(ConfigurationError):
                    parameters = connection.resolved_parameters("")
            hidden = {parameters[key] for key in DSN_SECRETS & parameters.keys()}
            if hidden and connection.dsn:
                hidden.add(connection.dsn.get_secret_value())
            found |= hidden
        found |= self.notify.secrets()
        return tuple(sorted(found - {""}))
