"""The SQL that gives a role what elconsole needs and nothing more. Pure text."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from elconsole.config.fields import NAME_BYTES
from elconsole.config.keys import nearest
from elconsole.config.models import (
    ConnectionSettings,
    Settings,
    SourceSettings,
    TableSettings,
    WarehouseSettings,
)
from elconsole.config.patterns import (
    is_glob,
    quote,
    regular_expression,
    spelled,
    split,
    table_matches,
)
from elconsole.core.errors import UsageError
from elconsole.core.quoting import literal, readable_identifier
from elconsole.core.safe_text import clean_text

LEDGER_SCHEMA = "elconsole"
STORAGE_SCHEMA = "elconsole_storage"
TRUSTING = "PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);"
"""Begins a block that an administrator runs: whoever may create in another schema of the
administrator's path could put a function or operator of the same name there."""


WAREHOUSE = "warehouse"


def grants_by_server(
    settings: Settings, asked: Sequence[str] = (), reader: str | None = None
) -> dict[str, str]:
    """By connection, the SQL for its own server: every source's, then the warehouse's, or only
    those `asked` for; with a `reader`, what lets that role of the warehouse read the copies.

    Raises UsageError for a name that no connection has."""
    known = (*settings.sources, WAREHOUSE)
    for name in asked:
        if name not in known:
            near = nearest(name, list(known))
            hint = f"did you mean {near}?" if near else f"the connections are {', '.join(known)}"
            raise UsageError(f"there is no connection {name}", hint=hint)
    if reader is not None and asked and WAREHOUSE not in asked:
        raise UsageError(
            "--reader is a role of the warehouse, whose grants were not asked for",
            hint=f"grants warehouse --reader {shlex.quote(reader)}",
        )
    found = {
        name: source_grants(name, source, settings.exclude_columns)
        for name, source in settings.sources.items()
        if not asked or name in asked
    }
    if not asked or WAREHOUSE in asked:
        schemas = settings.target_schemas
        of_warehouse = warehouse_grants(settings.warehouse, schemas)
        if reader is not None:
            of_warehouse += "\n" + reader_grants(settings.warehouse, reader, schemas)
        found[WAREHOUSE] = found.get(WAREHOUSE, "") + of_warehouse
    return found


def reader_grants(warehouse: WarehouseSettings, reader: str, schemas: Sequence[str] = ()) -> str:
    """USAGE and SELECT on the copies, those of later too; to be run by elconsole's role, which
    owns them. `schemas`: all that they stand in."""
    role = _reader(reader)
    lines = [
        f"-- For {_comment(role)}, who reads the copies: run as {_comment(_role(warehouse))},"
        " after the first sync",
    ]
    for schema in map(readable_identifier, schemas or (warehouse.target_schema,)):
        lines += [
            f"GRANT USAGE ON SCHEMA {schema} TO {role};",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role};",
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {_role(warehouse)} IN SCHEMA {schema}"
            f" GRANT SELECT ON TABLES TO {role};",
        ]
    return "\n".join(lines) + "\n"


def source_grants(name: str, source: SourceSettings, excluded: Sequence[str] = ()) -> str:
    """CONNECT, USAGE and SELECT for one source's role; column by column where columns are
    selected. To be run by the tables' owner or a superuser, connected to that database.

    `excluded`: `table.column` patterns for every source, beside the source's own."""
    role = _role(source)
    hidden = (*excluded, *source.exclude_columns)
    lines = _head(f"Source {name}", source)
    lines.append(f"GRANT CONNECT ON DATABASE {_database(source)} TO {role};")
    named = filter(None, map(spelled, source.tables))
    single = list(dict.fromkeys([*named, *_restricted(source)]))
    lines += _schema_usage([split(table)[0] for table in single], role)
    for table in single:
        schema, bare = split(table)
        if _selects(source, schema, bare):
            block = source.table_settings(schema, bare)
            lines += _table_grant(schema, bare, block, _hidden_in(hidden, schema, bare), role)
    globs = [pattern for pattern in source.tables if is_glob(pattern)]
    for pattern in globs:
        lines += _glob_grant(pattern, source, single, hidden)
    lines += _remarks(source, single, globs)
    return "\n".join(lines) + "\n"


