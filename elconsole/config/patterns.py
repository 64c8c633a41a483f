"""Patterns that name tables, and the arguments that name them to a sync."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from functools import lru_cache

_WILD = "*?["


def parts(pattern: str) -> Iterator[str]:
    """The pattern in parts: `*`, `?`, a set in its brackets, or one character.

    Read as `fnmatch` does: a bracket that nothing closes is a character."""
    position = 0
    while position < len(pattern):
        size = _set_size(pattern, position)
        yield pattern[position : position + size]
        position += size


def _set_size(pattern: str, start: int) -> int:
    """How long the set is that begins there; 1 where none does."""
    if pattern[start] != "[":
        return 1
    first = start + (2 if pattern.startswith("!", start + 1) else 1)
    # A bracket that closes is a member where it comes first.
    return max(pattern.find("]", first + 1) + 1 - start, 1)


@lru_cache(maxsize=4096)
def spelled(pattern: str) -> str | None:
    """The one name that a pattern spells, `*` where it says `[*]`; None for a glob."""
    letters = []
    for part in parts(pattern):
        if part in ("*", "?") or len(part) not in (1, 3):
            return None
        letters.append(part[len(part) // 2])
    return "".join(letters)


def is_glob(pattern: str) -> bool:
    """Whether a table pattern can name more than one table of a schema."""
    return spelled(pattern) is None


def quote(name: str) -> str:
    """The pattern that names this text and nothing else: `*` becomes `[*]`."""
    return re.sub(r"[*?[]", r"[\g<0>]", name)


def table_matches(pattern: str, schema: str, table: str) -> bool:
    """Whether a name, a schema-qualified name or a glob names this table.

    Case counts. A text with glob characters is never taken for a name: whoever makes a
    table called `*` would take over the selection; brackets spell one. A glob without a dot
    looks at the bare name, one with a dot at `schema.name`, so that `pub*` does not take
    everything of `public`.
    """
    qualified = f"{schema}.{table}"
    name = spelled(pattern)
    if name is not None:
        return name in (table, qualified)
    return fnmatchcase(qualified if "." in pattern else table, pattern)


def column_matches(pattern: str, schema: str, table: str, column: str) -> bool:
    """Whether a `table.column` pattern names this column: globs on both sides of the last dot,
    the left one read as a table's."""
    of_tables, dot, of_columns = pattern.rpartition(".")
    return bool(dot) and fnmatchcase(column, of_columns) and table_matches(of_tables, schema, table)


def split(name: str) -> tuple[str, str]:
    """Schema and table of a name as settings write it; `public` where it names no schema.

    The first dot parts them: a dot is likelier in a table's name than in a schema's."""
    schema, dot, table = name.partition(".")
    return (schema, table) if dot else ("public", name)


def regular_expression(pattern: str) -> str:
    """The pattern for PostgreSQL's `~`, which backtracks no more than `fnmatch` does."""
    return f"^{''.join(map(_expression, parts(pattern)))}$"


def _expression(part: str) -> str:
    if part == "*":
        return ".*"
    if len(part) == 1:
        return "." if part == "?" else _escaped(part)
    negated, members = part[1] == "!", part[1:-1].removeprefix("!")
    ranges = "".join(_ranges(members))
    if not ranges:
        return "." if negated else "(?!)"
    return f"[{'^' if negated else ''}{ranges}]"


def _ranges(members: str) -> Iterator[str]:
    """The members of a set; a range that ends before it begins has none."""
    position = 0
    while position < len(members):
        first, last = members[position], members[position : position + 3][2:]
        if last and members[position + 1] == "-":
            if first <= last:
                yield f"{_escaped(first)}-{_escaped(last)}"
            position += 3
        else:
            yield _escaped(first)
            position += 1


def _escaped(character: str) -> str:
    return re.sub(r"\W", r"\\\g<0>", character)


def argument(source: str, table: str, sources: Collection[str] = ()) -> str:
    """The `SOURCE.TABLE` that selects this table and no other.

    `sources`: all that are configured, of which one may be called like it or its beginning."""
    plain = f"{source}.{quote(table)}"
    if any("." in name and read_argument(plain, (source, name))[0] != source for name in sources):
        return f"{source}.[{table[:1]}]{quote(table[1:])}"
    return plain


def read_argument(text: str, sources: Collection[str]) -> tuple[str, str]:
    """Source and table of a `SOURCE[.TABLE]`; the table is empty where it names none.

    The longest source that fits is meant, since its name may have dots; the text up to the
    first dot where none does."""
    fitting = [name for name in sources if text == name or text.startswith(f"{name}.")]
    source = max(fitting, key=len, default=text.partition(".")[0])
    return source, text[len(source) + 1 :]


def typed(source: str, table: str) -> str:
    """The same as a shell takes it: the name is its owner's choice, and may be a command."""
    import shlex

    return shlex.quote(argument(source, table))
