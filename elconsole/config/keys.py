"""Which keys exist, and which one a mistyped key meant. Pure."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from elconsole.config.models import Settings, SourceSettings, TableSettings, WarehouseSettings
from elconsole.core.errors import ConfigurationError
from elconsole.core.quoting import dotted as dotted
from elconsole.core.record import record
from elconsole.core.safe_text import clean_text

Key = tuple[str, ...]
"""The names from the root to a setting."""

_SOURCE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

_OTHER_WORDS = {
    "database": "dbname",
    "db": "dbname",
    "username": "user",
    "role": "user",
    "hostname": "host",
    "server": "host",
    "pass": "password",
    "url": "dsn",
    "uri": "dsn",
    "conninfo": "dsn",
    "target_schema": "schema",
    "threads": "workers",
    "parallel": "workers",
    "incremental_column": "cursor",
    "cursor_field": "cursor",
    "key": "primary_key",
}
"""What other tools call our keys."""


@record(frozen=True, slots=True)
class Named:
    """A node whose keys are names of the user's choice."""

    values: Node


@record(frozen=True, slots=True)
class Leaf:
    """A node without keys."""

    many: bool
    """Whether it takes a list."""


Node = type[BaseModel] | Named | Leaf


@record(frozen=True, slots=True)
class Problem:
    """What is wrong with one key, and the next step."""

    path: Key
    message: str
    hint: str


def _node(annotation: Any) -> Node:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _node(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        options = [a for a in typing.get_args(annotation) if a is not type(None)]
        return _node(options[0])
    if origin is dict:
        return Named(_node(typing.get_args(annotation)[1]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return Leaf(many=origin is tuple)


@cache
def keys_of(model: type[BaseModel]) -> Mapping[str, Node]:
    """The keys of a model as TOML spells them."""
    return {
        str(field.validation_alias or name): _node(field.annotation)
        for name, field in model.model_fields.items()
    }


def child(node: Node, key: str) -> Node | None:
    """The node under a key, or None where there is no such key."""
    if isinstance(node, Named):
        return node.values
    if isinstance(node, Leaf):
        return None
    return keys_of(node).get(key)


def problems(values: Mapping[str, Any], node: Node = Settings, path: Key = ()) -> list[Problem]:
    """Unknown keys, bad names, and blocks that are no blocks, in one layer."""
    return list(_problems(values, node, path))


def _problems(values: Mapping[str, Any], node: Node, path: Key) -> Iterator[Problem]:
    for key, value in values.items():
        here = (*path, key)
        below = child(node, key)
        if below is None:
            assert isinstance(node, type)
            yield Problem(here, "unknown key", _suggestion(key, value, node, path))
        elif path == ("sources",) and (bad := _bad_source_name(key)):
            yield Problem(here, *bad)
        elif isinstance(below, Leaf):
            continue
        elif isinstance(value, Mapping):
            yield from _problems(value, below, here)
        else:
            yield Problem(here, "must be a table of settings", f"Write it as [{dotted(here)}].")


def problems_error(
    found: list[Problem], origin_of: Callable[[Key], str] | None
) -> ConfigurationError:
    """What is wrong in one error. Without `origin_of`, each path is a place itself."""
    lines = []
    for problem in found[:10]:
        if origin_of is None:
            lines.append(f"{problem.path[0]}: {problem.message}")
        else:
            origin = origin_of(problem.path)
            lines.append(f"{origin}: {dotted(problem.path)}: {problem.message}")
    if len(found) > 10:
        lines.append(f"… and {len(found) - 10} more")
    hints = list(dict.fromkeys(problem.hint for problem in found))
    return ConfigurationError("\n".join(lines), hint=" ".join(hints[:3]))


def _bad_source_name(name: str) -> tuple[str, str] | None:
    if not _SOURCE_NAME.fullmatch(name):
        rule = "Use letters, digits, _ and -, beginning with a letter or _; no dots."
        return "not a source's name", rule
    if name == "warehouse":
        return "is the warehouse's own name", "Give the source another name."
    return None


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like a mistyped word."""
    # Most commands meet none.
    from elconsole.core.nearest import Names

    return Names(candidates).nearest(word)


def _suggestion(key: str, value: Any, model: type[BaseModel], path: Key) -> str:
    known = list(keys_of(model))
    blocks = [name for name in known if not isinstance(keys_of(model)[name], Leaf)]
    meant = _OTHER_WORDS.get(key.casefold())
    close = (
        meant if meant in known else nearest(key, blocks if isinstance(value, Mapping) else known)
    )
    elsewhere = _places(key)
    if close and (meant in known or not elsewhere):
        return f"Did you mean {dotted((*path, close))}?"
    if model is TableSettings and isinstance(value, Mapping):
        quoted = dotted((*path[:-1], f"{path[-1]}.{key}"))
        return f"A name with a dot needs quotes: [{quoted}]."
    if elsewhere:
        return f"{clean_text(key)} belongs in {' or '.join(elsewhere)}."
    return f"Keys here: {', '.join(known)}."


def _places(key: str) -> list[str]:
    sections: dict[str, type[BaseModel]] = {
        "the top of the file": Settings,
        "[warehouse]": WarehouseSettings,
        "[sources.NAME]": SourceSettings,
        "[sources.NAME.table.TABLE]": TableSettings,
    }
    for name, node in keys_of(TableSettings).items():
        if isinstance(node, type):
            sections[f"[sources.NAME.table.TABLE.{name}]"] = node
    return [place for place, model in sections.items() if key in keys_of(model)]


def setting_paths(values: Mapping[str, Any], node: Node = Settings, path: Key = ()) -> list[Key]:
    """Every setting there is, with the names that `values` uses for sources and tables."""
    if isinstance(node, Leaf):
        return [path]
    names = list(values) if isinstance(node, Named) else list(keys_of(node))
    found: list[Key] = []
    for name in names:
        below = child(node, name)
        inner = values.get(name)
        assert below is not None
        found += setting_paths(inner if isinstance(inner, Mapping) else {}, below, (*path, name))
    return found