def warehouse_grants(warehouse: WarehouseSettings, schemas: Sequence[str] = ()) -> str:
    """CONNECT, CREATE and TEMPORARY on the warehouse: elconsole makes its own schemas.

    `schemas`: all that raw tables belong in."""
    role = _role(warehouse)
    schemas = (*(schemas or (warehouse.target_schema,)), LEDGER_SCHEMA, STORAGE_SCHEMA)
    lines = _head("Warehouse", warehouse)
    lines += [
        f"GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {_database(warehouse)} TO {role};",
        "-- CREATE is for the schemas that elconsole makes and owns. Where an administrator is",
        "-- to make them beforehand, leave CREATE out of the line above and run:",
    ]
    for schema in schemas:
        name = _comment(readable_identifier(schema))
        lines.append(f"--   CREATE SCHEMA {name} AUTHORIZATION {_comment(role)};")
    return "\n".join(lines) + "\n"


def _head(title: str, connection: ConnectionSettings) -> list[str]:
    role = _comment(_role(connection))
    database = connection.connection_parameters().get("dbname")
    place = f" (connected to database {_comment(database)})" if database else ""
    return [
        f"-- {_comment(title)}: run on {_comment(connection.address)}{place}, as an administrator",
        f"-- CREATE ROLE {role} LOGIN;   -- then set its password: \\password {role}",
    ]


def _comment(text: str) -> str:
    return clean_text(text)


def _reader(name: str) -> str:
    """A reader's name as SQL writes it. Raises UsageError where PostgreSQL would take it for
    another role, or for all of them."""
    hint = "name one role of the warehouse: grants warehouse --reader ROLE"
    if name.lower() == "public":
        raise UsageError("--reader: public is no role, but everybody", hint=hint)
    return _one_role("--reader", name, hint)


def _one_role(place: str, name: str, hint: str) -> str:
    """Raises UsageError for a name that no role has, or that is not seen as it is."""
    size = len(name.encode("utf-8", "surrogatepass"))
    if not name or size > NAME_BYTES:
        rule = f"a role's name has 1 to {NAME_BYTES} bytes, and this one {size}"
        raise UsageError(f"{place}: {rule}", hint=hint)
    if clean_text(name) != name:
        shown = ascii(name)[1:-1]
        raise UsageError(f"{place}: {shown} has characters that are not seen", hint=hint)
    return readable_identifier(name)


def _role(connection: ConnectionSettings) -> str:
    name = connection.connection_parameters().get("user") or "elconsole"
    return _one_role("user", name, "correct the user that the settings give this connection")


def _database(connection: ConnectionSettings) -> str:
    parameters = connection.connection_parameters()
    # Without a name, psql's variable for the database it is connected to.
    return readable_identifier(parameters["dbname"]) if parameters.get("dbname") else ':"DBNAME"'


def _is_restricted(table: TableSettings) -> bool:
    return table.columns is not None or bool(table.exclude_columns)


def _selects(source: SourceSettings, schema: str, table: str) -> bool:
    return any(table_matches(pattern, schema, table) for pattern in source.tables) and not any(
        table_matches(pattern, schema, table) for pattern in source.exclude
    )


def _restricted(source: SourceSettings) -> list[str]:
    """Tables that a glob selects but of which settings name the columns."""
    blocks = [(spelled(key), block) for key, block in source.table.items()]
    return [
        name
        for name, block in blocks
        if name is not None and _is_restricted(block) and _selects(source, *split(name))
    ]


def _schema_usage(schemas: list[str], role: str) -> list[str]:
    return [
        f"GRANT USAGE ON SCHEMA {readable_identifier(schema)} TO {role};"
        for schema in dict.fromkeys(schemas)
    ]


def _hidden_in(patterns: Iterable[str], schema: str, table: str) -> list[str]:
    """The column's part of each `table.column` pattern that means this table."""
    parted = (pattern.rpartition(".") for pattern in patterns)
    return [column for tables, _, column in parted if table_matches(tables, schema, table)]


def _table_grant(
    schema: str, table: str, settings: TableSettings, hidden: Sequence[str], role: str
) -> list[str]:
    """`hidden`: patterns of columns of this table that no sync copies."""
    target = f"{readable_identifier(schema)}.{readable_identifier(table)}"
    if settings.columns is None and (settings.exclude_columns or hidden):
        named = map(quote, settings.exclude_columns)
        return _all_but(target, [*named, *hidden], role)
    if settings.columns is None:
        return [f"GRANT SELECT ON TABLE {target} TO {role};"]
    copied = [*settings.columns, *(settings.primary_key or ())]
    copied += [settings.cursor] if settings.cursor else []
    excluded = [*map(quote, settings.exclude_columns), *hidden]
    needed = [name for name in copied if not any(fnmatchcase(name, one) for one in excluded)]
    columns = [readable_identifier(column) for column in dict.fromkeys(needed)]
    columns.append("xmin")
    return [f"GRANT SELECT ({', '.join(columns)}) ON TABLE {target} TO {role};"]


