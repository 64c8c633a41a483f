"""A server cannot exhaust the client: not its memory, not its patience, not its log."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from elconsole.core.errors import (
    LONGEST_MESSAGE,
    LONGEST_WORDS,
    ServerError,
    UnexpectedAnswer,
    shortened,
)
from tests.conftest import RunCli
from tests.faults.conftest import only
from tests.hostile import wire
from tests.hostile.between import MOST_KB, Between, Outcome, syncing
from tests.hostile.folders import user_settings
from tests.hostile.wire import Rewrite
from tests.pairs import Pair

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

ROWS = 3000
STALL_S = 2
PATIENCE_S = 20.0
"""Longer than any bound of these tests' settings together."""


def flood(part: bytes) -> Iterator[bytes]:
    """The same messages for ever, as fast as they are taken."""
    block = part * max(1, 60_000 // len(part))
    return itertools.repeat(block)


def drip(part: bytes, every_s: float = 0.05) -> Iterator[bytes]:
    """The same bytes for ever, slowly."""
    while True:
        yield part
        time.sleep(every_s)


def instead_of(tag: bytes, number: int, made: Callable[[bytes], Iterable[bytes]]) -> Rewrite:
    """Put something in place of one message of a kind, counted from 1, on all connections."""
    count = itertools.count(1)
    return lambda one: made(one) if one[:1] == tag and next(count) == number else (one,)


def huge(tag: bytes) -> Callable[[bytes], Iterable[bytes]]:
    """A message of a gigabyte, that comes as fast as networks carry it.

    Nothing but libpq can stop one that comes faster than libpq reads."""
    head = (
        tag
        + b"\x3f\xff\xff\xff"
        + (b"SERROR\0C22000\0M" if tag in b"EN" else b"\0\x01\x3f\xff\0\0")
    )
    return lambda one: itertools.chain([head], drip(b"x" * 60_000, 0.002))


def begin(pair: Pair) -> None:
    pair.source.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text);"
        f"INSERT INTO t SELECT i, repeat('x', 50) FROM generate_series(1, {ROWS}) i"
    )
    pair.configure({"t": {"mode": "full"}}, retries=0, workers=1)
    pair.sync()


def failed(between: Between, side: str, rewrite: Rewrite) -> Outcome:
    """One sync that fails in time, within its memory, and leaves the old rows."""
    begin(between.pair)
    between.rewrite(side, rewrite)
    values = between.values(stall_timeout=STALL_S, connect_timeout=3, catalog_timeout=4)
    with syncing(values) as process:
        outcome = process.sync(PATIENCE_S + 10)
    assert outcome.status != "succeeded", outcome
    assert outcome.tracebacks == []
    assert outcome.seconds < PATIENCE_S, outcome
    assert outcome.peak_kb < MOST_KB, (outcome.peak_kb, outcome.errors)
    assert all(len(words.encode()) < LONGEST_MESSAGE + 100 for _, words in outcome.errors)
    assert between.pair.raw("count(*)") == [(ROWS,)]
    return outcome


SIDES = pytest.mark.parametrize("side", ["source", "warehouse"])
FLOODS = {
    "notices": wire.notice(b"x" * 100),
    "notifications": wire.notification(b"x" * 100),
    "parameters": wire.parameter(b"application_name", b"x" * 100),
}


@SIDES
@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_in_an_answer_ends(between: Between, side: str, kind: str) -> None:
    failed(between, side, instead_of(b"D", 2, lambda one: flood(FLOODS[kind])))


@SIDES
@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_before_a_session_stands_ends(between: Between, side: str, kind: str) -> None:
    failed(between, side, instead_of(b"K", 1, lambda one: flood(FLOODS[kind])))


def numbered() -> Iterator[bytes]:
    return (
        b"".join(wire.parameter(b"p%d" % (n * 2 + m), b"x" * 29_000) for m in range(2))
        for n in itertools.count()
    )


