"""Waits for what a server or another process brings about: nothing there tells us when."""

from __future__ import annotations

import time
from collections.abc import Callable

LOOK_EVERY_S = 0.01
PATIENCE_S = 20.0
"""A deadline for a busy machine, not an expectation."""


def until(
    holds: Callable[[], object], what: str = "what was waited for", timeout_s: float = PATIENCE_S
) -> float:
    """Wait until something holds; returns the seconds it took, fails after `timeout_s`."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < timeout_s, f"not within {timeout_s} s: {what}"
        time.sleep(LOOK_EVERY_S)
    return time.monotonic() - began
