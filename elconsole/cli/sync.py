"""The command `sync`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from elconsole.core.errors import EXIT_OK, UsageError

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
    from elconsole.core.results import PlanReport
    from elconsole.headless import sync
    from elconsole.report import documents

    def show(engine: Engine, output: Output) -> int:
        if retry is None:
            return sync.dry_run(engine, request, output, as_json=as_json)
        wanted = sync.remaining(engine, request, engine.run(retry), output)
        if wanted is not None:
            return sync.dry_run(engine, wanted, output, as_json=as_json)
        if as_json:
            output.result(documents.document(documents.plan(PlanReport(()))))
        return EXIT_OK

    return context.report("tables", as_json, show)


def _sync_headless(
    context: CommandContext, request: SyncRequest, retry: str | None, *, as_json: bool
) -> int:
    from elconsole.headless import sync
    from elconsole.report import documents

    live = context.has_live_progress()

    def run(engine: Engine, output: Output) -> int:
        if retry is None:
            return sync.run_sync(engine, request, output, as_json=as_json, live=live)
        past = engine.run(retry)
        wanted = sync.remaining(engine, request, past, output)
        if wanted is None:
            if as_json:
                output.result(documents.document(documents.sync(past)))
            return EXIT_OK
        return sync.run_sync(engine, wanted, output, as_json=as_json, live=live)

    return context.report("tables", as_json, run, takes_signals=True)
