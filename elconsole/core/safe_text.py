"""Text from outside made harmless: no control characters, no secrets, a known width."""

from __future__ import annotations

import json
import re
import unicodedata
import urllib.parse
from collections.abc import Iterable

from elconsole.core.humanize import NOTHING

# CSI, then OSC/DCS/SOS/PM/APC strings with or without their end, then two-byte escapes.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_SPACES = re.compile(r"[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_EMOJI_JOINERS = frozenset({"\u200d", "\ufe0e", "\ufe0f"})


def clean_text(value: object, limit: int | None = None) -> str:
    """Foreign text fit for one line of a terminal.

    Escape sequences, control, bidirectional and zero-width characters are removed,
    line breaks and tabs become a space; what is wider than `limit` cells is cut and
    ends in `…`. Markup is not touched: whoever renders must not interpret it.
    """
    if value is None:
        return NOTHING
    text = str(value)
    # No cell needs more than a few characters: a megabyte is not worth the work.
    most = len(text) if limit is None else max(limit, 1) * 32 + 1024
    left_out = len(text) > most
    text = _SPACES.sub(" ", _ESCAPES.sub("", text[:most]))
    if not text.isascii() or not text.isprintable():
        text = "".join(c for c in text if _visible(c))
    return text if limit is None else _cut(text, limit, left_out)


def clean_lines(text: str, limit: int | None = None) -> str:
    """Text whose line breaks are ours: each line cleaned, and cut at `limit` cells."""
    return "\n".join(clean_text(line, limit) for line in text.split("\n"))


def clean_json(text: str) -> str:
    """JSON that says the same without a character that a terminal would heed."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _visible(character: str) -> bool:
    if unicodedata.category(character) in _INVISIBLE or character in _EMOJI_JOINERS:
        return False
    # Fillers that take no ink, named by Unicode as letters.
    return character not in "\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5"


def cell_width(text: str) -> int:
    """Terminal cells of a cleaned text: wide characters take two, combining marks none."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _cut(text: str, limit: int, left_out: bool) -> str:
    if not left_out and cell_width(text) <= limit:
        return text
    if limit < 1:
        return ""
    used, kept = 0, []
    for character in text:
        used += _cells(character)
        if used > limit - 1:
            break
        kept.append(character)
    return "".join(kept) + "…"


MASK = "**********"
_URI_PASSWORD = re.compile(r"(?<=://)([^\s:/@?#]*):(\S*)@")
_KEYWORD_PASSWORD = re.compile(
    r"(?i)((?:password|passwd|client_secret|scram_client_key|scram_server_key|hash_salt)"
    r"[\"']?\s*[=:]\s*)"
    r"('(?:[^'\\]|\\.)*'?|\"(?:[^\"\\]|\\.)*\"?|[^\s,;&)}\]]+)"
)
_SHORTEST_ANYWHERE = 4
"""Known secrets shorter than this are masked only as whole words, and single characters
not at all: logs would be unreadable, and their gaps would tell the password."""


class Redactor:
    """Masks known secrets, `password=…` and `scheme://user:…@host` in any text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first, so that a secret inside another leaves no rest of it.
        spellings = sorted({s for secret in secrets for s in _spellings(secret)}, key=len)
        alternatives = [
            re.escape(s) if len(s) >= _SHORTEST_ANYWHERE else rf"(?<!\w){re.escape(s)}(?!\w)"
            for s in reversed(spellings)
            if len(s) > 1
        ]
        self._known = re.compile("|".join(alternatives)) if alternatives else None

    def __call__(self, text: str) -> str:
        """The text without them."""
        if self._known:
            text = self._known.sub(MASK, text)
        text = _URI_PASSWORD.sub(rf"\1:{MASK}@", text)
        return _KEYWORD_PASSWORD.sub(rf"\1{MASK}", text)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """A text without passwords: the known ones, `password=…`, and `scheme://user:…@host`."""
    return Redactor(secrets)(text)


def _spellings(secret: str) -> set[str]:
    """A secret as it may appear: plain, in repr, in JSON, percent-encoded."""
    encoded = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    quoted = {urllib.parse.quote(secret, safe="", errors="replace")}
    return {secret, repr(secret)[1:-1]} | encoded | quoted
