"""Locks that the kernel releases however their holder ends (flock(2))."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

POLL_S = 0.01
_SILENT_WAIT_S = 1.0


@contextlib.contextmanager
def held(path: Path, narrate: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock alone; say so where it takes a while to get."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        patience_ends = time.monotonic() + _SILENT_WAIT_S
        while not (is_ours := try_lock(descriptor, fcntl.LOCK_EX)):
            if time.monotonic() > patience_ends:
                break
            time.sleep(POLL_S)
        if not is_ours:
            narrate("Waiting for another elconsole, which is preparing the demo plant…")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Whether another process holds this lock exclusively."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def is_last(users: int) -> bool:
    """Give up our shared lock; whether nobody else has one.

    Either we get the exclusive lock, or the watcher had it first, or others share it.
    """
    if try_lock(users, fcntl.LOCK_EX):
        return True
    return not try_lock(users, fcntl.LOCK_SH)
