"""Makes every console of the tests the same, wherever and under whatever they run."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from textual import constants
from textual.widgets import Input

UNSETTLING = ("NO_COLOR", "TEXTUAL_THEME", "COLUMNS", "LINES", "FORCE_COLOR", "TERM_PROGRAM")


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No animation, no blinking, no colour, size, theme or time zone of the surroundings."""
    for name in UNSETTLING:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    time.tzset()
    monkeypatch.setattr(constants, "TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setattr(constants, "DEFAULT_THEME", "textual-dark")
    monkeypatch.setattr(Input, "cursor_blink", False)
    yield
    monkeypatch.undo()
    time.tzset()
