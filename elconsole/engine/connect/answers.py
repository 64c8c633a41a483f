"""Answers of a server that may lie: each value is looked at before anything relies on it.

psycopg makes values of whatever types a server claims. A text where a number is expected, or
a number beyond any bound, would fail far from where it came in, and other sources with it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from psycopg import Cursor

from elconsole.core.errors import UnexpectedAnswer
from elconsole.core.safe_text import clean_text

_T = TypeVar("_T")

LONGEST_TEXT = 1000
"""Characters of a text in a catalog: names have 63 bytes, names of types two of them."""
LARGEST_INT = 2**63 - 1
LARGEST_OID = 2**32 - 1
SHOWN_CELLS = 60


@contextlib.contextmanager
def believed(server: str) -> Iterator[None]:
    """Let what can't be made of a server's answer leave as UnexpectedAnswer, in its name."""
    try:
        yield
    except (
        ValueError,
        TypeError,
        LookupError,
        ArithmeticError,
        AssertionError,
        AttributeError,
        RecursionError,
    ) as error:
        raise UnexpectedAnswer(
            f"{server} gave an answer that no PostgreSQL gives:"
            f" {clean_text(error, SHOWN_CELLS) or type(error).__name__}",
            hint=f"see who runs {server}, what was changed in its pg_catalog, and what stands"
            " between it and this machine",
        ) from error


def checked_row(made: type[_T]) -> Callable[[Cursor[Any]], Callable[[Sequence[Any]], _T]]:
    """A row factory as psycopg's `class_row`, for a data class of numbers and texts: raises
    ValueError where a value is not of the field's type."""
    checks = {field.name: _CHECKS[str(field.type)] for field in fields(made)}  # type: ignore[arg-type]

    def factory(cursor: Cursor[Any]) -> Callable[[Sequence[Any]], _T]:
        names = [column.name for column in cursor.description or ()]
        wanted = [(name, checks[name]) for name in names]

        def make(values: Sequence[Any]) -> _T:
            found = {}
            for (name, check), value in zip(wanted, values, strict=True):
                found[name] = check(value)
            return made(**found)

        return make

    return factory


def whole(value: object, lowest: int = -LARGEST_INT - 1, highest: int = LARGEST_INT) -> int:
    """The integer itself; ValueError for anything else, and beyond the bounds."""
    if type(value) is int and lowest <= value <= highest:
        return value
    raise ValueError(f"no integer of its range: {value!r:.100}")


def words(value: object, longest: int = LONGEST_TEXT) -> str:
    """The text itself; ValueError for anything else, with a NUL, or too long."""
    if type(value) is str and len(value) <= longest and "\0" not in value:
        return value
    raise ValueError(f"no text of its length: {value!r:.100}")


def moment(value: object) -> datetime:
    """The time itself; ValueError for anything else."""
    if type(value) is datetime and value.tzinfo is not None:
        return value
    raise ValueError(f"no time: {value!r:.100}")


def truth(value: object) -> bool:
    """The boolean itself; ValueError for anything else."""
    if type(value) is bool:
        return value
    raise ValueError(f"no boolean: {value!r:.100}")


def _number(value: object) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    raise ValueError(f"no number: {value!r:.100}")


def _or_none(check: Callable[[object], Any]) -> Callable[[object], Any]:
    return lambda value: None if value is None else check(value)


_SINGLE: dict[str, Callable[[object], Any]] = {
    "int": whole,
    "str": words,
    "bool": truth,
    "float": _number,
}
_CHECKS = _SINGLE | {f"{kind} | None": _or_none(check) for kind, check in _SINGLE.items()}
