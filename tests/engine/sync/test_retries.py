"""How often a table is tried, and how long it waits between."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elconsole.core.errors import ElconsoleError, PlanError, TransientFault
from elconsole.core.events import TableFailed
from elconsole.engine.load.context import LoadContext, LoadResult
from elconsole.engine.load.load import load_table
from elconsole.engine.sync import table as table_module
from elconsole.engine.sync.table import LONGEST_PAUSE_S, TableRunner, pause_s
from tests.pairs import Pair

LOST = TransientFault("the connection was lost")


def longest(failures: int) -> float:
    """The pause that chance makes longest."""
    return pause_s(failures, lambda _shortest, longest: longest)


@pytest.mark.unit
def test_pauses_double_up_to_their_limit() -> None:
    assert [longest(n) for n in range(1, 9)] == [0.25, 0.5, 1, 2, 4, 8, 10, 10]
    assert longest(101) == LONGEST_PAUSE_S


@pytest.mark.unit
@given(failures=st.integers(1, 101))
def test_a_pause_is_a_random_part_of_its_longest(failures: int) -> None:
    assert 0 <= pause_s(failures) <= longest(failures)
    assert pause_s(failures, lambda shortest, _longest: shortest) == 0


@pytest.fixture
def plant(pair: Pair) -> Pair:
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
    pair.configure(retries=2)
    return pair


def failing(monkeypatch: pytest.MonkeyPatch, *errors: ElconsoleError) -> list[float]:
    """Let attempts fail with these, one after the other; the pauses between them."""
    left, pauses = list(errors), list[float]()

    def load(context: LoadContext) -> LoadResult:
        if left:
            raise left.pop(0)
        return load_table(context)

    def rest(_runner: TableRunner, seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(table_module, "load_table", load)
    monkeypatch.setattr(TableRunner, "_rest", rest)
    return pauses


@pytest.mark.integration
def test_the_last_retry_may_still_succeed(plant: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = failing(monkeypatch, LOST, LOST)
    assert plant.sync().attempts == 3
    assert len(pauses) == 2
    retried = [e.attempt for e in plant.events if isinstance(e, TableFailed) and e.will_retry]
    assert retried == [1, 2]


@pytest.mark.integration
def test_after_the_last_retry_the_table_has_failed(
    plant: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = failing(monkeypatch, *itertools.repeat(LOST, 9))
    (table,) = plant.run().tables
    assert (table.status, table.attempts, len(pauses)) == ("failed", 3, 2)


@pytest.mark.integration
def test_what_will_not_pass_is_not_tried_again(
    plant: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = failing(monkeypatch, LOST, PlanError("no"))
    (table,) = plant.run().tables
    assert (table.status, table.attempts, len(pauses)) == ("failed", 2, 1)


@pytest.mark.integration
def test_a_failure_to_plan_again_counts_as_an_attempt(
    plant: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = failing(monkeypatch, LOST)

    def unplannable(*_: object) -> None:
        raise LOST

    monkeypatch.setattr(table_module, "plan_again", unplannable)
    (table,) = plant.run().tables
    assert (table.status, table.attempts, len(pauses)) == ("failed", 1, 2)


@pytest.mark.integration
def test_a_stop_ends_a_pause(plant: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    monkeypatch.setattr(table_module, "pause_s", lambda _failures: 60.0)

    def load(context: LoadContext) -> LoadResult:
        threading.Timer(0.1, stop.set).start()
        raise LOST

    monkeypatch.setattr(table_module, "load_table", load)
    (table,) = plant.run(stop=stop).tables
    assert (table.status, table.attempts) == ("cancelled", 1)
