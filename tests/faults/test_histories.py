"""Random histories: whatever happened, the last sync leaves source and raw equal, and what is
kept beside the rows tells what the source was at each sync."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from elconsole.core.results import SyncRequest
from tests.effort import tries
from tests.faults.histories import History, Killer, play
from tests.pairs import Pair

pytestmark = [pytest.mark.faults, pytest.mark.chance, pytest.mark.timeout(100 + 4 * tries(10))]

HISTORIES = tries(5)
"""Of each strategy."""
FIRST_SEED = 20_240_229
MARK = "_elconsole_deleted_at"
FROM, TO = "_elconsole_valid_from", "_elconsole_valid_to"
AUDIT = """
CREATE TABLE IF NOT EXISTS trail (
  number bigint GENERATED ALWAYS AS IDENTITY, xact xid8, id int, now jsonb);
TRUNCATE trail;
CREATE OR REPLACE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND (TG_OP = 'DELETE' OR NEW.id <> OLD.id) THEN
    INSERT INTO trail (xact, id) VALUES (pg_current_xact_id(), OLD.id);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    -- A plan that is kept would remember the type of NEW.v.
    EXECUTE 'INSERT INTO trail (xact, id, now)'
      ' SELECT pg_current_xact_id(), $1.id, jsonb_build_array($1.id, $1.v, $1.moved)' USING NEW;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION audit()
"""
Rows = dict[int, tuple[Any, ...]]


def at_source(pair: Pair, snapshot: str) -> Rows:
    """What the trail says that the source's table was, of columns that no change renames."""
    found = pair.source.sql(
        "SELECT DISTINCT ON (id) id, now::text FROM trail"
        f" WHERE pg_visible_in_snapshot(xact, '{snapshot}') ORDER BY id, number DESC"
    )
    return {key: tuple(json.loads(now)) for key, now in found if now is not None}


@dataclass(slots=True)
class Kept(History):
    """A history of a table that keeps marks or versions."""

    states: dict[datetime, str] = field(default_factory=dict)
    """Per published sync, its time and its snapshot."""

    def __post_init__(self) -> None:
        super(Kept, self).__post_init__()
        self.further = [self.full_sync]

    @property
    def there(self) -> str:
        return f"t WHERE {MARK} IS NULL" if self.seed % 3 else "t"

    def start(self) -> None:
        super(Kept, self).start()
        self.source.execute(AUDIT)
        deletes = "mark" if self.seed % 3 else "sweep"
        block = {"mode": "incremental", "strategy": self.strategy, "deletes": deletes}
        block |= {"cursor": "moved"} if self.strategy == "cursor" else {}
        tables = {"tables": ["t"], "history": True}
        self.pair.configure({"t": block}, retries=3, plant=tables)

    def full_sync(self) -> None:
        self.sync(full=True)

    def sync(self, *, full: bool = False) -> None:
        super(Kept, self).sync(full=full)
        ((moment, snapshot),) = self.pair.warehouse.sql(
            "SELECT extracted_at, snapshot FROM elconsole.watermarks"
        )
        self.states[moment] = snapshot

    def finish(self) -> None:
        super(Kept, self).finish()
        pair = self.pair
        current = f"t_history WHERE {TO} IS NULL"
        assert pair.raw(self.listed, current) == pair.rows(self.listed)
        seen: Rows = {}
        marked: dict[int, datetime] = {}
        for moment, snapshot in self.states.items():
            rows = at_source(pair, snapshot)
            as_of = f"{FROM} <= '{moment}' AND coalesce({TO} > '{moment}', true)"
            found = pair.raw("id, v, moved", f"t_history WHERE {as_of}")
            assert {row[0]: row for row in found} == rows, f"history as of {moment}"
            marked = {
                key: moment if key in seen else marked[key]
                for key in (seen.keys() | marked.keys()) - rows.keys()
            }
            seen = rows
        if self.seed % 3:
            assert dict(pair.raw(f"id, {MARK}", f"t WHERE {MARK} IS NOT NULL")) == marked
        assert self.needless_versions() == []

    def needless_versions(self) -> list[Any]:
        """Versions that are the same as the one before them."""
        return self.pair.warehouse.sql(
            "SELECT new.id FROM raw.t_history new JOIN raw.t_history old"
            f" ON old.id = new.id AND old.{TO} = new.{FROM} AND new.{FROM} < coalesce(new.{TO},"
            f" 'infinity') WHERE to_jsonb(new) - '{{{FROM},{TO},_elconsole_operation}}'::text[]"
            f" = to_jsonb(old) - '{{{FROM},{TO},_elconsole_operation}}'::text[]"
        )


@pytest.mark.parametrize("kind", [History, Kept], ids=["swept", "kept"])
@pytest.mark.parametrize("strategy", ["xmin", "cursor"])
def test_every_history_ends_with_source_and_raw_equal(
    pair: Pair, strategy: str, kind: type[History], monkeypatch: pytest.MonkeyPatch
) -> None:
    block: dict[str, Any] = {"mode": "incremental", "strategy": strategy, "deletes": "sweep"}
    if strategy == "cursor":
        block["cursor"] = "moved"
    pair.configure({"t": block}, retries=3)
    killer = Killer(monkeypatch, pair)
    monkeypatch.setattr("elconsole.engine.sync.table.TableRunner._rest", lambda *_: None)
    first = FIRST_SEED + 10_000 * (strategy == "cursor") + 20_000 * (kind is Kept)
    print(f"seeds {first} to {first + HISTORIES - 1}")
    assert pair.engine is not None
    pair.source.sql("CREATE TABLE t (id int)")
    pair.engine.sync(SyncRequest(), emit=lambda event: None, stop=threading.Event())
    started = time.monotonic()
    with pair.source.connect() as source:
        source.execute("SET lock_timeout = '5ms'")
        for seed in range(first, first + HISTORIES):
            play(lambda seed: kind(pair, seed, strategy, source), seed, killer)
    print(f"{HISTORIES} histories in {time.monotonic() - started:.1f} s")
