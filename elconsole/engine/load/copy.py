"""COPY from a table's source into its warehouse table, in as many parts as it has."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from elconsole.core.errors import ElconsoleError
from elconsole.engine.connect.session import Session
from elconsole.engine.extract.pump import (
    OnProgress,
    Openings,
    SourceFault,
    Transferred,
    WarehouseFault,
    transfer,
)
from elconsole.engine.load.context import LoadContext


def ending(statements: list[str]) -> list[str]:
    """The same; the source's transaction ends by itself with its last byte."""
    return [*statements[:-1], f"{statements[-1]}; COMMIT"]


def copy(
    context: LoadContext,
    statements: Sequence[str],
    copy_in: str,
    create: str,
    *,
    quiet: bool = False,
    lazy: bool = False,
) -> Transferred:
    """Run the parts of a COPY one after the other, each proved by its own counts. `create`
    makes the table they go to; with `lazy` only when there is a row."""
    moved = Transferred(0, 0, 0.0)
    created = False
    report = _unreported if quiet else context.on_progress
    for copy_out in statements:
        into = copy_in if created else f"{create}; {copy_in}"
        part = copy_part(context, copy_out, into, _after(moved, report), lazy=lazy)
        moved = moved.plus(part)
        created = moved.rows > 0 or not lazy
    return moved


def _after(moved: Transferred, report: OnProgress) -> OnProgress:
    def progress(rows: int, size: int) -> None:
        report(moved.rows + rows, moved.bytes + size)

    return progress


def copy_part(
    context: LoadContext,
    copy_out: str,
    copy_in: str,
    on_progress: OnProgress,
    *,
    lazy: bool = False,
    openings: Openings | None = None,
) -> Transferred:
    try:
        return transfer(
            context.source,
            copy_out.encode(),
            context.warehouse,
            copy_in.encode(),
            stall_timeout_s=context.stall_timeout_s,
            on_progress=on_progress,
            lazy=lazy,
            openings=openings,
        )
    except SourceFault as fault:
        raise _told(fault, context.source) from fault
    except WarehouseFault as fault:
        raise _told(fault, context.warehouse) from fault


def _unreported(_rows: int, _bytes: int) -> None:
    """Keys of a sweep are no rows of the table."""


def _told(fault: SourceFault | WarehouseFault, session: Session) -> ElconsoleError:
    """What the fault's own server said."""
    assert isinstance(fault.__cause__, psycopg.Error)
    return session.told(fault.__cause__)
