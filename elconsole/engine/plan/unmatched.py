"""What settings name and a source has not: pure, from settings, catalog and ledger.

Settings that hide rows or columns must not be misread in silence: a block for `custmers`
would let all of `customers` leave. So nothing of the source is synced before it is right."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from elconsole.config.keys import dotted, nearest
from elconsole.config.patterns import column_matches, table_matches
from elconsole.core.errors import PlanError
from elconsole.engine.catalog.source import SourceCatalog, matches
from elconsole.engine.ledger.names import TableKey

if TYPE_CHECKING:
    from elconsole.config.models import Settings, SourceSettings
    from elconsole.core.nearest import Names


def unmatched(
    name: str, settings: SourceSettings, catalog: SourceCatalog, known: Collection[TableKey]
) -> PlanError | None:
    """The first block or column pattern that names nothing, as the error of its source.

    `known`: the tables of earlier syncs; a block of one that is gone is no slip."""
    return next(_unmatched(name, settings, catalog, known), None)


def empty(name: str, catalog: SourceCatalog) -> PlanError | None:
    """The error of a source of which settings select nothing."""
    if catalog.relations or catalog.missing or catalog.unmatched:
        return None
    return PlanError(
        f"{name}: settings leave no table to sync",
        hint=f"correct tables and exclude in [sources.{dotted((name,))}]",
    )


def unmatched_glob(name: str, pattern: str, catalog: SourceCatalog, names: Names) -> PlanError:
    """The error of a glob in `tables` that no base table matches."""
    if not any(relation.is_base_table and not relation.is_ours for relation in catalog.everything):
        return PlanError(
            f"{name} has no base table that its role can see",
            hint=f"see dbname in [sources.{dotted((name,))}]; a view is synced under its own name",
        )
    if any(matches(relation, pattern) for relation in catalog.everything):
        return PlanError(
            f"no base table of {name} matches {pattern}: views, partitions, extensions' tables"
            " and elconsole's own are synced under their own names only",
            hint="name them in tables",
        )
    return PlanError(f"no table of {name} matches {pattern}", hint=_hint(pattern, names))


def _unmatched(
    name: str, settings: SourceSettings, catalog: SourceCatalog, known: Collection[TableKey]
) -> Iterator[PlanError]:
    tables = [(relation.schema, relation.name) for relation in catalog.everything]
    tables += [(schema, table) for source, schema, table in known if source == name]
    for key in settings.table:
        if not any(table_matches(key, schema, table) for schema, table in tables):
            yield PlanError(
                f"{name}: the block [{dotted(('sources', name, 'table', key))}] matches no table,"
                " so nothing of the source is synced",
                hint=_hint(key, names_of(catalog)),
            )
    yield from _unmatched_columns(name, settings, [catalog], "the source")


def unmatched_anywhere(settings: Settings, catalogs: Iterable[SourceCatalog]) -> PlanError | None:
    """The first column pattern for all sources that names nothing in any of them."""
    return next(_unmatched_columns("settings", settings, list(catalogs), "any source"), None)


def _unmatched_columns(
    name: str, settings: SourceSettings | Settings, catalogs: Iterable[SourceCatalog], whole: str
) -> Iterator[PlanError]:
    columns = [
        (relation.schema, relation.name, column.name)
        for catalog in catalogs
        for relation in catalog.relations
        for column in catalog.columns.get(relation.oid, ())
    ]
    for setting, patterns in (
        ("exclude_columns", settings.exclude_columns),
        ("hash_columns", settings.hash_columns),
    ):
        for pattern in patterns:
            if not any(column_matches(pattern, *column) for column in columns):
                near = _nearest_column(pattern, columns)
                yield PlanError(
                    f"{name}: {setting} names {pattern}, which no column matches, so nothing of"
                    f" {whole} is synced",
                    hint=f"did you mean {near}?" if near else 'write "table.column" or "*.column"',
                )


def _nearest_column(pattern: str, columns: Iterable[tuple[str, str, str]]) -> str | None:
    """The pattern with the column, or the whole name, that was most likely meant."""
    of_tables, _, of_columns = pattern.rpartition(".")
    meant = sorted(
        {each for schema, table, each in columns if table_matches(of_tables, schema, table)}
    )
    near = nearest(of_columns, meant)
    if near is not None:
        return f"{of_tables}.{near}"
    return nearest(pattern, sorted({f"{table}.{each}" for _, table, each in columns}))


def names_of(catalog: SourceCatalog) -> Names:
    """What a source's tables may be called."""
    from elconsole.core.nearest import Names

    held = catalog.everything
    return Names(name for found in held for name in (found.qualified, found.name))


def _hint(pattern: str, names: Names) -> str:
    near = names.nearest(pattern)
    return (
        f"did you mean {near}?"
        if near
        else "see what it has: `elconsole --headless sync --dry-run`"
    )


def missing_table(source: str, name: str, names: Names) -> PlanError:
    """The error for a name in settings that is none of the source's."""
    near = names.nearest(name)
    hint = f"did you mean {near}?" if near else "see `tables` in settings"
    return PlanError(f"{source} has no table {name} that its role can see", hint=hint)
