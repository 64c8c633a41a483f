"""Raw tables: which there are and who feeds them; renaming, dropping and resetting them.

Each change is one transaction, under the table's advisory lock, so that it never meets a sync.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import psycopg

from elconsole.config.keys import dotted, nearest
from elconsole.config.patterns import read_argument, table_matches
from elconsole.core.errors import (
    SchemaConflict,
    SwapBlocked,
    TableLocked,
    TargetTaken,
    UsageError,
)
from elconsole.core.quoting import qualified
from elconsole.core.results import RawTable, UnfedTable
from elconsole.core.safe_text import clean_text
from elconsole.core.targets import (
    TargetChange,
    TargetInfo,
    TargetRequest,
    TargetsReport,
    TargetState,
)
from elconsole.engine.catalog.warehouse import WarehouseState, read_state
from elconsole.engine.connect.answers import values_of
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.ledger.locks import holder_of, take_lock
from elconsole.engine.ledger.names import NAME_BYTES
from elconsole.engine.ledger.places import Place, line_to_write, wish_of
from elconsole.engine.ledger.schema import ledger_version, prepare_warehouse
from elconsole.engine.ledger.targets import Target
from elconsole.engine.plan.survey import Survey
from elconsole.engine.plan.table import RELATION_KINDS
from elconsole.engine.plan.unfed import surveyed_unfed
from elconsole.engine.publish import storage
from elconsole.engine.publish.swap import LOCK_TIMEOUT_MS, PAUSES_S
from elconsole.engine.sql.names import NAMES_LOCK, TABLE_LOCK_CLASS
from elconsole.engine.sql.statements import statement

if TYPE_CHECKING:
    from elconsole.config.models import Settings

LISTED = "`elconsole targets` lists them"


def list_targets(
    settings: Settings, found: Survey, state: WarehouseState, published: Iterable[RawTable]
) -> TargetsReport:
    """Every target of these settings. Pure; `published`: rows and sizes of those that stand."""
    sizes = {table.target: table for table in published}
    unfed = {one.target: one for one in surveyed_unfed(settings, found, state)}
    labels = _labels(state.targets.values())
    listed = []
    for target in sorted(state.targets.values(), key=lambda target: target.place.text):
        size = sizes.get(target.place.text)
        kind, reason = _state(settings, found, target, size, unfed)
        listed.append(
            TargetInfo(
                target=target.place.text,
                source=target.key[0],
                table=labels[target.target_id],
                state=kind,
                reason=reason,
                rows=size.rows if size else 0,
                bytes=size.bytes if size else 0,
                last_synced_at=target.last_synced_at,
                generation=target.generation,
            )
        )
    unasked = tuple((name, error.info()) for name, error in found.failures.items())
    return TargetsReport(tuple(listed), unasked)


def _labels(targets: Iterable[Target]) -> dict[int, str]:
    """By target, its source's table as reports call it."""
    known = list(targets)
    seen = Counter((target.key[0], target.key[2]) for target in known)
    return {
        target.target_id: ".".join(target.key[1:])
        if seen[target.key[0], target.key[2]] > 1
        else target.key[2]
        for target in known
    }


def _state(
    settings: Settings,
    found: Survey,
    target: Target,
    size: RawTable | None,
    unfed: Mapping[str, UnfedTable],
) -> tuple[TargetState, str | None]:
    """Who feeds a raw table, and why nobody does."""
    source, schema, table = target.key
    if source not in settings.sources:
        return "source_gone", f"the source {source} is no longer configured"
    if not target.generation:
        return "never_synced", "no sync has filled it yet"
    if size is None:
        return "missing", "somebody dropped it; the next sync makes it again"
    if source not in found.catalogs:
        return "unknown", f"the source {source} could not be asked"
    told = unfed.get(target.place.text)
    if told is None:
        return "fed", None
    held = {(one.schema, one.name) for one in found.catalogs[source].everything}
    return "not_selected" if (schema, table) in held else "table_gone", told.reason