def _all_but(target: str, hidden: Iterable[str], role: str) -> list[str]:
    """Only the server knows the other columns: ask it, and grant these."""
    left = " AND ".join(f"NOT {_column_matches(pattern)}" for pattern in hidden)
    body = f"""
DECLARE columns text;
BEGIN
  {TRUSTING}
  SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
    FROM pg_catalog.pg_attribute
   WHERE attrelid = {literal(target)}::regclass
     AND attnum > 0 AND NOT attisdropped AND {left};
  EXECUTE format({literal("GRANT SELECT (%s, xmin) ON TABLE %s TO %s")},
                 columns, {literal(target)}, {literal(role)});
END
"""  # noqa: S608
    return [_do(body)]


def _column_matches(pattern: str) -> str:
    """The SQL condition for a pattern of columns on `attname`."""
    name = spelled(pattern)
    if name is not None:
        return f"attname = {literal(name)}"
    return f"attname ~ {literal(regular_expression(pattern))}"


def _glob_grant(
    pattern: str, source: SourceSettings, single: list[str], hidden: Sequence[str]
) -> list[str]:
    """A whole schema in two lines where it is one; else a loop over the tables that match."""
    role = _role(source)
    beginning, _, rest = pattern.partition(".")
    schema = spelled(beginning)
    inside = any(table_matches(pattern, *split(table)) for table in single)
    if schema and rest == "*" and not (source.exclude or inside or hidden):
        name = readable_identifier(schema)
        return [
            f"GRANT USAGE ON SCHEMA {name} TO {role};",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {role};",
        ]
    left_out = [*source.exclude, *map(quote, single)]
    conditions = [_matches(pattern), *(f"NOT {_matches(other)}" for other in left_out)]
    whole = "''"
    if hidden:
        whole = f"({_columns_but(hidden)})"
    body = f"""
DECLARE found record;
BEGIN
  {TRUSTING}
  FOR found IN
    SELECT n.nspname, c.relname, {whole} AS columns
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p')
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND {(chr(10) + "       AND ").join(conditions)}
  LOOP
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s', found.nspname, {literal(role)});
    EXECUTE format('GRANT SELECT %s ON TABLE %I.%I TO %s',
                   found.columns, found.nspname, found.relname, {literal(role)});
  END LOOP;
END
"""  # noqa: S608
    return [f"-- every table that {_comment(pattern)} names", _do(body)]


def _columns_but(hidden: Iterable[str]) -> str:
    """SELECT of a table's other columns in brackets, of nothing where none is hidden."""
    parted = (pattern.rpartition(".") for pattern in hidden)
    out = " OR ".join(f"({_matches(t)} AND {_column_matches(c)})" for t, _, c in parted)
    return f"""
           SELECT CASE WHEN bool_or({out}) THEN '(' || concat_ws(', ',
                    string_agg(quote_ident(attname), ', ' ORDER BY attnum)
                      FILTER (WHERE NOT ({out})), 'xmin') || ')' ELSE '' END
             FROM pg_catalog.pg_attribute
            WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped"""  # noqa: S608


def _matches(pattern: str) -> str:
    """The SQL condition for `table_matches` on n.nspname and c.relname."""
    qualified, name = "n.nspname || '.' || c.relname", spelled(pattern)
    if name is not None:
        return f"{literal(name)} IN (c.relname, {qualified})"
    subject = f"({qualified})" if "." in pattern else "c.relname"
    return f"{subject} ~ {literal(regular_expression(pattern))}"


def _do(body: str) -> str:
    tag = "grants"
    while f"${tag}$" in body:
        tag += "_"
    return f"DO ${tag}${body}${tag}$;"


def _remarks(source: SourceSettings, single: list[str], globs: list[str]) -> list[str]:
    remarks = []
    if any("." not in table for table in single):
        remarks.append("-- A table named without a schema is taken to lie in public: write")
        remarks.append('-- "schema.name" in the settings where it lies elsewhere.')
    if globs:
        remarks.append("-- Tables made later need these lines again, or their owner's")
        remarks.append("-- ALTER DEFAULT PRIVILEGES.")
    if any(is_glob(key) and _is_restricted(block) for key, block in source.table.items()):
        remarks.append("-- Columns selected by a glob are not told apart here: the role may read")
        remarks.append("-- those tables whole, unless the settings name them one by one.")
    if any(block.where and _is_restricted(block) for block in source.table.values()):
        remarks.append("-- Columns that stand only in a where condition need SELECT too.")
    return remarks
