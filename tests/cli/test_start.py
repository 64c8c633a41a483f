"""The garbage collector's pause while the program starts."""

from __future__ import annotations

import gc

import pytest

from elconsole.cli import start

pytestmark = pytest.mark.unit


def test_garbage_is_collected_again_once_the_start_is_over() -> None:
    before = gc.get_freeze_count()
    start.collect_nothing()
    try:
        assert not gc.isenabled()
        start.collect_again()
        assert gc.isenabled()
        assert gc.get_freeze_count() > before
    finally:
        gc.enable()
        gc.unfreeze()
