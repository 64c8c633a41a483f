"""The command `sync`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from elconsole.core.errors import UsageError

if TYPE_CHECKING:
    from elconsole.cli.compose import CommandContext
    from elconsole.core.results import SyncRequest


def sync(
    context: CommandContext,
    *,
    selection: Sequence[str],
    full: bool,
    adopt: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Sync, or show the plan, or open the dashboard with that sync."""
    from elconsole.core.results import SyncRequest

    request = SyncRequest(tuple(selection), full=full, adopt=adopt)
    if dry_run:
        return _show_plan(context, request, as_json=as_json)
    if context.options.read_only:
        raise UsageError("--read-only allows no sync", hint="--dry-run shows the plan")
    if context.options.headless or as_json:
        return _sync_headless(context, request, as_json=as_json)
    from elconsole.cli.console import open_console

    return open_console(context, request)


def _show_plan(context: CommandContext, request: SyncRequest, *, as_json: bool) -> int:
    from elconsole.headless import sync

    return context.report(
        "tables", as_json, lambda e, o: sync.dry_run(e, request, o, as_json=as_json)
    )


def _sync_headless(context: CommandContext, request: SyncRequest, *, as_json: bool) -> int:
    from elconsole.headless import sync

    live = context.has_live_progress()
    return context.report(
        "tables",
        as_json,
        lambda e, o: sync.run_sync(e, request, o, as_json=as_json, live=live),
        takes_signals=True,
    )
