"""Plug-ins that ask, fail or hang between the load and its publishing."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.faults.conftest import Background, only
from tests.pairs import Pair
from tests.waiting import until

pytestmark = pytest.mark.faults

NAME = "plugin_of_the_faults"
MODES = pytest.mark.parametrize("mode", ["full", "incremental"])


@pytest.fixture
def checked(pair: Pair) -> Iterator[Callable[[str, Callable[..., Any]], None]]:
    """Makes a table in this mode that a plug-in checks after each load."""

    def make(mode: str, post_load: Callable[..., Any]) -> None:
        module = types.ModuleType(NAME)
        module.post_load = post_load  # type: ignore[attr-defined]
        sys.modules[NAME] = module
        pair.source.sql(
            "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x')"
        )
        pair.configure({"t": {"mode": mode}}, plugins=[NAME], retries=0)

    yield make
    sys.modules.pop(NAME, None)


@MODES
def test_a_sync_of_nothing_is_checked_too(
    pair: Pair, checked: Callable[..., None], mode: str
) -> None:
    counts: list[int] = []

    def post_load(warehouse: Any) -> None:
        counts.extend(count for (count,) in warehouse.query(f"SELECT 1 FROM {warehouse.table}"))

    checked(mode, post_load)
    for _ in range(3):
        pair.sync()
    assert counts == [1, 1, 1]
    assert pair.advisory_locks() == 0


@MODES
def test_a_plug_in_that_hangs_holds_up_no_reader_and_no_stop(
    pair: Pair, checked: Callable[..., None], mode: str
) -> None:
    entered, goes_on = threading.Event(), threading.Event()
    hangs: list[bool] = []

    def post_load(warehouse: Any) -> None:
        if hangs:
            entered.set()
            goes_on.wait(60)

    checked(mode, post_load)
    pair.sync()
    hangs.append(True)
    pair.source.sql("UPDATE t SET v = 'changed'")
    running = Background(pair)
    try:
        assert entered.wait(20)
        pair.warehouse.sql("SET lock_timeout = '50ms'; SELECT * FROM raw.t")
        running.stop.set()
        assert running.join(10).run.status == "cancelled"
    finally:
        goes_on.set()
    assert pair.raw("v") == [("x",)]
    until(lambda: pair.advisory_locks() == 0)
    hangs.clear()
    pair.sync()
    assert pair.raw("v") == [("changed",)]


@MODES
def test_a_plug_in_whose_query_fails_leaves_the_old_rows(
    pair: Pair, checked: Callable[..., None], mode: str
) -> None:
    fails: list[bool] = []

    def post_load(warehouse: Any) -> None:
        if fails:
            warehouse.query("SELECT 1 / 0")

    checked(mode, post_load)
    pair.sync()
    fails.append(True)
    pair.source.sql("UPDATE t SET v = 'changed'")
    table = only(pair.run().tables)
    assert table.status == "failed"
    assert table.error is not None
    assert "division by zero" in table.error.message
    assert pair.raw("v") == [("x",)]
    until(lambda: pair.advisory_locks() == 0)
    fails.clear()
    pair.sync()
    assert pair.raw("v") == [("changed",)]
