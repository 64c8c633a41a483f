"""The source's snapshot: how it is opened, and whether the watermark goes on from it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from psycopg import sql

from elconsole.core.errors import TransientFault
from elconsole.core.record import record
from elconsole.engine.catalog.source import SYSTEM_IDENTIFIER, TIMELINE, identity_of
from elconsole.engine.connect.answers import (
    LARGEST_OID,
    NotBelieved,
    moment,
    several,
    values_of,
    whole,
    words,
)
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.plan.task import SALT_SETTING, TableTask
from elconsole.engine.sql.statements import statement

XID_HALF = 2**31
LONGEST_SNAPSHOT = 2**20
"""Characters of a snapshot: it names each transaction in progress."""
MOST_PAGES = 2**32
SNAPSHOT_TEXT = re.compile(r"[0-9]+:[0-9]+:[0-9,]*")


class SchemaMoved(TransientFault):
    """The table changed between planning and reading; plan it again."""

    kind = "schema_moved"


class FullRefreshNeeded(Exception):
    """What the source's snapshot shows makes an incremental read unsafe."""


@record(frozen=True, slots=True)
class Snapshot:
    """A source's state at one instant, which the rows of a load are read from."""

    text: str
    xmin: int
    xmax: int
    taken_at: datetime
    partition_oids: tuple[int, ...]
    pages: int = 0
    """Size of the table or of its largest partition; 0 where it can't be read in parts."""
    identity: tuple[str, int] | None = None
    """System identifier and timeline of its cluster; None where the role may not read them."""
    cursor_value: str | None = None
    """Highest cursor within the snapshot, as exact text."""


def begin_snapshot(session: Session, task: TableTask, hash_salt: str | None) -> Snapshot:
    """Open the read-only transaction and pin the table; hashed columns get their salt. Raises
    SchemaMoved where the table is not the planned one any more."""
    with session.within(CATALOG_TIMEOUT_S):
        cursor = session.execute(opening(task))
        while cursor.nextset():
            pass
        snapshot = read_snapshot(task, cursor.fetchone())
    if task.settings.hash_columns and hash_salt:
        _set_salt(session, hash_salt)
    return snapshot


def opening(task: TableTask) -> sql.Composed:
    """Statements that open the transaction, pin the table and select its snapshot."""
    relation = sql.Identifier(task.relation.schema, task.relation.name)
    begin = sql.SQL("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;")
    if task.relation.is_base_table and task.relation.is_readable:
        pin = sql.SQL("LOCK TABLE {}{} IN ACCESS SHARE MODE;").format(_only(task), relation)
    else:
        pin = sql.SQL("SELECT FROM {} LIMIT 0;").format(relation)
    reads = task.reads_identity
    read = sql.SQL(statement("catalog/source_snapshot")).format(
        oid=sql.Literal(task.relation.oid),
        children=sql.Literal(task.relation.reads_children),
        system_identifier=sql.SQL(SYSTEM_IDENTIFIER if reads else "NULL::text"),
        timeline=sql.SQL(TIMELINE if reads else "NULL::int8"),
    )
    return begin + pin + read


def read_snapshot(task: TableTask, row: tuple[Any, ...] | None) -> Snapshot:
    """The answer to `opening`; raises SchemaMoved where the table is not the planned one."""
    if row is None:
        raise SchemaMoved(f"{task.source}.{task.label} is gone", hint="sync again")
    snapshot, found, unmoved = _checked(row)
    if found != task.fingerprint or not unmoved:
        raise SchemaMoved(
            f"{task.source}.{task.label} changed while the sync was being planned",
            hint="sync again",
        )
    return snapshot


def _checked(row: tuple[Any, ...]) -> tuple[Snapshot, tuple[Any, ...], bool]:
    """The snapshot, the table's columns, and whether it is the file that the catalog has."""
    text, xmin, xmax, taken_at, described, partition_oids, unmoved, pages, *identity = values_of(
        row, 10
    )
    if not SNAPSHOT_TEXT.fullmatch(words(text, LONGEST_SNAPSHOT)):
        raise NotBelieved("no snapshot")
    snapshot = Snapshot(
        text,
        whole(xmin, 0),
        whole(xmax, 0),
        moment(taken_at),
        tuple(whole(oid, 1, LARGEST_OID) for oid in several(partition_oids)),
        whole(pages or 0, 0, MOST_PAGES),
        None if identity == [None, None] else identity_of(identity),
    )
    each = (values_of(one, 3) for one in several(described))
    found = tuple((words(name), whole(oid), whole(typmod)) for name, oid, typmod in each)
    return snapshot, found, unmoved is True


def _set_salt(session: Session, salt: str) -> None:
    """Give the session the salt of hashed columns, as a bound value."""
    with session.within(CATALOG_TIMEOUT_S):
        session.execute("SELECT pg_catalog.set_config(%s, %s, true)", [SALT_SETTING, salt])


def check_continuity(task: TableTask, snapshot: Snapshot) -> None:
    """Raise FullRefreshNeeded where the watermark says nothing about this source any more."""
    mark, identity = task.watermark, snapshot.identity
    if mark is None:
        raise FullRefreshNeeded("no watermark")
    if identity and mark.system_identifier and mark.system_identifier != identity[0]:
        raise FullRefreshNeeded("the source is another cluster than at the last sync")
    if identity and mark.timeline and mark.timeline != identity[1]:
        raise FullRefreshNeeded(
            "the source was restored or failed over since the last sync"
            f" (timeline {mark.timeline}, now {identity[1]})"
        )
    if mark.snapshot_xmin > snapshot.xmax:
        raise FullRefreshNeeded(
            "the source's transaction counter went back since the last sync (restored?)"
        )
    if snapshot.xmax - mark.snapshot_xmin >= XID_HALF:
        raise FullRefreshNeeded("the last sync is more than 2^31 transactions ago")


def _only(task: TableTask) -> sql.SQL:
    relation = task.relation
    return sql.SQL("ONLY " if relation.kind == "r" and not relation.reads_children else "")
