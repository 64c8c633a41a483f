"""Where each source table's raw table belongs: what settings wish for, and what is free. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from elconsole.config.keys import dotted
from elconsole.config.patterns import quote
from elconsole.core.errors import PlanError
from elconsole.core.record import record
from elconsole.core.safe_text import clean_text
from elconsole.engine.ledger.names import NAME_BYTES, TableKey, assign_names

if TYPE_CHECKING:
    from elconsole.config.models import Settings, SourceSettings


@record(frozen=True, slots=True)
class Place:
    """A table of the warehouse, by schema and name."""

    schema: str
    name: str

    @property
    def text(self) -> str:
        """`schema.table`, unquoted."""
        return f"{self.schema}.{self.name}"


@record(frozen=True, slots=True)
class Wish:
    """What settings say of a raw table's place."""

    schema: str
    name: str | None
    """None: the name that it has, or that the rule of names gives it."""


@record(frozen=True, slots=True)
class Placed:
    """The place of every table, or why it has none."""

    places: Mapping[TableKey, Place]
    refused: Mapping[TableKey, PlanError]
    by_rule: Collection[TableKey]
    """Those newcomers whose name is no choice of settings."""

    def place(self, key: TableKey) -> Place:
        """Raises PlanError where settings wish for what another table has."""
        if key in self.refused:
            raise self.refused[key]
        return self.places[key]


def wish_of(source: SourceSettings, key: TableKey, default_schema: str) -> Wish:
    return Wish(source.target_schema or default_schema, source.target_name(*key))


def wishes_of(settings: Settings, keys: Collection[TableKey]) -> dict[TableKey, Wish]:
    """What settings say of tables of their sources."""
    default = settings.warehouse.target_schema
    return {key: wish_of(settings.sources[key[0]], key, default) for key in keys}


def place_all(
    wishes: Mapping[TableKey, Wish],
    standing: Mapping[TableKey, Place],
    foreign: Collection[Place] = (),
) -> Placed:
    """Places for the tables that are wished for.

    `standing`: the place of every table that has one already, `foreign`: places of other
    settings' tables. A place that settings name is had by the table that stands there, else
    by the one that alone wishes for it: who came first elsewhere never matters. Without a
    name in settings a table keeps the one that it has, and a newcomer gets it by
    `assign_names`."""
    holders: dict[Place, TableKey | None] = {place: key for key, place in standing.items()}
    holders |= dict.fromkeys(foreign)
    named = {key: place for key, wish in wishes.items() if (place := _named(key, wish, standing))}
    counted = Counter(named.values())
    places: dict[TableKey, Place] = {}
    refused: dict[TableKey, PlanError] = {}
    for key, place in named.items():
        if standing.get(key) == place:
            places[key] = place
        elif len(place.name.encode()) > NAME_BYTES:
            refused[key] = _too_long(key, place)
        elif place in holders:
            refused[key] = _taken(key, place, holders[place])
        elif counted[place] > 1:
            other = next(one for one in named if one != key and named[one] == place)
            refused[key] = _taken(key, place, other)
        else:
            places[key] = place
    taken = {**standing, **{key: place for key, place in places.items() if key not in standing}}
    newcomers = [key for key in wishes if key not in named]
    places |= _by_rule(newcomers, wishes, taken, {*foreign, *places.values()})
    return Placed(places, refused, newcomers)


def _named(key: TableKey, wish: Wish, standing: Mapping[TableKey, Place]) -> Place | None:
    """The place that is already certain; None for a newcomer without a name in settings."""
    name = wish.name
    if name is None and key in standing:
        name = standing[key].name
    return None if name is None else Place(wish.schema, name)


def _by_rule(
    newcomers: list[TableKey],
    wishes: Mapping[TableKey, Wish],
    taken: Mapping[TableKey, Place],
    used: Collection[Place],
) -> Iterator[tuple[TableKey, Place]]:
    for schema in dict.fromkeys(wishes[key].schema for key in newcomers):
        here = [key for key in newcomers if wishes[key].schema == schema]
        names = {key: place.name for key, place in taken.items() if place.schema == schema}
        others = {place.name for place in used if place.schema == schema}
        for key, name in assign_names(here, names, others).items():
            yield key, Place(schema, name)


def line_to_write(key: TableKey) -> str:
    """The line of settings that gives a table's raw table a name of its own."""
    source, schema, table = key
    block = dotted(("sources", source, "table", quote(f"{schema}.{table}")))
    return f'target = "NAME" in [{block}]'


def _told(key: TableKey) -> str:
    return clean_text(".".join(key))


def _taken(key: TableKey, place: Place, holder: TableKey | None) -> PlanError:
    whose = "of other settings" if holder is None else f"of {_told(holder)}"
    return PlanError(
        f"{_told(key)}: settings call its raw table {clean_text(place.text)}, which is the name"
        f" {whose}",
        hint=f"set {line_to_write(key)}",
    )


def _too_long(key: TableKey, place: Place) -> PlanError:
    return PlanError(
        f"{_told(key)}: settings call its raw table {clean_text(place.name)}, which is"
        f" {len(place.name.encode())} bytes; a name in PostgreSQL has at most {NAME_BYTES}",
        hint=f"shorten target in [{dotted(('sources', key[0]))}], or set {line_to_write(key)}",
    )
