"""Which of a table's columns are read, which are its key, and how the choice is told apart."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from elconsole.config.keys import nearest
from elconsole.config.patterns import column_matches
from elconsole.core.errors import PlanError
from elconsole.core.record import record
from elconsole.engine.catalog.source import SourceColumn, SourceRelation
from elconsole.engine.plan.drift import PlannedColumn
from elconsole.engine.sql.names import METADATA_PREFIX

if TYPE_CHECKING:
    from elconsole.config.models import TableSettings


@record(frozen=True, slots=True)
class Hidden:
    """Patterns of columns that leave no table, or leave it hashed."""

    excluded: tuple[str, ...]
    hashed: tuple[str, ...]

    def applied(
        self, settings: TableSettings, relation: SourceRelation, columns: Iterable[SourceColumn]
    ) -> TableSettings:
        """A table's settings with the columns of its own that the patterns mean."""

        def meant(patterns: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
            found = (
                column.name
                for column in columns
                if any(
                    column_matches(pattern, relation.schema, relation.name, column.name)
                    for pattern in patterns
                )
            )
            return tuple(dict.fromkeys((*own, *found)))

        if not (self.excluded or self.hashed):
            return settings
        excluded = meant(self.excluded, settings.exclude_columns)
        hashed = meant(self.hashed, settings.hash_columns)
        hashed = tuple(name for name in hashed if name not in excluded)
        return settings.model_copy(update={"exclude_columns": excluded, "hash_columns": hashed})


def fingerprint(columns: tuple[SourceColumn, ...]) -> tuple[tuple[str, int, int], ...]:
    return tuple((column.name, column.type_oid, column.typmod) for column in columns)


def choose_columns(
    where: str, source: tuple[SourceColumn, ...], settings: TableSettings
) -> tuple[SourceColumn, ...]:
    names = {column.name for column in source}
    wanted = settings.columns
    for name in (*(wanted or ()), *settings.exclude_columns, *settings.hash_columns):
        if name not in names:
            near = nearest(name, sorted(names))
            raise PlanError(
                f"{where} has no column {name}",
                hint=f"did you mean {near}?"
                if near
                else "see its columns, hash_columns and exclude_columns in settings",
            )
    chosen = tuple(
        column
        for column in source
        if (wanted is None or column.name in wanted) and column.name not in settings.exclude_columns
    )
    for column in chosen:
        if column.name.startswith(METADATA_PREFIX):
            raise PlanError(
                f"{where}: the column {column.name} has a name that raw tables keep for themselves",
                hint=f'exclude it: exclude_columns = ["{column.name}"]',
            )
    return chosen


def primary_key_of(
    where: str,
    source: tuple[SourceColumn, ...],
    columns: tuple[PlannedColumn, ...],
    settings: TableSettings,
) -> tuple[str, ...]:
    """The key's columns; none where the table has none or the selection leaves one out."""
    selected = {column.name for column in columns}
    if settings.primary_key:
        for name in settings.primary_key:
            if name not in selected:
                near = nearest(name, sorted(selected))
                raise PlanError(
                    f"{where}: primary_key names {name}, which is not among its columns",
                    hint=f"did you mean {near}?" if near else "correct primary_key in settings",
                )
        return tuple(settings.primary_key)
    keyed = sorted(
        (column for column in source if column.key_position is not None),
        key=lambda column: column.key_position or 0,
    )
    names = tuple(column.name for column in keyed)
    return names if selected.issuperset(names) else ()


def is_proven(
    key: Collection[str], relation: SourceRelation, unique: Iterable[frozenset[str]] | None
) -> bool:
    """Whether the source itself keeps a key unique; `unique`: what its indexes keep so, None
    where the key is the catalog's own, which children of the table do not share."""
    if relation.reads_children:
        return False
    return unique is None or any(columns.issubset(key) for columns in unique)


def check_quality(where: str, block: TableSettings, columns: tuple[PlannedColumn, ...]) -> None:
    """Raise PlanError for a column that a table's own `quality` names and no sync would copy."""
    if block.quality is None:
        return
    names = {column.name for column in columns}
    for key, value in block.quality.given().items():
        if key == "passed":
            continue
        for name in (value,) if isinstance(value, str) else value:
            if name not in names:
                near = nearest(name, sorted(names))
                raise PlanError(
                    f"{where}: {key} of its quality names {name}, which is not among its columns",
                    hint=f"did you mean {near}?" if near else "correct quality in settings",
                )


def salt_mark(salt: str) -> str:
    """32 bits of a digest: another salt has another mark, and a mark fits 2^224 digests."""
    import hashlib  # which loads OpenSSL

    return hashlib.sha256(f"elconsole salt mark\n{salt}".encode()).hexdigest()[:8]


def choice_text(settings: TableSettings, salted: str | None, *, children: bool) -> str:
    """What of the table is selected, as text to compare with the last sync's; `children`:
    whether the rows of tables that inherit from it are."""
    chosen = {
        "columns": settings.columns,
        "exclude_columns": settings.exclude_columns or None,
        "hash_columns": settings.hash_columns or None,
        "hash_salt": salted if settings.hash_columns else None,
        "where": settings.where,
        "primary_key": settings.primary_key,
        "children": children,
    }
    return json.dumps({name: value for name, value in chosen.items() if value})
