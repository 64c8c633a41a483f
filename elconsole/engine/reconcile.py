"""Comparing a source table with its raw table by content: each server sums its own rows.

A row's checksum is the first 64 bits of the MD5 of its columns' text in UTF-8, so that it is
the same on servers of any version and encoding. Sums are taken per bucket of the key's hash
(4,096 of them), which makes them independent of order and tells where to look: only the
rows of buckets that differ are fetched, as key and checksum.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from elconsole.config.patterns import typed
from elconsole.core.errors import Cancelled, ElconsoleError, PlanError
from elconsole.core.quoting import identifier, qualified
from elconsole.core.record import record
from elconsole.core.results import ReconciledTable, ReconcileReport
from elconsole.engine.catalog.source import relation_clause
from elconsole.engine.connect.answers import NotBelieved, truth, values_of, whole
from elconsole.engine.connect.session import Session
from elconsole.engine.extract import rows as reading
from elconsole.engine.extract.snapshot import begin_snapshot
from elconsole.engine.plan.drift import PlannedColumn
from elconsole.engine.plan.task import Refused, TableTask
from elconsole.engine.sql.names import METADATA

if TYPE_CHECKING:
    from elconsole.engine.connect.pool import Pools

BATCH_ROWS = 50_000
"""Keys held in memory at once while differing buckets are compared."""
BATCH_BYTES = 32 * 2**20
"""What a batch's keys and checksums may have."""
KEYS_NAMED = 20

Sums = Mapping[int, tuple[int, int]]
"""Per bucket, its rows and the sum of their checksums."""


@record(frozen=True, slots=True)
class Side:
    """One of the two tables, as SQL."""

    session: Session
    stall_timeout_s: float
    relation: str
    columns: tuple[str, ...]
    """Expressions whose text must be the same on both sides."""
    key: tuple[str, ...]
    """Expressions of the key; none where the row itself must serve."""
    where: str
    pending: str
    """True for a row that the last sync can't have seen."""

    def sums(self) -> dict[int, tuple[int, int]]:
        """Rows and checksum of every bucket: one scan."""
        rows = self._query(
            "SELECT bucket, pg_catalog.count(*), pg_catalog.sum(checksum)"
            f" FROM ({self._rows()}) AS r GROUP BY bucket"
        )
        with self.session.translated():
            found = (values_of(row, 3) for row in rows)
            return {whole(bucket): (whole(count), _sum(total)) for bucket, count, total in found}

    def rows_of(self, buckets: Sequence[int]) -> list[tuple[str, int, bool]]:
        """Key as JSON text, checksum, and whether it is pending, of every row in the buckets."""
        listed = ", ".join(str(bucket) for bucket in buckets)
        with self.session.answering(BATCH_BYTES):
            rows = self._query(
                f"SELECT key, checksum, pending FROM ({self._rows()}) AS r"
                f" WHERE bucket IN ({listed})"
            )
        with self.session.translated():
            found = (values_of(row, 3) for row in rows)
            return [(str(key), whole(checksum), truth(pending)) for key, checksum, pending in found]

    def _query(self, query: str) -> list[tuple[Any, ...]]:
        with self.session.translated(), self.session.attended(self.stall_timeout_s):
            return self.session.execute(query.encode()).fetchall()

    def _rows(self) -> str:
        """SELECT of every row's key and checksum. Its expressions are of built-in types, so
        neither the record's text nor JSON looks for a cast of anybody's."""
        row = _md5(f"ROW({', '.join(self.columns)})::text")
        key = f"pg_catalog.json_build_array({', '.join(self.key)})::text" if self.key else row
        return (
            "SELECT key, pending,"
            " ('x' || pg_catalog.substr(row_md5, 1, 16))::bit(64)::int8 AS checksum,"
            f" ('x' || pg_catalog.substr({_md5('key')}, 1, 3))::bit(12)::int AS bucket"
            f" FROM (SELECT {key} AS key, {row} AS row_md5, {self.pending} AS pending"
            f" FROM {self.relation}{self.where}) AS s"
        )


def _sum(total: object) -> int:
    """A sum of integers, which PostgreSQL makes a numeric."""
    if isinstance(total, int | Decimal) and total == int(total):
        return int(total)
    raise NotBelieved("no sum")


def _md5(text: str) -> str:
    return f"pg_catalog.md5(pg_catalog.convert_to({text}, 'UTF8'))"


def reconcile_tables(
    planned: Sequence[TableTask | Refused],
    pools: Pools,
    *,
    hash_salt: str | None,
    workers: int,
    stall_timeout_s: float,
    stop: threading.Event,
) -> ReconcileReport:
    """Compare every planned table, `workers` at a time."""

    def compare(one: TableTask | Refused) -> ReconciledTable:
        if isinstance(one, Refused):
            return _unequal(one.source, one.label, one.target, one.error)
        try:
            return _compare(one, pools, hash_salt, stall_timeout_s, stop)
        except Cancelled:
            raise
        except ElconsoleError as error:
            return _unequal(one.source, one.label, one.standing.text, error)

    with ThreadPoolExecutor(max(1, workers), "reconcile") as executor:
        return ReconcileReport(tuple(executor.map(compare, planned)))


