"""Numbers, sizes, durations and foreign text as people read them. Pure."""

from __future__ import annotations

import unicodedata

NOTHING = "–"
"""Shown where there is no value: never 0, never 1970."""


def clean_text(value: object, limit: int | None = None) -> str:
    return str(value)
