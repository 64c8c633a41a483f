"""Whether a text is one SQL condition, which can stand in brackets within any statement.

A condition goes to a source inside statements of ours. One that closes our bracket, ends our
statement or leaves a quote or comment open would be more than a condition. What PostgreSQL's
versions read differently is refused."""

from __future__ import annotations

import re

_WORD = r"[A-Za-z0-9_$\u0080-\U0010ffff]"
_WHOLE = re.compile(
    rf"""
      --[^\r\n]*[\r\n]
    | /\*(?:(?!/\*|\*/).)*\*/
    | (?<!{_WORD})[eE]'(?:[^'\\]|\\.|'')*'
    | (?<![eE])'[^']*'
    | (?<={_WORD}[eE])'[^'\\]*'
    | "[^"]*"
    | (?<!{_WORD})(?P<tag>\$(?:[A-Za-z_\u0080-\U0010ffff]{_WORD.replace("$", "")}*)?\$).*?(?P=tag)
    """,
    re.VERBOSE | re.DOTALL,
)
"""Comments and quotes, from their beginning to their end; a doubled quote is two of them."""
_BEGINNINGS = re.compile(r"--|/\*|'|\"|\$(?![0-9])")


def check_condition(text: str) -> str:
    """The condition itself; ValueError, with the reason, for a text that is not one."""
    position, depth, kinds = 0, 0, set[str]()
    while position < len(text):
        whole = _WHOLE.match(text, position)
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
