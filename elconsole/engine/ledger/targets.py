"""Which raw table each source table has, for good, and how far its rows are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from elconsole.core.record import record
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.ledger.locks import take_lock
from elconsole.engine.ledger.names import TableKey
from elconsole.engine.ledger.places import Place, Placed, Wish, place_all
from elconsole.engine.sql.names import NAMES_LOCK
from elconsole.engine.sql.statements import statement


def assign_targets(session: Session, schema: str, wishes: Mapping[TableKey, Wish]) -> None:
    """Give every table that has none its target, for good; `schema` is the warehouse's.

    One whose settings name what another table has gets none: planning refuses it."""
    with session.within(CATALOG_TIMEOUT_S):
        known = read_targets(session).of(schema)
        if all(key in known for key in wishes):
            return
        with session.transaction():
            take_lock(session, NAMES_LOCK, "new tables can't get their names")
            found = read_targets(session)
            known = found.of(schema)
            placed = found.placed(schema, wishes)
            newcomers = [key for key in placed.places if key not in known]
            session.execute(
                "INSERT INTO elconsole.targets (home_schema, source, source_schema, source_table,"
                " target_schema, target_table)"
                " SELECT %s, source, source_schema, source_table, target_schema, target_table"
                " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])"
                " AS t (source, source_schema, source_table, target_schema, target_table)",
                [schema]
                + [[key[part] for key in newcomers] for part in range(3)]
                + [[placed.places[key].schema for key in newcomers]]
                + [[placed.places[key].name for key in newcomers]],
            )


@record(frozen=True, slots=True)
class Watermark:
    """How far a raw table has read its source."""

    snapshot: str
    snapshot_xmin: int
    extracted_at: datetime
    cursor_column: str | None
    cursor_value: str | None
    source_oid: int
    partition_oids: tuple[int, ...]
    system_identifier: str | None
    timeline: int | None
    choice: str
    source_columns: tuple[str, ...]
    source_numbers: tuple[int, ...]
    """`attnum` of each of them."""
    run_id: str
    """The run that wrote it."""


@record(frozen=True, slots=True)
class Target:
    """A row of `elconsole.targets`, with its watermark."""

    target_id: int
    home: str
    """The warehouse's `schema` in the settings that feed it."""
    key: TableKey
    place: Place
    generation: int
    row_count: int | None
    analyzed_rows: int | None
    last_synced_at: datetime | None
    content_run_id: str | None
    """The run that last changed its rows."""
    units_passed: int | None
    units_failed: int | None
    units_version: str | None
    """What the stored daily counts were counted from."""
    watermark: Watermark | None


@record(frozen=True, slots=True)
class Targets:
    """All that the ledger holds."""

    everything: tuple[Target, ...]

    def of(self, schema: str) -> dict[TableKey, Target]:
        """Those of settings with this `schema` of the warehouse."""
        return {target.key: target for target in self.everything if target.home == schema}

    def foreign(self, schema: str) -> frozenset[Place]:
        """The places that other settings' targets have."""
        return frozenset(target.place for target in self.everything if target.home != schema)

    def placed(self, schema: str, wishes: Mapping[TableKey, Wish]) -> Placed:
        """The places of these tables as they are, or would be assigned now."""
        standing = {key: target.place for key, target in self.of(schema).items()}
        return place_all(wishes, standing, self.foreign(schema))


def read_targets(session: Session) -> Targets:
    rows = session.execute(statement("ledger/targets")).fetchall()
    return Targets(tuple(_target(*row) for row in rows))


def _target(
    target_id: int,
    home: str,
    source: str,
    source_schema: str,
    source_table: str,
    schema: str,
    name: str,
    generation: int,
    row_count: int | None,
    analyzed_rows: int | None,
    last_synced_at: datetime | None,
    content_run_id: str | None,
    units_passed: int | None,
    units_failed: int | None,
    units_version: str | None,
    snapshot: str | None,
    snapshot_xmin: int,
    extracted_at: datetime,
    cursor_column: str | None,
    cursor_value: str | None,
    source_oid: int,
    partition_oids: list[int],
    system_identifier: str | None,
    timeline: int | None,
    choice: str,
    source_columns: list[str],
    source_numbers: list[int],
    run_id: str,
) -> Target:
    watermark = snapshot and Watermark(
        snapshot,
        snapshot_xmin,
        extracted_at,
        cursor_column,
        cursor_value,
        source_oid,
        tuple(partition_oids),
        system_identifier,
        timeline,
        choice,
        tuple(source_columns),
        tuple(source_numbers),
        run_id,
    )
    key = (source, source_schema, source_table)
    return Target(
        target_id,
        home,
        key,
        Place(schema, name),
        generation,
        row_count,
        analyzed_rows,
        last_synced_at,
        content_run_id,
        units_passed,
        units_failed,
        units_version,
        watermark or None,
    )
