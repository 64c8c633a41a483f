"""Thousands of messages changed at random: the warehouse whole, no traceback, no wait beyond its
bound, no memory.

ELCONSOLE_FUZZ_SEED replays (a failure prints its seed, which ends in the number of its sync, and
is of so many rows as ELCONSOLE_FUZZ_ROWS says)."""

from __future__ import annotations

import os
import random
import sys
import time
from typing import Any

import pytest

from tests.effort import tries
from tests.hostile.between import MOST_KB, Between, Outcome, Syncing, syncing
from tests.hostile.wire import Fuzzer, faithful
from tests.waiting import until

pytestmark = [pytest.mark.faults, pytest.mark.chance, pytest.mark.timeout(3 * 86_400)]

SEED = os.environ.get("ELCONSOLE_FUZZ_SEED", "12")
MESSAGES = tries(200)
"""Of both sides together."""
ROWS = int(os.environ.get("ELCONSOLE_FUZZ_ROWS", "500"))
SHARES = (0.02, 0.1, 0.5)
SPARED = {"source": range(560), "warehouse": range(180)}
"""About as many messages as a sync without faults takes of each side."""
BOUNDS_S = {"stall_timeout": 0.5, "connect_timeout": 1, "catalog_timeout": 0.5}
LONGEST_SYNC_S = 25.0
"""More than all bounds of one sync together, the ledger's grace and a busy machine included."""
MILD_EVERY = 4
HEALED_EVERY = 50
HOLDERS = """SELECT a.pid, a.state, a.wait_event, now() - a.query_start, left(a.query, 300)
  FROM pg_stat_activity a JOIN pg_locks l USING (pid) WHERE l.locktype = 'advisory'"""


def begin(between: Between) -> None:
    pair = between.pair
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text);"
        f"INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, {ROWS}) i"
    )
    pair.configure({"t": {"mode": "full"}}, retries=0, workers=1)
    pair.sync()


def generation(between: Between) -> int:
    """The one that readers see; all of the rows are of it, and all are there."""
    found = between.pair.raw("DISTINCT _airbyte_generation_id, count(*) OVER ()")
    assert len(found) == 1, found
    assert found[0][1] > 0
    return int(found[0][0])


def require_whole(between: Between, before: int, outcome: Outcome, side: str) -> None:
    """The old generation or the new one; the source's side can't deceive about which."""
    now = generation(between)
    assert now in (before, before + 1)
    if side == "source":
        assert (now == before + 1) == (outcome.status == "succeeded"), (before, now)
        running = between.pair.warehouse.scalar(
            "SELECT count(*) FROM elconsole.runs WHERE status = 'running'"
        )
        assert running == 0
    assert outcome.tracebacks == [], "".join(outcome.tracebacks)
    assert outcome.seconds < LONGEST_SYNC_S
    assert outcome.peak_kb < MOST_KB


def require_unlocked(between: Between) -> None:
    """What the last sync held is free, or soon will be."""
    pair = between.pair
    try:
        until(lambda: pair.advisory_locks() == 0)
    except AssertionError as error:
        error.add_note(str(pair.warehouse.sql(HOLDERS)))
        raise


def require_healed(between: Between) -> None:
    """The next sync makes raw and source equal, whatever was before, and leaves nothing."""
    pair = between.pair
    between.rewrite("source", faithful)
    require_unlocked(between)
    pair.sync()
    assert pair.raw("id, v") == pair.rows("id, v")
    assert pair.leftovers() == []


def fuzzed(between: Between, side: str, seed: str, process: Syncing) -> tuple[Fuzzer, Outcome]:
    """One sync through a fuzzer of this seed."""
    chance = random.Random(seed)
    mild = not chance.randrange(MILD_EVERY)
    share = 1.0 if mild else chance.choice(SHARES)
    spared = 0 if mild else chance.choice(SPARED[side])
    fuzzer = Fuzzer(seed, share, mild, spared)
    between.rewrite(side, fuzzer)
    before = generation(between)
    outcome = process.sync(2 * LONGEST_SYNC_S)
    # What comes late of it must not be taken for the next one's.
    between.rewrite(side, faithful)
    require_unlocked(between)
    require_whole(between, before, outcome, side)
    return fuzzer, outcome


@pytest.mark.parametrize("side", ["source", "warehouse"])
def test_no_changed_message_breaks_anything(between: Between, side: str) -> None:
    begin(between)
    values: dict[str, Any] = between.values({"t": {"mode": "full"}}, **BOUNDS_S)
    changed, unsound, syncs, longest, peak = 0, 0, 0, 0.0, 0
    began = time.monotonic()
    number = int(SEED.partition(":")[2] or 0)
    with syncing(values) as process:
        while changed < MESSAGES // 2:
            seed = f"{SEED.partition(':')[0]}:{number + syncs}"
            try:
                fuzzer, outcome = fuzzed(between, side, seed, process)
                if syncs % HEALED_EVERY == 0:
                    require_healed(between)
            except BaseException:
                print(f"ELCONSOLE_FUZZ_SEED={seed} on the {side}'s side", file=sys.stderr)
                raise
            changed, syncs = changed + fuzzer.changed, syncs + 1
            unsound += 0 if fuzzer.mild else fuzzer.changed
            longest, peak = max(longest, outcome.seconds), max(peak, outcome.peak_kb)
    require_healed(between)
    print(
        f"{side}: seed {SEED}, {ROWS} rows, {changed} messages changed in {syncs} syncs,"
        f" {unsound} of them as no PostgreSQL would, the longest {longest:.1f} s,"
        f" peak {peak} kB, {time.monotonic() - began:.0f} s"
    )