def test_settings_without_end_are_not_kept(between: Between) -> None:
    failed(between, "source", instead_of(b"K", 1, lambda one: numbered()))


@pytest.mark.parametrize("kind", [*FLOODS, "empty"])
def test_a_flood_between_rows_is_no_progress(between: Between, kind: str) -> None:
    part = {**FLOODS, "empty": wire.message(b"d", b"")}[kind]
    outcome = failed(between, "source", instead_of(b"d", 100, lambda one: drip(part)))
    assert outcome.errors[0][0] == "stalled"
    assert outcome.seconds < 3 * STALL_S + 4


def test_a_row_that_trickles_is_no_progress(between: Between) -> None:
    def slowly(one: bytes) -> Iterator[bytes]:
        return itertools.chain([one[:1] + b"\0\x10\0\0"], drip(b"x"))

    outcome = failed(between, "source", instead_of(b"d", 100, slowly))
    assert outcome.errors[0][0] == "stalled"
    assert outcome.seconds < 3 * STALL_S + 4


def test_a_warehouse_that_chats_in_place_of_its_tag_is_no_progress(between: Between) -> None:
    def chat(one: bytes) -> Iterable[bytes]:
        return drip(FLOODS["notices"]) if one[5:9] == b"COPY" else (one,)

    failed(between, "warehouse", lambda one: chat(one) if one[:1] == b"C" else (one,))


@SIDES
@pytest.mark.parametrize("tag", [b"D", b"E", b"N", b"T", b"A", b"S"])
def test_a_gigabyte_in_one_message_ends(between: Between, side: str, tag: bytes) -> None:
    at = b"T" if tag in b"TENAS" else b"D"
    failed(between, side, instead_of(at, 2, huge(tag)))


@SIDES
@pytest.mark.parametrize(
    "rows",
    [wire.row(*[None] * 9), wire.row(b""), wire.row(), wire.row(*[b"x" * 60] * 9)],
    ids=["null", "empty", "bare", "long"],
)
def test_rows_without_end_end(between: Between, side: str, rows: bytes) -> None:
    failed(between, side, instead_of(b"D", 2, lambda one: flood(rows)))


def test_as_many_columns_as_the_protocol_can_say(between: Between) -> None:
    made = [wire.row_description(32767), wire.row(*[None] * 32767) * 20]
    failed(between, "source", instead_of(b"T", 2, lambda one: made))


def test_a_later_result_of_an_answer_is_read_with_as_much_care(between: Between) -> None:
    begin(between.pair)
    assert between.pair.engine is not None

    def odd(one: bytes) -> Iterable[bytes]:
        return [one[:-2] + b"\x77\x77"]  # the format of its last column

    with between.pair.engine._pools.warehouse.session() as session:
        between.rewrite("warehouse", instead_of(b"T", 2, odd))
        with pytest.raises(UnexpectedAnswer):
            session.execute(b"SELECT 1; SELECT 2").nextset()


@SIDES
@pytest.mark.parametrize("megabytes", [1, 4])
def test_a_long_error_is_cut_and_says_so(between: Between, side: str, megabytes: int) -> None:
    words = wire.error(b"y " * (megabytes * 2**19))
    outcome = failed(between, side, instead_of(b"T", 2, lambda one: [words]))
    assert megabytes < 4 or "bytes left out" in outcome.errors[0][1]


def test_a_long_error_during_the_copy_is_cut_in_the_ledger_too(between: Between) -> None:
    words = wire.error(b"y " * 2**20)
    outcome = failed(between, "source", instead_of(b"d", 100, lambda one: [words]))
    assert "bytes left out" in outcome.errors[0][1]
    (longest,) = between.pair.warehouse.sql(
        "SELECT max(octet_length(to_jsonb(t)::text)) FROM elconsole.table_runs t"
    )
    assert longest[0] < 4 * LONGEST_WORDS


