"""The exit code of a sync follows from its result."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from elconsole.core.results import RunDetail, SyncRequest
from elconsole.core.types import ErrorInfo
from elconsole.headless.exit_codes import exit_code
from tests.fakes.engine import FakeEngine
from tests.fakes.plant import DENIED, LOCKED, PEN_PLANT, REFUSED, FakeTable, failing, unreachable

pytestmark = pytest.mark.unit

VETOED = ErrorInfo("vetoed", "springs.springs_production: vetoed by a plug-in: too few units")


def result_of(tables: tuple[FakeTable, ...]) -> RunDetail:
    engine = FakeEngine(tables)
    return engine.sync(SyncRequest(), emit=lambda event: None, stop=threading.Event())


def cancelled() -> RunDetail:
    stop = threading.Event()
    stop.set()
    return FakeEngine().sync(SyncRequest(), emit=lambda event: None, stop=stop)


@pytest.mark.parametrize(
    ("tables", "code"),
    [
        (PEN_PLANT, 0),
        ((), 0),
        (failing("springs", DENIED), 1),
        (failing("springs", VETOED, "skipped"), 1),
        (failing("springs", REFUSED), 1),
        (failing("springs", LOCKED, "locked"), 4),
        (unreachable(REFUSED), 3),
        (unreachable(), 3),
        (unreachable(ErrorInfo("access_refused", "wrong password")), 3),
        (failing("springs", ErrorInfo("warehouse_unavailable", "gone")), 3),
    ],
)
def test_each_outcome_has_its_code(tables: tuple[FakeTable, ...], code: int) -> None:
    assert exit_code(result_of(tables)) == code


def test_a_failure_counts_more_than_a_lock() -> None:
    locked = replace(PEN_PLANT[0], error=LOCKED, status="locked")
    assert exit_code(result_of((locked, *failing("springs", DENIED)[1:]))) == 1


def test_one_unreachable_source_and_one_locked_table_is_a_failure() -> None:
    locked = replace(PEN_PLANT[0], error=LOCKED, status="locked")
    assert exit_code(result_of((locked, replace(PEN_PLANT[1], error=REFUSED)))) == 1


@pytest.mark.parametrize("code", [130, 143])
def test_a_signal_that_cancelled_tables_counts_most(code: int) -> None:
    assert exit_code(cancelled(), code) == code


def test_a_signal_after_the_last_table_changes_nothing() -> None:
    assert exit_code(result_of(PEN_PLANT), 143) == 0


def test_a_cancelled_run_without_a_signal_did_not_succeed() -> None:
    assert exit_code(cancelled()) == 1


def test_a_skipped_table_without_an_error_is_no_failure() -> None:
    detail = result_of(PEN_PLANT)
    skipped = replace(detail, tables=(replace(detail.tables[0], status="skipped"),))
    assert exit_code(skipped) == 0
