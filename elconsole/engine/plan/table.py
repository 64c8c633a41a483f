"""What to do with each table: pure, from settings, both catalogs and the watermarks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg import sql

from elconsole.config.patterns import typed
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
from elconsole.engine.ledger.places import Place, Placed, line_to_write
from elconsole.engine.ledger.targets import Target
from elconsole.engine.plan.columns import (
    Hidden,
    check_quality,
    choice_text,
    choose_columns,
    fingerprint,
    is_proven,
    primary_key_of,
)
from elconsole.engine.plan.drift import Drift, PlannedColumn
from elconsole.engine.plan.task import SALT_SETTING, Refused, TableTask, drift_of
from elconsole.engine.plan.types import (
    TEXT,
    TypePlan,
    compared_as,
    plan_type,
    selected,
    text_of,
)
from elconsole.engine.sql.names import STORAGE_SCHEMA

if TYPE_CHECKING:
    from elconsole.config.models import SourceSettings, TableSettings
    from elconsole.core.nearest import Names

MAX_COLUMNS = 1600
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


def missing_table(source: str, name: str, names: Names) -> PlanError:
    """The error for a name in settings that is none of the source's."""
    near = names.nearest(name)
    hint = f"did you mean {near}?" if near else "see `tables` in settings"
    return PlanError(f"{source} has no table {name} that its role can see", hint=hint)


def labels(relations: tuple[SourceRelation, ...]) -> dict[int, str]:
    """Bare names, qualified where one source selects two tables of a name; quoted as SQL
    does where dots in names would make even these alike."""
    found = {relation.oid: relation.name for relation in relations}
    for clearer in (_qualified, _quoted):
        seen = Counter(found.values())
        found = {r.oid: clearer(r) if seen[found[r.oid]] > 1 else found[r.oid] for r in relations}
    return found


def _qualified(relation: SourceRelation) -> str:
    return relation.qualified


def _quoted(relation: SourceRelation) -> str:
    return sql.Identifier(relation.schema, relation.name).as_string()


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
            target = self._place_in_reports(self._key(relation))
            return Refused(self.source, label, target.text, mode, strategy, error)

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
        columns, notes = self._columns(where, source_columns, settings)
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
            choice=choice_text(settings, self.salt_mark, children=relation.reads_children),
            drift=drift_of(columns, raw, target, full=True) if parent and parent.is_ours else None,
            notes=notes
            + _name_note(key, target, place, self.placed.by_rule)
            + _children_note(relation),
            key_proven=is_proven(key_columns, relation, self._unique(relation, settings)),
            moved_from=_moved_from(parent, place),
            adopt=parent is not None and not parent.is_ours,
        )
        return _incremental(task) if mode == "incremental" else task

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

    def _columns(
        self, where: str, source: tuple[SourceColumn, ...], settings: TableSettings
    ) -> tuple[tuple[PlannedColumn, ...], tuple[str, ...]]:
        chosen = choose_columns(where, source, settings)
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
        if settings.hash_columns:
            notes.append("hashed in the source: " + ", ".join(settings.hash_columns))
        if cast:
            notes.append("cast: " + ", ".join(cast))
        if collated:
            notes.append("collation not kept: " + ", ".join(collated))
        if settings.where:
            notes.append(
                "where: rows that leave it stay until the next "
                + ("sweep" if settings.deletes == "sweep" else "full refresh")
            )
        return planned, tuple(notes)

    def _column(self, where: str, column: SourceColumn, settings: TableSettings) -> PlannedColumn:
        plan = plan_type(where, column, self.catalog.types, self._known_types())
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

    def _known_types(self) -> Mapping[int, str]:
        """The warehouse's types that mean there what they mean in the source."""
        if self.catalog.money_unit in (None, self.state.money_unit):
            return self.state.known_types
        return {oid: name for oid, name in self.state.known_types.items() if oid not in MONEY_OIDS}


def _moved_from(parent: RawRelation | None, place: Place) -> Place | None:
    if parent is None or not parent.is_ours:
        return None
    stands = Place(parent.schema, parent.name)
    return None if stands == place else stands


def _name_note(
    key: TableKey, target: Target | None, place: Place, by_rule: Collection[TableKey]
) -> tuple[str, ...]:
    """What is to be said of the raw table's name: that it is none of settings' choice, or new."""
    if target is None and key in by_rule and place.name != key[2]:
        return (
            f"named {place.name}: the name {key[2]} is taken or wanted twice;"
            f" {line_to_write(key)} gives it another",
        )
    if target is not None and target.generation and target.place != place:
        return (f"renamed: {target.place.text} becomes {place.text}",)
    return ()


def _children_note(relation: SourceRelation) -> tuple[str, ...]:
    if relation.reads_children:
        return ("read with the tables that inherit from it",)
    if relation.has_children:
        return ("read without the tables that inherit from it, whose rows are not its own",)
    return ()


def _incremental(task: TableTask) -> TableTask:
    """The strategy that settings ask for, or a full refresh with the reason."""
    where = f"{task.source}.{task.label}"
    settings = task.settings
    if settings.strategy == "xmin" and not task.relation.has_xmin:
        foreign = task.relation.has_foreign_partition
        what = "has a partition that is a foreign table" if foreign else "is not a table"
        raise PlanError(
            f"{where} {what}, so its rows have no xmin to tell what changed",
            hint='use strategy = "cursor" with a cursor column, or mode = "full"',
        )
    if not task.primary_key:
        return task.as_full("without a primary key rows can't be matched")
    reason = _full_reason(task)
    if reason:
        return task.as_full(reason)
    drift = drift_of(task.columns, task.raw_columns, task.target, full=False)
    if drift and drift.severity == "conflict":
        raise _conflict(task, drift)
    if drift and drift.severity == "full_refresh":
        return task.as_full(drift.reason or "the schema changed")
    return replace(
        task, strategy=settings.strategy, drift=drift, notes=task.notes + _key_note(task)
    )


def _key_note(task: TableTask) -> tuple[str, ...]:
    if task.key_proven:
        return ()
    key = ", ".join(task.primary_key)
    return (f"no unique index keeps the key ({key}): each sync looks whether it is unique",)


def _full_reason(task: TableTask) -> str | None:
    mark = task.watermark
    if task.parent is None or mark is None:
        return "first load"
    if mark.source_oid != task.relation.oid:
        return "the source table is another one than before (replaced or renamed)"
    if mark.choice != task.choice:
        return "the selection in settings changed"
    if set(task.parent.leaf_key or ()) != set(task.primary_key):
        return "the primary key changed"
    return None


def _conflict(task: TableTask, drift: Drift) -> ElconsoleError:
    where, argument = f"{task.source}.{task.label}", typed(task.source, task.label)
    return SchemaConflict(
        f"{where}: {drift.reason}; the stored rows can't be kept",
        hint=f"refresh it: `elconsole --headless sync {argument} --full`",
    )