class TargetChanger:
    """One change, from what the ledger says to its COMMIT."""

    def __init__(self, session: Session, settings: Settings, request: TargetRequest) -> None:
        """Raises UsageError where elconsole never synced into this warehouse."""
        self.session = session
        self.settings = settings
        self.request = request
        schemas = settings.target_schemas
        with session.within(CATALOG_TIMEOUT_S):
            version = ledger_version(session, schemas, writes=not request.dry_run)
        if not version:
            raise UsageError("there are no raw tables: no sync has written to this warehouse")
        if not request.dry_run:
            prepare_warehouse(session, schemas, version)
        self.state = read_state(session, schemas, is_prepared=True)
        self.labels = _labels(self.state.targets.values())

    def change(self) -> tuple[TargetChange, ...]:
        """Do what was asked for, or say what would be done. Raises UsageError for what is not
        there or can't be meant, TargetTaken, TableLocked, SwapBlocked and SchemaConflict where
        the warehouse forbids it."""
        match self.request.action:
            case "rename":
                return self._rename()
            case "move-source":
                return self._move_source()
            case "drop":
                return self._drop()
            case "reset":
                return self._reset()

    def _rename(self) -> tuple[TargetChange, ...]:
        target = self._named(self.request.name)
        self._check_free_to_name(target)
        old, new = target.place, self._new_place(target)
        relation = self.state.relations.get(old)
        self._check_ours(target)
        if not self.request.dry_run:
            known = {"schema": new.schema, "name": new.name, "target_id": target.target_id}
            known |= {"old_schema": old.schema, "old_name": old.name}
            follows = target.history_run_id is not None and old.history in self.state.relations
            ddl = storage.move(old, new, history=follows) if relation is not None else ""
            self._publish(target, ddl, self._bound("ledger/move_target", known))
        return (self._told(target, f"renamed to {new.text}", new.text),)

    def _new_place(self, target: Target) -> Place:
        """Raises UsageError for what is no name, TargetTaken for one that is not free."""
        schema, text = target.place.schema, self.request.to or ""
        name = text.removeprefix(f"{schema}.")
        if any(name.startswith(f"{other}.") for other in self.settings.target_schemas):
            raise UsageError(
                f"a rename keeps the schema: {clean_text(text)} is in another than {schema}",
                hint="set target_schema in the source's settings; the next sync moves its tables",
            )
        if not name or "\0" in name or len(name.encode()) > NAME_BYTES:
            raise UsageError(
                f"{clean_text(name)} can't be a table's name",
                hint=f"PostgreSQL's names have 1 to {NAME_BYTES} bytes",
            )
        place = Place(schema, name)
        holders = {one.place: one for one in self.state.ledger.everything}
        if place in holders:
            raise TargetTaken(
                f"{place.text} is the name of {_of(holders[place])}", hint="choose another"
            )
        self._check_nothing_at(place)
        return place

    def _check_nothing_at(self, place: Place) -> None:
        if place in self.state.relations:
            kind = RELATION_KINDS.get(self.state.relations[place].kind, "table")
            raise TargetTaken(f"a {kind} {place.text} stands there", hint="choose another name")

    def _check_free_to_name(self, target: Target) -> None:
        """That settings don't name it, which the next sync would follow."""
        source = self.settings.sources.get(target.key[0])
        if source is None:
            return
        name = wish_of(source, target.key, self.state.schema).name
        if name is not None:
            raise UsageError(
                f"settings call {target.place.text} {clean_text(name)}:"
                " a sync would rename it again",
                hint=f"set {line_to_write(target.key)}; the next sync renames it",
            )

    def _check_ours(self, target: Target) -> None:
        """That what stands there is what elconsole made."""
        relation = self.state.relations.get(target.place)
        if relation is not None and not relation.is_ours:
            kind = RELATION_KINDS.get(relation.kind, "table")
            raise TargetTaken(
                f"{target.place.text} is a {kind} that elconsole did not make; it was left alone",
                hint="rename or drop it yourself",
            )

    def _move_source(self) -> tuple[TargetChange, ...]:
        old, new = self.request.name, self.request.to or ""
        moving = [one for one in self._all() if one.key[0] == old]
        self._check_sources(old, new, moving)
        for target in moving:
            there = self.state.targets.get((new, *target.key[1:]))
            if there is not None:
                raise TargetTaken(
                    f"{new} has {there.place.text} for {'.'.join(target.key[1:])} already,"
                    f" beside {target.place.text} of {old}",
                    hint=f"drop one of the two: `elconsole targets drop {there.place.text}`",
                )
        if not self.request.dry_run:
            self._write_source(old, new, [one.target_id for one in moving])
        return tuple(self._told(one, f"source {old} becomes {new}", new) for one in moving)

    def _check_sources(self, old: str, new: str, moving: Sequence[Target]) -> None:
        if new not in self.settings.sources:
            near = nearest(new, list(self.settings.sources))
            raise UsageError(
                f"there is no source {clean_text(new)}",
                hint=f"did you mean {near}?"
                if near
                else f"rename [{dotted(('sources', old))}] in settings first",
            )
        if old in self.settings.sources:
            raise UsageError(
                f"the source {old} is still configured: its tables would be new ones",
                hint=f"rename [{dotted(('sources', old))}] in settings first",
            )
        if not moving:
            known = sorted({one.key[0] for one in self.state.targets.values()})
            near = nearest(old, known)
            raise UsageError(
                f"no raw table is of a source {clean_text(old)}",
                hint=f"did you mean {near}?" if near else LISTED,
            )

    def _write_source(self, old: str, new: str, target_ids: list[int]) -> None:
        with self.session.within(CATALOG_TIMEOUT_S), self.session.transaction():
            take_lock(self.session, NAMES_LOCK, "tables can't change their source")
            self.session.execute(
                "UPDATE elconsole.targets SET source = %s WHERE target_id = ANY (%s)",
                [new, target_ids],
            )
            self.session.execute(
                "UPDATE elconsole.quality_baselines b SET source = %s FROM elconsole.targets t"
                " WHERE t.target_id = ANY (%s) AND b.source = %s"
                " AND (b.target_schema, b.target_table) = (t.target_schema, t.target_table)",
                [new, target_ids, old],
            )

    def _drop(self) -> tuple[TargetChange, ...]:
        target = self._named(self.request.name)
        self._check_ours(target)
        place = target.place
        stands = place in self.state.relations
        if not self.request.dry_run:
            known = {"schema": place.schema, "name": place.name, "target_id": target.target_id}
            ddl = f"DROP TABLE {qualified(place.schema, place.name)};" if stands else ""
            self._publish(target, ddl, self._bound("ledger/drop_target", known))
            for (name,) in self.session.execute(
                storage.leftovers_query(target.target_id, None).encode()
            ).fetchall():
                storage.try_drop(self.session, storage.drop_leaf(str(name)))
        words = f"dropped with its {target.row_count or 0} rows" if stands else "forgotten"
        return (self._told(target, words),)

    def _reset(self) -> tuple[TargetChange, ...]:
        sources = {*self.settings.sources, *(one.key[0] for one in self.state.targets.values())}
        source, pattern = read_argument(self.request.name, sources)
        chosen = [
            one
            for one in self._all()
            if one.key[0] == source and pattern and table_matches(pattern, *one.key[1:])
        ]
        if not chosen:
            near = nearest(self.request.name, [_argument(self.labels, one) for one in self._all()])
            raise UsageError(
                f"no raw table is of {clean_text(self.request.name)}",
                hint=f"did you mean {near}?" if near else f"name a SOURCE.TABLE; {LISTED}",
            )
        for target in () if self.request.dry_run else chosen:
            known = {"target_id": target.target_id}
            self._publish(target, "", self._bound("ledger/reset_target", known))
        return tuple(self._told(one, "the next sync reads it in full") for one in chosen)

    def _all(self) -> Sequence[Target]:
        return sorted(self.state.targets.values(), key=lambda one: one.place.text)

    def _named(self, name: str) -> Target:
        """The raw table of that name, bare or with its schema."""
        found = [one for one in self._all() if name in (one.place.text, one.place.name)]
        exact = [one for one in found if one.place.text == name]
        if len(exact or found) == 1:
            return (exact or found)[0]
        if found:
            listed = " and ".join(one.place.text for one in found)
            raise UsageError(f"{listed} are both called so", hint="write the schema, too")
        names = [each for one in self._all() for each in (one.place.text, one.place.name)]
        near = nearest(name, names)
        raise UsageError(
            f"there is no raw table {clean_text(name)}",
            hint=f"did you mean {near}?" if near else LISTED,
        )

    def _told(self, target: Target, change: str, to: str | None = None) -> TargetChange:
        label = self.labels[target.target_id]
        return TargetChange(target.place.text, target.key[0], label, change, to)

    def _bound(self, name: str, known: Mapping[str, object]) -> str:
        return psycopg.ClientCursor(self.session).mogrify(statement(name), known)

    def _publish(self, target: Target, ddl: str, entry: str) -> None:
        """DDL and the ledger's rows in one transaction, under the raw table's lock, which is
        asked for again and again for an instant: readers must not queue behind it."""
        deadline = time.monotonic() + self.settings.lock_wait
        tries = 0
        while not self._try(target, ddl, entry):
            if time.monotonic() >= deadline:
                raise SwapBlocked(
                    f"{target.place.text} stayed locked for {self.settings.lock_wait:.0f} s;"
                    " nothing was changed",
                    hint="end whatever reads it; lock_wait sets how long is waited",
                    sqlstate="55P03",
                )
            time.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
            tries += 1

    def _try(self, target: Target, ddl: str, entry: str) -> bool:
        session, place = self.session, target.place
        lock = f"LOCK TABLE {qualified(place.schema, place.name)} IN ACCESS EXCLUSIVE MODE;"
        session.execute("BEGIN")
        self._take_table_lock(target)
        try:
            session.execute(
                f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MS}ms';"
                f" {lock if ddl else ''}{ddl}{entry}; COMMIT".encode()
            )
        except psycopg.errors.LockNotAvailable:
            session.execute("ROLLBACK")
            return False
        except psycopg.errors.DependentObjectsStillExist as error:
            detail = " ".join((error.diag.message_detail or "").split())
            raise SchemaConflict(
                f"{place.text}: {error.diag.message_primary}; {detail}".rstrip("; "),
                hint="drop what depends on it first",
                sqlstate=error.sqlstate,
            ) from error
        return True

    def _take_table_lock(self, target: Target) -> None:
        """Until the transaction ends; raises TableLocked where a sync has it."""
        keys = [TABLE_LOCK_CLASS, target.target_id]
        row = self.session.execute(
            "SELECT pg_catalog.pg_try_advisory_xact_lock(%s, %s),"
            " (SELECT target_schema || '.' || target_table FROM elconsole.targets"
            " WHERE target_id = %s)",
            [*keys, target.target_id],
        ).fetchone()
        taken, place = values_of(row, 2)
        if not taken:
            holder, hint = holder_of(self.session, *keys)
            raise TableLocked(f"{target.place.text} is being synced by {holder}", hint=hint)
        if place != target.place.text:
            raise UsageError(f"{target.place.text} was dropped or renamed meanwhile", hint=LISTED)


def _argument(labels: Mapping[int, str], target: Target) -> str:
    return f"{target.key[0]}.{labels[target.target_id]}"


def _of(target: Target) -> str:
    return clean_text(".".join(target.key))
