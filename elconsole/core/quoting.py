"""Names and texts as SQL, whatever connection they go to, and conditions of settings.

psycopg, asked without a connection, escapes by what libpq last heard from any server, which
a source may change between two of its calls."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from elconsole.core.safe_text import clean_text

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SIMPLE = re.compile(r"[a-z_][a-z0-9_]*")
# Every word that quote_ident() of PostgreSQL 13 to 18 quotes: all but the unreserved.
_WORDS = """
all analyse analyze and any array as asc asymmetric authorization between bigint binary bit
boolean both case cast char character check coalesce collate collation column concurrently
constraint create cross current_catalog current_date current_role current_schema current_time
current_timestamp current_user dec decimal default deferrable desc distinct do else end except
exists extract false fetch float for foreign freeze from full greatest grant group grouping
having ilike in initially inner inout int integer intersect interval into is isnull join json
json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar
json_serialize json_table json_value lateral leading least left like limit localtime
localtimestamp merge_action national natural nchar none normalize not notnull null nullif
numeric offset on only or order out outer overlaps overlay placing position precision primary
real references returning right row select session_user setof similar smallint some substring
symmetric system_user table tablesample then time timestamp to trailing treat trim true union
unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat
xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
_KEYWORDS = frozenset(_WORDS.split())


def identifier(name: str) -> str:
    """A name in quotes. ValueError for NUL or nothing."""
    if not name or "\0" in name:
        raise ValueError("an SQL name is not empty and has no NUL character")
    return '"' + name.replace('"', '""') + '"'


def readable_identifier(name: str) -> str:
    """A name as SQL writes it, in quotes where it needs them. ValueError for NUL or nothing."""
    if _SIMPLE.fullmatch(name) and name not in _KEYWORDS:
        return name
    return identifier(name)


def printable_identifier(name: str) -> str:
    """The same for whoever is shown it: characters that no terminal gets are told by number, so
    that the name stays the name. ValueError for NUL or nothing."""
    if clean_text(name) == name:
        return readable_identifier(name)
    shown = (c if clean_text(c) == c and c != "\\" else f"\\+{ord(c):06X}" for c in name)
    return "U&" + identifier("".join(shown))


def grantee(role: str) -> str:
    """Who has a right, as REVOKE names it and as it may be shown; PUBLIC is everybody."""
    return role if role == "PUBLIC" else printable_identifier(role)


def dotted(path: Iterable[str]) -> str:
    """A key as TOML writes it: `sources.x.table."public.*".mode`; fit to be shown."""
    return ".".join(part if _BARE_KEY.fullmatch(part) else _quoted_key(part) for part in path)


def _quoted_key(part: str) -> str:
    return '"' + clean_text(part, 80).replace("\\", "\\\\").replace('"', '\\"') + '"'


def qualified(schema: str, name: str) -> str:
    return f"{identifier(schema)}.{identifier(name)}"


def literal(text: str) -> str:
    """A text as a constant without a type, whatever `standard_conforming_strings` says;
    ValueError for a NUL, which would end the statement."""
    if "\0" in text:
        raise ValueError("an SQL text has no NUL character")
    quoted = "'" + text.replace("'", "''").replace("\\", "\\\\") + "'"
    return f"E{quoted}" if "\\" in text else quoted


_LETTER = r"[^\x00-\x23\x25-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]"
"""Of a name: letters, digits, `_`, `$`, and whatever is not ASCII."""
_TAG = r"\$(?:[^\x00-\x40\x5b-\x5e\x60\x7b-\x7f][^\x00-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]*)?\$"


@cache
def _quoted() -> re.Pattern[str]:
    """Comments and quotes, from their beginning to their end; a doubled quote is two of them.

    Compiled where there is a condition: no start needs it."""
    return re.compile(
        rf"""
          --[^\r\n]*[\r\n]
        | /\*(?:(?!/\*|\*/).)*\*/
        | (?<!{_LETTER})[eE]'(?:[^'\\]|\\.|'')*'
        | (?<![eE])'[^']*'
        | (?<={_LETTER}[eE])'[^'\\]*'
        | "[^"]*"
        | (?<!{_LETTER})(?P<tag>{_TAG}).*?(?P=tag)
        """,
        re.VERBOSE | re.DOTALL,
    )


_BEGINNINGS = re.compile(r"--|/\*|'|\"|\$(?![0-9])")


def check_condition(text: str) -> str:
    """The condition itself; ValueError, with the reason, for a text that is not one.

    It goes to a source inside statements of ours. A text that closes our bracket, ends our
    statement or leaves a quote or comment open would be more than a condition, and what
    PostgreSQL's versions read differently is refused."""
    position, depth, kinds = 0, 0, set[str]()
    while position < len(text):
        whole = _quoted().match(text, position)
        if whole:
            kinds.add(_kind(whole[0]))
            position = whole.end()
            continue
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        _check_character(text, position, depth)
        position += 1
    if depth:
        raise ValueError("must be one condition: a bracket in it is not closed")
    if kinds >= {"escaping", "backslash"}:
        # A text that goes on in the next line is read as its beginning is.
        raise ValueError("must not have both E'…' and a backslash in another text")
    return text


def _kind(quoted: str) -> str:
    if quoted[0] in "eE":
        return "escaping"
    return "backslash" if quoted[0] == "'" and "\\" in quoted else "other"


def _check_character(text: str, position: int, depth: int) -> None:
    if depth < 0:
        raise ValueError("must be one condition: it closes a bracket that it did not open")
    if text[position] == ";":
        raise ValueError("must be one condition, without a semicolon")
    if text[position] == "\0":
        raise ValueError("must have no NUL character")
    if _BEGINNINGS.match(text, position):
        raise ValueError(
            "must be one condition: a quote or comment in it is not closed, or reads as two things"
        )
