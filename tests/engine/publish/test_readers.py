"""What readers of a raw table see during a refresh, and how long they wait."""

from __future__ import annotations

import threading

import pytest

from elconsole.core.results import RunDetail, SyncRequest
from elconsole.engine.publish import swap
from tests.engine.publish.leaves import LEAF, STORED, leaf
from tests.link import Link, only
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def built_under_lock(link: Link) -> tuple[set[str], set[int], int]:
    """Refresh, and see which statements ran while readers were locked out, how many indexes
    the new leaf had meanwhile, and how many before."""
    warehouse = link.warehouse
    role = link.roles["warehouse"]
    warehouse.sql(
        "CREATE TABLE public.seen (n serial, tag text, locked boolean, indexes bigint);"
        f'GRANT ALL ON public.seen, public.seen_n_seq TO "{role}";'
        r"""CREATE FUNCTION public.see() RETURNS event_trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO public.seen (tag, locked, indexes) SELECT tg_tag,
            EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid()
                     AND relation = 'raw.t'::regclass AND mode = 'AccessExclusiveLock'),
            (SELECT count(*) FROM pg_index
              WHERE indrelid = (SELECT oid FROM pg_class WHERE relname ~ '^t1_g2_'
                                 AND relkind = 'r'));
        END $$;
        CREATE EVENT TRIGGER see ON ddl_command_end EXECUTE FUNCTION public.see()"""
    )
    link.synced()
    built = warehouse.sql("SELECT tag, locked, indexes FROM public.seen ORDER BY n")
    warehouse.sql("DROP EVENT TRIGGER see")
    under_lock = [(tag, indexes) for tag, locked, indexes in built if locked]
    before = [indexes for _, locked, indexes in built if not locked]
    return {tag for tag, _ in under_lock}, {n for _, n in under_lock}, max(before)


def test_no_index_is_built_while_readers_are_locked_out(published: Link) -> None:
    published.warehouse.sql(
        "CREATE INDEX ON raw.t (lower(name)); CREATE INDEX ON raw.t (price) WHERE price > 3;"
        "ALTER TABLE raw.t ADD CHECK (price > 0)"
    )
    assert built_under_lock(published) == ({"ALTER TABLE", "DROP TABLE"}, {4}, 4)