def _unequal(source: str, table: str, target: str, error: ElconsoleError) -> ReconciledTable:
    return ReconciledTable(
        source=source,
        table=table,
        target=target,
        source_rows=None,
        target_rows=None,
        equal=False,
        error=error.info(),
    )


def _compare(
    task: TableTask,
    pools: Pools,
    hash_salt: str | None,
    stall_timeout_s: float,
    stop: threading.Event,
) -> ReconciledTable:
    if task.watermark is None or task.parent is None:
        raise PlanError(
            f"{task.source}.{task.label} was never synced",
            hint=f"`elconsole --headless sync {typed(task.source, task.label)}`",
        )
    with (
        pools.warehouse.session(stop) as warehouse,
        pools.sources[task.source].session(stop) as source,
    ):
        with warehouse.translated():
            target = _target_side(warehouse, task, stall_timeout_s)
            target_sums = target.sums()
        with source.translated():
            begin_snapshot(source, task, hash_salt)
            origin = _source_side(source, task, stall_timeout_s)
            source_sums = origin.sums()
        differences = _differences(origin, target, source_sums, target_sums)
        with warehouse.translated():
            warehouse.execute("COMMIT")
        with source.translated():
            source.execute("COMMIT")
    pending, keys = differences
    copied = {column.name for column in task.columns}
    unloaded = tuple(name for name in sorted(copied) if name not in task.raw_columns)
    return ReconciledTable(
        source=task.source,
        table=task.label,
        target=task.standing.text,
        source_rows=_total(source_sums),
        target_rows=_total(target_sums),
        equal=not keys and not unloaded,
        pending=pending,
        different_keys=tuple(sorted(keys)[:KEYS_NAMED]),
        columns_only_in_source=unloaded,
        columns_only_in_target=tuple(
            name for name in task.raw_columns if name not in copied and name not in METADATA
        ),
    )


def _target_side(session: Session, task: TableTask, stall_timeout_s: float) -> Side:
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    columns = _shared(task)
    return Side(
        session,
        stall_timeout_s,
        qualified(task.standing.schema, task.standing.name),
        tuple(identifier(column.name) for column in columns),
        tuple(identifier(name) for name in task.primary_key),
        "",
        "false",
    )


def _source_side(session: Session, task: TableTask, stall_timeout_s: float) -> Side:
    columns = _shared(task)
    by_name = {column.name: column for column in columns}
    mark = task.watermark
    pending = "false"
    if task.relation.has_xmin and mark is not None:
        pending = reading.written_from(mark.snapshot_xmin)
    return Side(
        session,
        stall_timeout_s,
        relation_clause(task.relation),
        tuple(column.expression for column in columns),
        tuple(by_name[name].expression for name in task.primary_key),
        reading.where_clause(task),
        pending,
    )


def _shared(task: TableTask) -> list[PlannedColumn]:
    """The columns that both sides have."""
    return [column for column in task.columns if column.name in task.raw_columns]


def _differences(
    origin: Side, target: Side, source_sums: Sums, target_sums: Sums
) -> tuple[int, set[str]]:
    """How many keys differ only because the source moved on, and the keys that differ else."""
    unlike = sorted(
        bucket
        for bucket in source_sums.keys() | target_sums.keys()
        if source_sums.get(bucket) != target_sums.get(bucket)
    )
    pending, keys = 0, set[str]()
    for batch in _batches(unlike, source_sums, target_sums):
        with target.session.translated():
            loaded = _by_key(target.rows_of(batch))
        with origin.session.translated():
            present = _by_key(origin.rows_of(batch))
        for key in loaded.keys() | present.keys():
            checksums, is_pending = present.get(key, ([], False))
            if checksums == loaded.get(key, ([], False))[0]:
                continue
            if is_pending:
                pending += 1
            else:
                keys.add(key)
    return pending, keys


def _by_key(
    rows: Sequence[tuple[str, int, bool]],
) -> dict[str, tuple[list[int], bool]]:
    """All checksums of a key (more than one where the row itself is the key)."""
    found: dict[str, tuple[list[int], bool]] = {}
    for key, checksum, pending in rows:
        checksums, was_pending = found.get(key, ([], False))
        found[key] = (sorted([*checksums, checksum]), was_pending or pending)
    return found


def _batches(buckets: Sequence[int], source_sums: Sums, target_sums: Sums) -> Iterator[list[int]]:
    batch: list[int] = []
    rows = 0
    for bucket in buckets:
        batch.append(bucket)
        rows += max(source_sums.get(bucket, (0, 0))[0], target_sums.get(bucket, (0, 0))[0])
        if rows >= BATCH_ROWS:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch


def _total(sums: Sums) -> int:
    return sum(count for count, _ in sums.values())