@SIDES
@pytest.mark.parametrize(
    "state", [b"A" * 2**21, b"22\x1b[0", b"2200\n"], ids=["long", "esc", "line"]
)
def test_a_code_that_is_none_is_told_and_stored_nowhere(
    between: Between, run_cli: RunCli, home: Path, side: str, state: bytes
) -> None:
    begin(between.pair)
    user_settings(home, between.toml(retries=0))
    between.rewrite(side, instead_of(b"D", 2, lambda one: [wire.error(b"no", state)]))
    ended = run_cli("--headless", "sync", "--json")
    assert ended.returncode in (1, 3)
    assert "no" in ended.stderr
    told = ended.stdout + ended.stderr
    assert len(told) < 4 * LONGEST_WORDS
    stored = between.pair.warehouse.sql("SELECT error_sqlstate FROM elconsole.table_runs")
    assert {code for (code,) in stored} == {None}


def test_codes_are_five_digits_or_capitals() -> None:
    for state in ("22000", "P0001", "XX000"):
        assert ServerError("", sqlstate=state).info().sqlstate == state
    for state in ("", "2200", "220000", "22\n00", "22\x1b00", "2200\n", "p0001", "２２０００"):
        assert ServerError("", sqlstate=state).info().sqlstate is None


def test_words_are_cut_at_eight_kilobytes_whatever_they_are_made_of() -> None:
    assert shortened("x" * LONGEST_WORDS) == "x" * LONGEST_WORDS
    assert shortened("x" * (LONGEST_WORDS + 7)) == "x" * LONGEST_WORDS + " … (7 bytes left out)"
    assert len(shortened("\U0001f600" * 10**6).encode()) < LONGEST_WORDS + 40
    error = ServerError("m" * 10**6, hint="h" * 10**6)
    assert len(str(error)) < 2 * LONGEST_WORDS
    assert len(error.info().hint or "") < 2 * LONGEST_WORDS


def test_a_value_of_many_megabytes_over_a_slow_link_still_passes(between: Between) -> None:
    pair = between.pair
    pair.source.sql("CREATE TABLE t (id int PRIMARY KEY, v text);"
                    "INSERT INTO t VALUES (1, repeat(md5('x'), 512 * 1024))")  # fmt: skip
    pair.configure({"t": {"mode": "full"}}, stall_timeout=2, retries=0)
    between.source.rate_bytes_s = 3_000_000
    assert only(pair.run().tables).error is None
    assert pair.raw("length(v)") == [(16 * 2**20,)]


@SIDES
def test_a_table_that_takes_too_long_ends(between: Between, side: str) -> None:
    pair = between.pair
    begin(pair)
    one = {"source": b"d", "warehouse": b"C"}[side]

    def slowly(message: bytes) -> Iterator[bytes]:
        time.sleep(0.05 if side == "source" else 0.5)
        yield message

    between.rewrite(side, lambda message: slowly(message) if message[:1] == one else (message,))
    pair.configure({"t": {"mode": "full", "table_timeout": 1}}, table_timeout="1 day")
    table = only(pair.run().tables)
    assert table.error is not None
    assert (table.error.kind, table.attempts) == ("table_timeout", 1)
    assert "table_timeout" in (table.error.hint or "")
    assert pair.raw("count(*)") == [(ROWS,)]
    between.rewrite("source", wire.faithful)
    pair.configure({"t": {"mode": "full"}}, table_timeout="off")
    pair.sync()


def test_retries_end_with_the_tables_time(between: Between) -> None:
    pair = between.pair
    begin(pair)
    between.rewrite("source", lambda one: [one[:1] + b"\0\0"] if one[:1] == b"d" else (one,))
    pair.configure({"t": {"mode": "full"}}, table_timeout="3s", retries=50, stall_timeout=1)
    began = time.monotonic()
    table = only(pair.run().tables)
    assert table.error is not None
    assert time.monotonic() - began < 15
    assert table.status == "failed"