def test_an_index_is_built_beforehand_though_another_holds_off_the_preparation(
    published: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A VACUUM or ANALYZE of the raw table, say, that ends only while the swap is tried."""
    published.warehouse.sql("CREATE INDEX ON raw.t (lower(name))")
    other = published.warehouse.connect()
    other.execute("BEGIN; LOCK TABLE raw.t IN SHARE UPDATE EXCLUSIVE MODE")
    monkeypatch.setattr(swap, "QUIETEN_TIMEOUT_MS", 50)
    monkeypatch.setattr(swap, "_pause", lambda session, seconds: other.close())
    assert built_under_lock(published) == ({"ALTER TABLE", "DROP TABLE"}, {3}, 3)
    assert other.closed


def test_a_swap_that_takes_long_lets_go_of_the_readers(
    published: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "STATEMENT_TIMEOUT_S", 0.3)
    published.warehouse.sql(
        r"""CREATE FUNCTION public.slow() RETURNS event_trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid()
                      AND relation = 'raw.t'::regclass AND mode = 'AccessExclusiveLock')
          THEN PERFORM pg_sleep(3); END IF;
        END $$;
        CREATE EVENT TRIGGER slow ON ddl_command_start EXECUTE FUNCTION public.slow()"""
    )
    error = only(published.sync(retries=0)).error
    published.warehouse.sql("DROP EVENT TRIGGER slow")
    assert error is not None
    assert "statement timeout" in error.message
    assert published.warehouse.scalar("SELECT count(*) FROM raw.t") == 1000


def test_a_users_primary_key_is_built_while_readers_go_on(link: Link) -> None:
    link.source.sql("CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 100)")
    link.synced()
    link.warehouse.sql("ALTER TABLE raw.t ADD PRIMARY KEY (id, _airbyte_generation_id)")
    assert built_under_lock(link) == ({"ALTER TABLE", "DROP TABLE"}, {2}, 2)
    constraint = "SELECT count(*) FROM pg_constraint WHERE contype = 'p' AND conrelid ="
    assert link.warehouse.scalar(f"{constraint} 'raw.t'::regclass") == 1
    assert link.warehouse.scalar(f"{constraint} {LEAF}") == 1


def test_a_reader_always_sees_one_whole_generation(link: Link) -> None:
    rows = 100_000
    link.source.sql(
        "CREATE TABLE t (id integer PRIMARY KEY, name text);"
        f"INSERT INTO t SELECT n, 'unit ' || n FROM generate_series(1, {rows}) n"
    )
    link.synced()
    done = threading.Event()
    seen: list[tuple[int, int, int]] = []

    def read() -> None:
        with link.warehouse.connect() as connection:
            while not done.is_set():
                seen.extend(
                    connection.execute(
                        "SELECT min(_airbyte_generation_id), max(_airbyte_generation_id),"
                        " count(*) FROM raw.t"
                    ).fetchall()
                )
                done.wait(0.01)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for extra in (1, 2, 3):
            link.source.sql(f"INSERT INTO t VALUES ({-extra}, 'more')")
            link.synced()
    finally:
        done.set()
        reader.join()
    assert set(seen) <= {(g, g, rows + g - 1) for g in (1, 2, 3, 4)}
    assert {low for low, _, _ in seen} >= {1, 2, 3}


def test_a_source_that_stalls_mid_copy_locks_nobody_out(link: Link) -> None:
    link.source.sql(
        "CREATE VIEW t AS SELECT n, repeat('x', 100) AS filler, CASE WHEN n > 5000"
        " THEN pg_advisory_xact_lock_shared(42)::text END AS waits FROM generate_series(1, 9999) n"
    )
    link.tables["plant"] = ["t"]
    link.synced()
    engine = link.engine()
    details: list[RunDetail] = []
    with link.source.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(42)")
        syncing = threading.Thread(
            target=lambda: details.append(
                engine.sync(SyncRequest(), emit=link.events.append, stop=threading.Event())
            )
        )
        syncing.start()
        copying = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND objid = 42 AND objsubid = 1"
        )
        until(lambda: link.source.scalar(copying), "the copy begins")
        held = link.warehouse.sql(
            f"SELECT mode FROM pg_locks WHERE relation IN ('raw.t'::regclass, {LEAF})"
            " AND pid <> pg_backend_pid()"
        )
        with link.warehouse.connect() as connection:
            connection.execute("BEGIN; SET LOCAL lock_timeout = '1ms'; LOCK TABLE raw.t; ROLLBACK")
    syncing.join(30)
    assert held == []
    assert details[0].run.status == "succeeded"


def test_an_older_snapshot_never_sees_an_empty_table(published: Link) -> None:
    published.source.sql("CREATE TABLE newcomer AS SELECT 1 AS n")
    with published.warehouse.connect() as old:
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT count(*) FROM pg_class")
        published.synced()
        published.synced()
        assert old.execute("SELECT count(*) FROM raw.t").fetchone() == (1000,)
        assert old.execute("SELECT count(*) FROM raw.newcomer").fetchone() == (1,)
        assert old.execute("SELECT count(*) FROM raw.t WHERE id = 5").fetchone() == (1,)


def test_a_reader_in_the_way_is_named_and_others_go_on(published: Link) -> None:
    with published.warehouse.connect(application_name="a report") as holder:
        holder.execute("BEGIN; SELECT count(*) FROM raw.t")
        reads: list[int] = []
        done = threading.Event()

        def read() -> None:
            with published.warehouse.connect() as connection:
                while not done.wait(0.01):
                    row = connection.execute("SELECT max(_airbyte_generation_id) FROM raw.t")
                    reads.extend(number for (number,) in row.fetchall())

        other = threading.Thread(target=read)
        other.start()
        error = only(published.sync(lock_wait=1.0)).error
        reads_meanwhile = len(reads)
        done.set()
        other.join()
        assert error is not None
        assert error.kind == "lock"
        assert f"pid {holder.info.backend_pid}" in error.message
        assert "a report" in error.message
        assert reads_meanwhile > 5
        assert set(reads) == {1}
    published.synced()
    assert published.warehouse.scalar("SELECT max(_airbyte_generation_id) FROM raw.t") == 2


def test_a_vacuum_of_the_old_rows_long_texts_delays_no_refresh(published: Link) -> None:
    """It holds a lock on the TOAST table alone, as a reader of that does."""
    warehouse = published.warehouse
    toast = warehouse.scalar(
        f"SELECT reltoastrelid::regclass::text FROM pg_class c WHERE c.oid = {LEAF}"
    )
    with warehouse.connect() as other:
        other.execute(f"BEGIN; SELECT count(*) FROM {toast}")
        published.synced(lock_wait=0.5)
        assert warehouse.sql(STORED) == [(False,), (True,)]
    published.synced()
    assert warehouse.sql(STORED) == [(True,)]


def test_autovacuum_on_the_old_rows_yields_to_the_refresh(published: Link) -> None:
    warehouse = published.warehouse
    warehouse.sql(
        f"ALTER TABLE {leaf(published)} SET (autovacuum_vacuum_threshold = 0,"
        " autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100,"
        " autovacuum_vacuum_cost_limit = 1)"
    )
    warehouse.sql("ALTER SYSTEM SET autovacuum_naptime = '1s'")
    warehouse.sql("SELECT pg_reload_conf()")
    try:
        warehouse.sql(
            "INSERT INTO raw.t SELECT 'x' || n, now(), '{}', 1, -n FROM"
            " generate_series(1, 50000) n; DELETE FROM raw.t WHERE id < 0;"
        )
        working = (
            "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            f" WHERE l.relation = {LEAF}"
            " AND a.backend_type = 'autovacuum worker'"
        )
        until(lambda: warehouse.scalar(working), "an autovacuum comes")
        published.synced(lock_wait=1.0)
    finally:
        warehouse.sql("ALTER SYSTEM RESET autovacuum_naptime")
        warehouse.sql("SELECT pg_reload_conf()")
