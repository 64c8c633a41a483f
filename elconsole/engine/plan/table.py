"""What to do with each table: pure, from settings, both catalogs and the watermarks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from elconsole.core.errors import (
    ConfigurationError,
    ElconsoleError,
    PlanError,
    SchemaConflict,
    TargetTaken,
)
from elconsole.core.quoting import grantee, printable_identifier
from elconsole.core.record import record
from elconsole.core.safe_text import clean_text
from elconsole.core.types import Mode, Strategy
from elconsole.engine.catalog.source import MONEY_OIDS, SourceCatalog, SourceColumn, SourceRelation
from elconsole.engine.catalog.warehouse import RawRelation, WarehouseState
from elconsole.engine.ledger.names import TableKey, can_spell
from elconsole.engine.ledger.places import Place, Placed
from elconsole.engine.ledger.targets import Target
from elconsole.engine.plan.columns import (
    Hidden,
    check_quality,
    choice_text,
    choose_columns,
    fingerprint,
    is_proven,
    new_columns,
    new_refused,
    primary_key_of,
)
from elconsole.engine.plan.drift import PlannedColumn
from elconsole.engine.plan.strategy import MAX_COLUMNS, backfilled, incremental
from elconsole.engine.plan.task import (
    SALT_SETTING,
    Refused,
    TableTask,
    drift_of,
    moved_from,
    name_note,
)
from elconsole.engine.plan.types import (
    TEXT,
    TypePlan,
    compared_as,
    not_held,
    plan_type,
    selected,
    text_of,
)
from elconsole.engine.sql.names import HISTORY_SUFFIX, STORAGE_SCHEMA

if TYPE_CHECKING:
    from elconsole.config.fields import NewPolicy
    from elconsole.config.models import SourceSettings, TableSettings

RELATION_KINDS = {
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
    "S": "sequence",
    "c": "composite type",
    "i": "index",
    "I": "index",
}
METADATA_COLUMNS = 4
LEAVING = {
    "ignore": "rows that leave it stay until the next full refresh",
    "sweep": "rows that leave it stay until the next sweep",
    "mark": "rows that leave it are marked as deleted",
}


@record(frozen=True, slots=True)
class Planner:
    """Plans the tables of one source."""

    source: str
    source_settings: SourceSettings
    catalog: SourceCatalog
    state: WarehouseState
    placed: Placed
    full: bool
    adopt: bool
    salt_mark: str | None
    """Tells one salt from another without telling the salt; None where there is none."""
    hidden: Hidden
    new_columns: NewPolicy
    backfill: str | None = None
    """The condition whose rows are to be read again."""

    def plan(self, relation: SourceRelation, label: str) -> TableTask | Refused:
        """Decide one table, or say why it can't be synced."""
        settings = self.source_settings.table_settings(relation.schema, relation.name)
        columns = self.catalog.columns.get(relation.oid, ())
        settings = self.hidden.applied(settings, relation, columns)
        try:
            return self._plan(relation, label, settings)
        except ElconsoleError as error:
            mode: Mode = "full" if self.full else settings.mode
            strategy: Strategy = "full" if mode == "full" else settings.strategy
            target = self._place_in_reports(self._key(relation)).text
            return Refused(self.source, label, target, mode, strategy, error, relation.schema)

    def _place_in_reports(self, key: TableKey) -> Place:
        """Where a table's rows are, or would be; where they can't, what it would be called."""
        if key in self.state.targets:
            return self.state.targets[key].place
        return self.placed.places.get(key) or Place(self.state.schema, key[2])

    def _key(self, relation: SourceRelation) -> TableKey:
        return (self.source, relation.schema, relation.name)

    def _plan(self, relation: SourceRelation, label: str, settings: TableSettings) -> TableTask:
        if relation.oid in self.catalog.refused:
            raise self.catalog.refused[relation.oid]
        key = self._key(relation)
        where = f"{self.source}.{label}"
        source_columns = self.catalog.columns.get(relation.oid, ())
        place = self.placed.place(key)
        self._check_spelling(where, (*key, place.schema, place.name), source_columns)
        ignored = self._new_columns(where, source_columns, settings, self.state.targets.get(key))
        columns, notes = self._columns(where, source_columns, settings, ignored)
        for block in self.source_settings.own_blocks(relation.schema, relation.name):
            check_quality(where, block, columns)
        target = self.state.targets.get(key)
        parent = self._parent(where, place, target)
        raw = dict(self.state.columns.get(parent.oid, {})) if parent else {}
        mode: Mode = "full" if self.full else settings.mode
        key_columns = primary_key_of(where, source_columns, columns, settings)
        task = TableTask(
            source=self.source,
            relation=relation,
            label=label,
            settings=settings,
            target_schema=place.schema,
            target_name=place.name,
            target=target,
            parent=parent if parent and parent.is_ours else None,
            raw_columns=raw if parent and parent.is_ours else {},
            mode=mode,
            strategy="full",
            columns=columns,
            fingerprint=fingerprint(source_columns),
            primary_key=key_columns,
            choice=choice_text(
                settings,
                self.salt_mark,
                children=relation.reads_children,
                meanings=self._meanings(relation, columns),
            ),
            drift=drift_of(columns, raw, target, full=True, marks=settings.deletes == "mark")
            if parent and parent.is_ours
            else None,
            notes=notes
            + name_note(key, target, place, self.placed.by_rule)
            + _children_note(relation),
            ignored_columns=ignored,
            key_proven=is_proven(key_columns, relation, self._unique(relation, settings)),
            moved_from=moved_from(parent, place),
            reads_identity=self.catalog.identity is not None,
            adopt=parent is not None and not parent.is_ours,
        )
        if task.marks or task.has_marks:
            from elconsole.engine.plan.kept.marks import checked_marks

            task = checked_marks(task)
        if settings.history or (target and target.history_run_id):
            from elconsole.engine.plan.kept.history import with_history

            task = with_history(task, self.state, self.placed.places)
            if task.history and task.history.oid is not None:
                self._check_untouched(where, self.state.relations[task.standing.history])
        if self.backfill is not None:
            return backfilled(task, self.backfill)
        return incremental(task) if mode == "incremental" else task

    def _meanings(
        self, relation: SourceRelation, columns: Iterable[PlannedColumn]
    ) -> Mapping[str, Sequence[str]]:
        found, names = self.catalog.meanings.get(relation.oid, {}), {c.name for c in columns}
        return {name: found[name] for name in sorted(found) if name in names}

    def _unique(
        self, relation: SourceRelation, settings: TableSettings
    ) -> Sequence[frozenset[str]] | None:
        return self.catalog.unique.get(relation.oid, ()) if settings.primary_key else None

    def _check_spelling(
        self, where: str, words: tuple[str, ...], columns: tuple[SourceColumn, ...]
    ) -> None:
        """All names end up in the warehouse, which may have another encoding."""
        encoding = self.state.encoding
        names = (*words, *(column.name for column in columns))
        foreign = [name for name in names if not can_spell([name], encoding)]
        if foreign:
            raise PlanError(
                f"{where}: the warehouse's encoding {encoding} can't write the name {foreign[0]}",
                hint="use a UTF8 warehouse, rename it, or exclude the table",
            )

    def _parent(self, where: str, place: Place, target: Target | None) -> RawRelation | None:
        """The raw table, if it is ours to replace, wherever it stands."""
        relation = self.state.relations.get(place)
        published = target is not None and target.generation > 0
        if published and target is not None and target.place != place:
            stands = self.state.relations.get(target.place)
            if stands is not None and stands.is_ours:
                self._check_untouched(where, stands)
                self._check_free(where, place, relation)
                return stands
            published = False
        if relation is None:
            return None
        if relation.is_ours and published:
            self._check_untouched(where, relation)
            return relation
        if place.name.endswith(HISTORY_SUFFIX):
            self._check_no_history(where, place)
        if self.adopt and (relation.kind == "r" or relation.leaf_oid is not None):
            return relation
        what = RELATION_KINDS.get(relation.kind, "table")
        hint = (
            "sync it once with --adopt, which converts it and keeps its grants"
            if relation.kind == "r"
            else "rename or drop it"
        )
        raise TargetTaken(
            f"{where}: the target {clean_text(place.text)} is a {what}"
            " that elconsole did not make; it was left alone",
            hint=hint,
        )

    def _check_free(self, where: str, place: Place, relation: RawRelation | None) -> None:
        """That nothing stands where a raw table is to move."""
        if relation is not None:
            what = RELATION_KINDS.get(relation.kind, "table")
            raise TargetTaken(
                f"{where}: its raw table can't become {clean_text(place.text)}, where a {what}"
                " stands; both were left alone",
                hint="rename or drop it, or set another target",
            )

    def _check_no_history(self, where: str, place: Place) -> None:
        """That what stands there is not the history of another raw table."""
        for other in self.state.targets.values():
            if other.history_run_id and other.place.history == place:
                raise TargetTaken(
                    f"{where}: the target {place.text} is the history of"
                    f" {other.place.text}; it was left alone",
                    hint='give this table another name: target = "…" in its settings',
                )

    def _check_untouched(self, where: str, relation: RawRelation) -> None:
        """That nothing of the raw table is somebody else's, whose code a sync would run."""
        text = f"{relation.schema}.{relation.name}"
        if relation.stranger is not None:
            raise TargetTaken(
                f"{where}: the target {text} belongs to {clean_text(relation.stranger)}, not to"
                " elconsole's role; it was left alone",
                hint="see what it is; then rename it, drop it or change its owner",
            )
        if relation.trigger is not None:
            raise TargetTaken(
                f"{where}: the trigger {clean_text(relation.trigger)} on {text} would run another"
                " role's code as elconsole's; the table was left alone",
                hint="drop the trigger, or make a superuser the owner of its functions",
            )
        if relation.trigger_maker is not None:
            maker = clean_text(relation.trigger_maker)
            leaf = f"{STORAGE_SCHEMA}.{printable_identifier(str(relation.leaf_name))}"
            revoked = f"REVOKE TRIGGER ON {leaf} FROM {grantee(relation.trigger_maker)}"
            raise TargetTaken(
                f"{where}: {maker} may put triggers on the rows of {text}, which would run as"
                " elconsole's role; the table was left alone",
                hint=f"{revoked}, also in default privileges",
            )
        if relation.other_partition is not None:
            raise SchemaConflict(
                f"{where}: {text} has a partition that elconsole"
                f" did not make, {relation.other_partition}",
                hint="detach it: a raw table has one partition, which elconsole exchanges",
            )

    def _new_columns(
        self,
        where: str,
        source: tuple[SourceColumn, ...],
        settings: TableSettings,
        target: Target | None,
    ) -> tuple[str, ...]:
        """New columns to leave out; raises PlanError where settings want to be asked."""
        if self.new_columns == "sync" or target is None or not target.generation:
            return ()
        raw = self.state.relations.get(target.place)
        there = self.state.columns.get(raw.oid, {}) if raw and raw.is_ours else {}
        found = new_columns(source, settings, target.watermark, there)
        if found and self.new_columns == "fail":
            raise new_refused(where, found)
        return found

    def _columns(
        self,
        where: str,
        source: tuple[SourceColumn, ...],
        settings: TableSettings,
        ignored: tuple[str, ...],
    ) -> tuple[tuple[PlannedColumn, ...], tuple[str, ...]]:
        chosen = tuple(
            column
            for column in choose_columns(where, source, settings)
            if column.name not in ignored
        )
        if len(chosen) + METADATA_COLUMNS > MAX_COLUMNS:
            raise PlanError(
                f"{where} has {len(chosen)} columns; with the {METADATA_COLUMNS} metadata columns"
                f" that is more than the {MAX_COLUMNS} a table can have",
                hint="select fewer with columns or exclude_columns",
            )
        planned = tuple(self._column(where, column, settings) for column in chosen)
        cast = [
            f"{c.name} {c.source_type} as {c.type.type_sql}"
            for c in planned
            if c.type.cast and c.name not in settings.hash_columns
        ]
        collated = [f"{c.name} ({c.collation})" for c in chosen if c.collation]
        notes = []
        if ignored:
            notes.append("new columns left out (new_columns): " + ", ".join(ignored))
        if settings.hash_columns:
            notes.append("hashed in the source: " + ", ".join(settings.hash_columns))
        if cast:
            notes.append("cast: " + ", ".join(cast))
        if narrow := self._not_held(planned, chosen):
            release = self.state.server_version // 10000
            notes.append(f"PostgreSQL {release} can't hold every value of: {', '.join(narrow)}")
        if collated:
            notes.append("collation not kept: " + ", ".join(collated))
        if settings.where:
            notes.append(f"where: {LEAVING[settings.deletes]}")
        return planned, tuple(notes)

    def _column(self, where: str, column: SourceColumn, settings: TableSettings) -> PlannedColumn:
        plan = plan_type(
            where, column, self.catalog.types, self._known_types(), self.state.server_version
        )
        expression = selected(column.name, plan)
        comparable = compared_as(column, plan, self.catalog.types)
        if column.name in settings.hash_columns:
            expression = self._hashed(where, column, plan)
            plan, comparable = TypePlan("text", "hash", TEXT.oid, -1), None
        return PlannedColumn(
            column.name,
            expression,
            plan,
            column.type_text,
            column.has_missing,
            column.number,
            column.nullable,
            comparable,
        )

    def _hashed(self, where: str, column: SourceColumn, plan: TypePlan) -> str:
        if self.salt_mark is None:
            raise ConfigurationError(
                f"{where}: hash_columns needs a salt", hint="set hash_salt in settings"
            )
        salt = f"pg_catalog.current_setting('{SALT_SETTING}')"
        salted = f"pg_catalog.convert_to({salt} || {text_of(column.name, plan)}, 'UTF8')"
        return f"pg_catalog.encode(pg_catalog.sha256({salted}), 'hex')"

    def _not_held(
        self, planned: Sequence[PlannedColumn], chosen: Sequence[SourceColumn]
    ) -> list[str]:
        """The columns of which an older warehouse has no type with all their values."""
        other = not_held(self.catalog.server_version, self.state.server_version)
        return [
            plan.name
            for plan, column in zip(planned, chosen, strict=True)
            if column.type_oid in other
            or (plan.type.oid == column.type_oid and plan.type.typmod != column.typmod)
        ]

    def _known_types(self) -> Mapping[int, str]:
        """The warehouse's types that mean there what they mean in the source."""
        other = not_held(self.catalog.server_version, self.state.server_version)
        if self.catalog.money_unit not in (None, self.state.money_unit):
            other |= MONEY_OIDS
        if not other:
            return self.state.known_types
        return {oid: name for oid, name in self.state.known_types.items() if oid not in other}


def _children_note(relation: SourceRelation) -> tuple[str, ...]:
    if relation.reads_children:
        return ("read with the tables that inherit from it",)
    if relation.has_children:
        return ("read without the tables that inherit from it, whose rows are not its own",)
    return ()
