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


class NotBelieved(ValueError):
    """A value that no PostgreSQL would send there; `Session.translated` names the server."""


def unexpected(server: str, error: Exception) -> UnexpectedAnswer:
    """The error that names the server whose answer makes no sense."""
    return UnexpectedAnswer(
        f"{server} gave an answer that no PostgreSQL gives:"
        f" {clean_text(error, SHOWN_CELLS) or type(error).__name__}",
        hint=f"see who runs {server}, what was changed in its pg_catalog, and what stands"
        " between it and this machine",
    )


@contextlib.contextmanager
def believed(server: str) -> Iterator[None]:
    """Let what psycopg can't make of a server's answer leave as UnexpectedAnswer.

    Only around psycopg's own reading: there each of these errors is the answer's."""
    try:
        yield
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        raise unexpected(server, error) from error


def checked_row(made: type[_T]) -> Callable[[Cursor[Any]], Callable[[Sequence[Any]], _T]]:
    """A row factory as psycopg's `class_row`, for a data class of numbers and texts: raises
    NotBelieved where a value is not of the field's type."""
    checks = {field.name: _CHECKS[str(field.type)] for field in fields(made)}  # type: ignore[arg-type]

    def factory(cursor: Cursor[Any]) -> Callable[[Sequence[Any]], _T]:
        names = [column.name for column in cursor.description or ()]
        if set(names) != set(checks) or len(names) != len(checks):
            raise NotBelieved("other columns than were asked for")
        wanted = [(name, checks[name]) for name in names]

        def make(values: Sequence[Any]) -> _T:
            values = values_of(values, len(wanted))
            found = {
                name: check(value) for (name, check), value in zip(wanted, values, strict=True)
            }
            return made(**found)

        return make

    return factory


def values_of(row: object, count: int) -> Sequence[Any]:
    """A row's values; NotBelieved where there is none, or where it has other than `count`."""
    if isinstance(row, tuple | list) and len(row) == count:
        return row
    raise NotBelieved("a row of other columns than were asked for")


def several(value: object) -> Sequence[Any]:
    """An array's values, none where it is NULL; NotBelieved for anything else."""
    if value is None:
        return ()
    if isinstance(value, tuple | list):
        return value
    raise NotBelieved(f"no array: {value!r:.100}")


def whole(value: object, lowest: int = -LARGEST_INT - 1, highest: int = LARGEST_INT) -> int:
    """The integer itself; NotBelieved for anything else, and beyond the bounds."""
    if type(value) is int and lowest <= value <= highest:
        return value
    raise NotBelieved(f"no integer of its range: {value!r:.100}")


def words(value: object, longest: int = LONGEST_TEXT) -> str:
    """The text itself; NotBelieved for anything else, with a NUL, or too long."""
    if type(value) is str and len(value) <= longest and "\0" not in value:
        return value
    raise NotBelieved(f"no text of its length: {value!r:.100}")


def moment(value: object) -> datetime:
    """The time itself; NotBelieved for anything else."""
    if type(value) is datetime and value.tzinfo is not None:
        return value
    raise NotBelieved(f"no time: {value!r:.100}")


def truth(value: object) -> bool:
    """The boolean itself; NotBelieved for anything else."""
    if type(value) is bool:
        return value
    raise NotBelieved(f"no boolean: {value!r:.100}")


def _number(value: object) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    raise NotBelieved(f"no number: {value!r:.100}")


def _or_none(check: Callable[[object], Any]) -> Callable[[object], Any]:
    return lambda value: None if value is None else check(value)


_SINGLE: dict[str, Callable[[object], Any]] = {
    "int": whole,
    "str": words,
    "bool": truth,
    "float": _number,
}
_CHECKS = _SINGLE | {f"{kind} | None": _or_none(check) for kind, check in _SINGLE.items()}
