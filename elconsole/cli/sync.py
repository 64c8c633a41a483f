"""The command `sync`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from elconsole.core.errors import UsageError

if TYPE_CHECKING:
    from elconsole.cli.compose import CommandContext
    from elconsole.core.engine import Engine
    from elconsole.core.results import SyncRequest
    from elconsole.report.streams import Output


def sync(
    context: CommandContext,
    *,
    selection: Sequence[str],
    full: bool,
    adopt: bool,
    dry_run: bool,
    as_json: bool,
    retry: str | None,
) -> int:
    """Sync, or show the plan, or open the dashboard with that sync."""
    from elconsole.core.results import SyncRequest

    if retry is not None:
        if selection:
            raise UsageError(
                "--retry takes what a run left undone, and no further sources or tables",
                hint="leave one of them out; a run is named as in --retry=42",
            )
        if not (context.options.headless or as_json or dry_run):
            raise UsageError("--retry needs --headless", hint="or --dry-run, which shows the plan")
    request = SyncRequest(tuple(selection), full=full, adopt=adopt)
    if dry_run:
        return _show_plan(context, request, retry, as_json=as_json)
    if context.options.read_only:
        raise UsageError("--read-only allows no sync", hint="--dry-run shows the plan")
    if context.options.headless or as_json:
        return _sync_headless(context, request, retry, as_json=as_json)
    from elconsole.cli.console import open_console

    return open_console(context, request)


def _show_plan(
    context: CommandContext, request: SyncRequest, retry: str | None, *, as_json: bool
) -> int:
    from elconsole.headless import sync

    def show(engine: Engine, output: Output) -> int:
        wanted = _of_run(engine, request, retry, output)
        return sync.dry_run(engine, wanted, output, as_json=as_json)

    return context.report("tables", as_json, show)


def _sync_headless(
    context: CommandContext, request: SyncRequest, retry: str | None, *, as_json: bool
) -> int:
    from elconsole.headless import sync

    live = context.has_live_progress()

    def run(engine: Engine, output: Output) -> int:
        wanted = _of_run(engine, request, retry, output)
        return sync.run_sync(engine, wanted, output, as_json=as_json, live=live)

    return context.report("tables", as_json, run, takes_signals=True)


def _of_run(engine: Engine, request: SyncRequest, retry: str | None, output: Output) -> SyncRequest:
    """The request, for what a run left undone where one is to be retried."""
    from elconsole.headless.sync import unfinished

    if retry is None:
        return request
    return replace(request, selection=unfinished(engine, retry, output))
