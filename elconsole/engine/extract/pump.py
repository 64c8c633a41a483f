"""The byte pump: binary COPY from one server to the other, never decoded here.

Both connections are driven without blocking through libpq, so a paused server holds
neither the interpreter's lock nor another table's thread.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.pq.abc import PGconn, PGresult

from elconsole.core.errors import CountMismatch, Stalled, TransientFault, UnexpectedAnswer
from elconsole.core.record import record
from elconsole.engine.connect.answers import believed
from elconsole.engine.connect.inflow import Inflow
from elconsole.engine.connect.session import Session, drop_notifications

BLOCK_BYTES = 256 * 1024
TICK_S = 0.1
LEAST_PART_BYTES = 1024 * 1024
"""So much of a row counts as progress, where the row takes longer than `stall_timeout`."""
LONGEST_ROW_BYTES = 1024 * 1024 * 1024 + LEAST_PART_BYTES
"""No PostgreSQL sends a longer message."""
STOPPED = b"elconsole stopped sending"
_DONE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


class SourceFault(Exception):
    """The source side of a transfer failed; the cause is the psycopg error."""


class WarehouseFault(Exception):
    """The warehouse side of a transfer failed; the cause is the psycopg error."""


@record(frozen=True, slots=True)
class Transferred:
    """What one COPY moved."""

    rows: int
    bytes: int
    extract_seconds: float
    """From the COPY's start to the source's last byte."""

    def plus(self, other: Transferred) -> Transferred:
        """Both together."""
        return Transferred(
            self.rows + other.rows,
            self.bytes + other.bytes,
            self.extract_seconds + other.extract_seconds,
        )


OnProgress = Callable[[int, int], None]
"""Takes rows and bytes so far, at most ten times a second."""
Rows = list[tuple[Any, ...]]


@record(frozen=True, slots=True)
class Openings:
    """Take the rows that the statements before a COPY selected, a list a statement, as soon
    as that side has answered; may raise."""

    on_target: Callable[[list[Rows]], None]
    on_source: Callable[[list[Rows]], None]


def transfer(
    source: Session,
    select_sql: bytes,
    target: Session,
    copy_in_sql: bytes,
    *,
    stall_timeout_s: float,
    on_progress: OnProgress,
    lazy: bool = False,
    openings: Openings | None = None,
) -> Transferred:
    """Copy `COPY … TO STDOUT` of one session into `COPY … FROM STDIN` of the other.

    Other statements may stand before the one that reads from the client, and behind the one
    that writes to it, in the same message. With `lazy` the target gets its message with the
    first row, and none at all where there is none.

    Raises SourceFault or WarehouseFault with the psycopg error as cause, Stalled, Cancelled,
    or CountMismatch where the two servers counted differently."""
    pump = _Pump(source, target, copy_in_sql, stall_timeout_s, on_progress)
    source.pgconn.notice_handler = pump.heard_between_rows
    try:
        return pump.run_lazily(select_sql) if lazy else pump.run(select_sql, openings)
    finally:
        source.pgconn.notice_handler = None


class _Pump:
    def __init__(
        self,
        source: Session,
        target: Session,
        copy_in_sql: bytes,
        stall_timeout_s: float,
        on_progress: OnProgress,
    ) -> None:
        self.source, self.target = source, target
        self.copy_in_sql = copy_in_sql
        self.listening = False
        """Whether the target takes rows."""
        self.out, self.into = source.pgconn, target.pgconn
        self.stall_timeout_s = stall_timeout_s
        self.on_progress = on_progress
        self.rows = 0
        self.bytes = 0
        self.moved_at = time.monotonic()
        self.looked_at = 0.0
        """When a wait that is never in vain was last looked at."""
        self.inflow = Inflow(self.out.socket)
        self.part = 0
        """The source's bytes at the last row, and at the last large part of one."""
        self.row_began = 0
        self.between_rows = False
        self.next_tick = 0.0
        self.from_source = _poll(self.out, select.POLLIN)
        self.to_source = _poll(self.out, select.POLLIN | select.POLLOUT)
        self.from_target = _poll(self.into, select.POLLIN)
        self.to_target = _poll(self.into, select.POLLIN | select.POLLOUT)

    def heard_between_rows(self, _notice: PGresult) -> None:
        """The source said something else: what came in until now is no part of a row."""
        self.between_rows = True

    def run(self, select_sql: bytes, openings: Openings | None) -> Transferred:
        started = time.monotonic()
        self._ask(self.into, self.to_target, self.copy_in_sql, WarehouseFault)
        self._ask(self.out, self.to_source, select_sql, SourceFault)
        answers = self._listen()
        if openings is not None:
            openings.on_target(_rows(self.target, answers))
        answers = self._await_copy(self.out, self.from_source, SourceFault)
        if openings is not None:
            openings.on_source(_rows(self.source, answers))
        return self._pump(started)

    def run_lazily(self, select_sql: bytes) -> Transferred:
        started = time.monotonic()
        self._ask(self.out, self.to_source, select_sql, SourceFault)
        self._await_copy(self.out, self.from_source, SourceFault)
        first = bytearray()
        more = self._fill(first)
        sent = None if more else self._source_tag()
        if sent == 0:
            self.on_progress(0, 0)
            return Transferred(0, 0, time.monotonic() - started)
        self._ask(self.into, self.to_target, self.copy_in_sql, WarehouseFault)
        self._listen()
        self._send(first)
        return self._pump(started, sent)

    def _pump(self, started: float, sent: int | None = None) -> Transferred:
        """Move the rest; `sent` where the source's last row is on its way already."""
        if sent is None:
            while self._fill_and_send():
                pass
            sent = self._source_tag()
        extracted = time.monotonic()
        self._put_end(None)
        stored = self._target_tag()
        if sent != stored:
            raise CountMismatch(
                f"{self.source.server.name} sent {sent} rows, the warehouse stored {stored}",
                hint="nothing was published; sync again, and report it if it happens twice",
            )
        self.on_progress(sent, self.bytes)
        return Transferred(sent, self.bytes, extracted - started)

    def _ask(self, conn: PGconn, ready: select.poll, sql: bytes, fault: type[Exception]) -> None:
        """Send a message, which hundreds of columns make longer than a socket's buffer."""
        try:
            conn.send_query(sql)
            while conn.flush():
                self._wait(ready)
                self._take(conn)
        except psycopg.Error as error:
            raise fault from error

    def _listen(self) -> list[PGresult]:
        answers = self._await_copy(self.into, self.from_target, WarehouseFault)
        self.listening = True
        return answers

    def _await_copy(
        self, conn: PGconn, readable: select.poll, fault: type[Exception]
    ) -> list[PGresult]:
        """Take the answers of the statements that stand before the COPY."""
        answers = []
        try:
            result = self._result(conn, readable)
            while result is not None and result.status in _DONE:
                answers.append(result)
                result = self._result(conn, readable)
        except psycopg.Error as error:
            raise fault from error
        if result is None or result.status not in (pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_IN):
            raise fault from _as_error(result, conn)
        return answers

    def _fill_and_send(self) -> bool:
        """Move one block; False at the source's end."""
        block = bytearray()
        more = self._fill(block)
        if block:
            self._send(block)
        now = time.monotonic()
        if now >= self.next_tick:
            self.next_tick = now + TICK_S
            self.source.raise_if_over()
            self.on_progress(self.rows, self.bytes)
        return more

    def _fill(self, block: bytearray) -> bool:
        """Gather a block's worth of rows; False once the source has sent its last."""
        get, size, rows = self.out.get_copy_data, 0, 0
        try:
            while size < BLOCK_BYTES:
                count, data = get(1)
                if count > 0:
                    block += data
                    size += count
                    rows += 1
                elif count == 0:
                    self._wait_for_source()
                else:
                    return False
        except psycopg.Error as error:
            raise SourceFault from error
        finally:
            self._has_moved(rows)
        return True

    def _has_moved(self, rows: int) -> None:
        """So many whole rows came."""
        if rows:
            self.rows += rows
            self.moved_at = time.monotonic()
            self.row_began = self.part = self.inflow.bytes

    def _wait_for_source(self) -> None:
        while not self.from_source.poll(TICK_S * 1000):
            self._tick()
            if self.listening and self.from_target.poll(0):
                self._target_spoke()
        self.inflow.reading()
        self._take(self.out)
        self.inflow.read()
        if self.between_rows:
            self.part, self.between_rows = self.inflow.bytes, False
        elif self.inflow.bytes - self.part >= LEAST_PART_BYTES:
            self.part, self.moved_at = self.inflow.bytes, time.monotonic()
        if self.inflow.bytes - self.row_began > LONGEST_ROW_BYTES:
            raise UnexpectedAnswer(f"{self.source.server.name} sent a gigabyte without a row")

    def _take(self, conn: PGconn) -> None:
        """Read what came in, drop what nobody asked for, and see to it that time passes for
        a server that never stops talking, too."""
        conn.consume_input()
        if drop_notifications(conn):
            self.between_rows = True
        now = time.monotonic()
        if now - self.looked_at > TICK_S:
            self.looked_at = now
            self._tick()

    def _send(self, block: bytearray) -> None:
        if self.from_target.poll(0):
            self._target_spoke()
        try:
            self.into.put_copy_data(block)
            self._flush()
        except psycopg.Error as error:
            raise WarehouseFault from error
        self.bytes += len(block)
        self.moved_at = time.monotonic()

    def _flush(self) -> None:
        while self.into.flush():
            events = self.to_target.poll(TICK_S * 1000)
            if not events:
                self._tick()
            elif events[0][1] & select.POLLOUT:
                self.moved_at = time.monotonic()
            else:
                self._target_spoke()

    def _target_spoke(self) -> None:
        """The warehouse said something in the middle of the COPY: a mere notice, or it
        refused a row, or went away."""
        if self._heard_notice():
            return
        self._put_end(STOPPED)
        try:
            result = self._result(self.into, self.from_target)
            fault = _as_error(result, self.into)
        except psycopg.Error as error:
            raise WarehouseFault from error
        if STOPPED.decode() in str(fault):
            raise TransientFault("the warehouse interrupted the load", hint="sync again")
        raise WarehouseFault from fault

    def _heard_notice(self) -> bool:
        """Take what came in; whether it was a notice.

        libpq hands notices over in the middle of a COPY, but an error only at its end."""
        heard: list[PGresult] = []
        handler = self.into.notice_handler
        self.into.notice_handler = heard.append
        try:
            self._take(self.into)
            self.into.is_busy()
        except psycopg.Error as error:
            raise WarehouseFault from error
        finally:
            self.into.notice_handler = handler
        return bool(heard)

    def _put_end(self, error: bytes | None) -> None:
        try:
            self.into.put_copy_end(error)
            while self.into.flush():
                if not self.to_target.poll(TICK_S * 1000):
                    self._tick()
                self._take(self.into)
        except psycopg.Error as fault:
            raise WarehouseFault from fault

    def _source_tag(self) -> int:
        try:
            return self._finish(self.out, self.from_source)
        except psycopg.Error as error:
            raise SourceFault from error

    def _target_tag(self) -> int:
        try:
            return self._finish(self.into, self.from_target)
        except psycopg.Error as error:
            raise WarehouseFault from error

    def _finish(self, conn: PGconn, readable: select.poll) -> int:
        """The row count of the COPY's tag, once every statement behind it is done too."""
        result = self._result(conn, readable)
        if result is None or result.status != pq.ExecStatus.COMMAND_OK:
            raise _as_error(result, conn)
        while (behind := self._result(conn, readable)) is not None:
            if behind.status not in _DONE:
                raise _as_error(behind, conn)
        return result.command_tuples or 0

    def _result(self, conn: PGconn, readable: select.poll) -> PGresult | None:
        inflow = Inflow(conn.socket)
        while conn.is_busy():
            self._wait(readable)
            inflow.reading()
            self._take(conn)
            inflow.read()
            inflow.require_bounded(self._name(conn))
        self.moved_at = time.monotonic()
        return conn.get_result()

    def _name(self, conn: PGconn) -> str:
        return (self.source if conn is self.out else self.target).server.name

    def _wait(self, ready: select.poll) -> None:
        while not ready.poll(TICK_S * 1000):
            self._tick()

    def _tick(self) -> None:
        """Nothing moved for a moment: see whether to go on waiting."""
        self.source.raise_if_over()
        self.on_progress(self.rows, self.bytes)
        silent_s = time.monotonic() - self.moved_at
        if silent_s > self.stall_timeout_s:
            raise Stalled(
                f"no row moved between {self.source.server.name} and the warehouse for"
                f" {silent_s:.0f} s",
                hint="see whether a server or the network hangs; stall_timeout sets the limit",
            )


def _rows(session: Session, results: list[PGresult]) -> list[Rows]:
    """What statements selected, as Python values."""
    found = []
    with believed(session.server.name):
        for result in results:
            if result.status == pq.ExecStatus.TUPLES_OK:
                reader = Transformer(session)
                reader.set_pgresult(result)
                found.append(reader.load_rows(0, result.ntuples, tuple))
    return found


def _poll(conn: PGconn, events: int) -> select.poll:
    poll = select.poll()
    poll.register(conn.socket, events)
    return poll


def _as_error(result: PGresult | None, conn: PGconn) -> psycopg.Error:
    if result is None or result.status != pq.ExecStatus.FATAL_ERROR:
        return psycopg.OperationalError(conn.get_error_message() or "the connection was lost")
    return psycopg.errors.error_from_result(result)
