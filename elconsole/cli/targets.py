"""`targets`: raw tables listed, renamed, dropped, reset. Returns exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from elconsole.cli.compose import CommandContext
from elconsole.cli.reports import on_engine
from elconsole.core import errors
from elconsole.core.engine import Engine
from elconsole.core.targets import TargetAction, TargetRequest
from elconsole.report import text
from elconsole.report.documents import document
from elconsole.report.streams import Output, is_terminal
from elconsole.report.targets import (
    changes_document,
    changes_text,
    targets_document,
    targets_text,
)

WORDS: dict[TargetAction, tuple[str, ...]] = {
    "rename": ("OLD", "NEW"),
    "move-source": ("OLD", "NEW"),
    "drop": ("NAME",),
    "reset": ("SOURCE.TABLE",),
}
"""What follows each action."""
ASKS = ("drop",)


def targets(
    context: CommandContext,
    *,
    action: TargetAction | None,
    names: Sequence[str],
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Every raw table and who feeds it; or a change of what the ledger knows of some."""
    if action is None:
        if yes or dry_run:
            raise errors.UsageError("--yes and --dry-run belong to a change of a raw table")
        return _list(context, as_json=as_json)
    if context.options.read_only and not dry_run:
        raise errors.UsageError(f"--read-only allows no targets {action}")
    wanted = WORDS[action]
    if len(names) != len(wanted):
        raise errors.UsageError(
            f"targets {action} takes {' and '.join(wanted)}",
            hint=f"elconsole targets {action} {' '.join(wanted)}",
        )
    if action in ASKS and not (yes or dry_run or _can_ask(context.output)):
        raise errors.UsageError(
            f"targets {action} asks before it does so, and here is nobody to ask",
            hint="add --yes, or look first with --dry-run",
        )
    to = names[1] if len(names) > 1 else None
    request = TargetRequest(action, names[0], to, dry_run)
    return _change(context, request, asks=action in ASKS and not yes, as_json=as_json)


@on_engine("targets")
def _list(engine: Engine, output: Output, *, as_json: bool) -> int:
    report = engine.targets()
    for name, error in report.unasked:
        output.failure(text.failure(error, name))
    now = datetime.now(UTC)
    output.result(document(targets_document(report)) if as_json else targets_text(report, now))
    return errors.EXIT_OK


@on_engine("targets")
def _change(
    engine: Engine, output: Output, request: TargetRequest, *, asks: bool, as_json: bool
) -> int:
    """1 where whoever was asked does not want it."""
    if asks and not request.dry_run:
        looked = TargetRequest(request.action, request.name, request.to, dry_run=True)
        output.note(changes_text(engine.change_targets(looked), dry_run=False))
        if not _agrees(output):
            output.note("nothing was changed")
            return errors.EXIT_FAILED
    changes = engine.change_targets(request)
    if as_json:
        output.result(document(changes_document(request, changes)))
    else:
        output.result(changes_text(changes, dry_run=request.dry_run))
    return errors.EXIT_OK


def _can_ask(output: Output) -> bool:
    return is_terminal(sys.stdin) and is_terminal(output.stderr)


def _agrees(output: Output) -> bool:
    output.failure("Do it? There is no way back. Type yes:")
    return sys.stdin.readline().strip().casefold() in ("yes", "y")
