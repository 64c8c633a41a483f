"""The advisory lock that makes a target's sync the only one; it dies with its session."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import psycopg

from elconsole.core.errors import ElconsoleError, TableLocked, TransientFault
from elconsole.core.quoting import literal, qualified
from elconsole.engine.connect.answers import values_of
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.ledger.locks import holder_of
from elconsole.engine.plan.task import TableTask, known_target
from elconsole.engine.publish.storage import leftovers_query
from elconsole.engine.sql.names import RUN_LOCK_CLASS, TABLE_LOCK_CLASS
from elconsole.engine.sql.statements import statement

DEAD_HOLDER_WAIT_S = 3.0
"""How long a killed client's session may take to notice: the server looks twice a second."""


class TargetMoved(TransientFault):
    """Another sync published the table between this one's plan and its lock."""

    kind = "locked"


class TableLock:
    """A target's advisory lock, held by the warehouse session from before the watermark is
    read until after the rows are published."""

    def __init__(self, session: Session, task: TableTask, run_id: str) -> None:
        self._session = session
        self._task = task
        self._run_id = run_id
        self._target_id = known_target(task).target_id
        self.held = False
        self.leftovers: Sequence[str] = ()
        """Storage tables of the target that no raw table uses; known once it is held."""

    @property
    def question(self) -> str:
        """SQL that tries to take the lock, and selects what only its holder may rely on."""
        return "; ".join(
            [
                f"SELECT pg_catalog.pg_try_advisory_lock({TABLE_LOCK_CLASS}, {self._target_id})",
                _standing(self._task, self._target_id),
                leftovers_query(self._task, self._target_id),
            ]
        )

    @property
    def release(self) -> str:
        """SQL that lets it go; clear `held` once it ran."""
        return f"SELECT pg_catalog.pg_advisory_unlock({TABLE_LOCK_CLASS}, {self._target_id})"

    def taken_by(self, answers: Sequence[Sequence[tuple[Any, ...]]]) -> bool:
        """Whether the answers to `question` show it taken; raises TargetMoved where the plan
        is older than the rows."""
        with self._session.translated():
            tried, standing, leftovers = values_of(answers, 3)
            ((self.held,),) = values_of(tried, 1)
            if self.held:
                _check_unmoved(self._task, standing[0] if standing else None)
                self.leftovers = [str(name) for (name,) in leftovers]
        return self.held

    def take(self) -> None:
        """Take it, or raise TableLocked, naming the holder.

        A holder that no living run accounts for is a dead one's session, about to end."""
        session = self._session
        deadline = time.monotonic() + DEAD_HOLDER_WAIT_S
        while not self.taken_by(_answers(session.execute(self.question.encode()))):
            if holder := self._holder():
                raise TableLocked(
                    f"{self._task.target_text} is being synced by {holder}",
                    hint="wait for that run to end, or stop it; a dead run's lock goes by itself",
                )
            if time.monotonic() > deadline:
                stranger, hint = holder_of(session, TABLE_LOCK_CLASS, self._target_id)
                raise TableLocked(
                    f"{self._task.target_text} is locked by {stranger}, which is no known run",
                    hint=hint,
                )
            session.raise_if_over()
            time.sleep(0.05)

    def let_go(self) -> None:
        """Let it go, if it still is held; the rows are published whatever happens now."""
        if not self.held:
            return
        try:
            with self._session.within(CATALOG_TIMEOUT_S):
                self._session.execute(self.release.encode())
        except (psycopg.Error, ElconsoleError):
            self._session.abandon()

    def _holder(self) -> str | None:
        asked = [self._run_id, self._target_id, RUN_LOCK_CLASS]
        row = self._session.execute(statement("catalog/lock_holder"), asked).fetchone()
        if row is None:
            return None
        number, host, pid, age_s = values_of(row, 4)
        return f"run {number} on {host} (pid {pid}, started {age_s} s ago)"


def _answers(cursor: psycopg.Cursor[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    """The rows of every statement of a message."""
    found = [cursor.fetchall()]
    while cursor.nextset():
        found.append(cursor.fetchall())
    return found


def _standing(task: TableTask, target_id: int) -> str:
    """SELECT of what the plan was made for: generation, last run, raw table and leaf."""
    name = literal(qualified(task.standing.schema, task.standing.name))
    parent = f"pg_catalog.to_regclass({name})"
    return (
        f"SELECT t.generation, w.run_id::text, {parent}::oid::int8,"
        f" (SELECT inhrelid::int8 FROM pg_catalog.pg_inherits WHERE inhparent = {parent})"
        " FROM elconsole.targets t LEFT JOIN elconsole.watermarks w USING (target_id)"
        f" WHERE t.target_id = {target_id}"
    )


def _check_unmoved(task: TableTask, now: tuple[Any, ...] | None) -> None:
    """The plan was made before the lock was held: see that no other sync came between."""
    target, mark = known_target(task), task.watermark
    standing = (task.parent.oid, task.parent.leaf_oid) if task.parent else (None, None)
    if not task.adopt and now != (target.generation, mark and mark.run_id, *standing):
        raise TargetMoved(
            f"{task.target_text} changed while the sync was being planned:"
            " another sync came between",
            hint="sync again",
        )
