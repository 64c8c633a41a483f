"""The commands `sync` and `cancel`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from elconsole.core.errors import EXIT_OK, UsageError
from elconsole.core.quoting import check_condition

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
    backfill: str | None,
    due: bool,
) -> int:
    """Sync, or show the plan, or open the dashboard with that sync."""
    from elconsole.core.results import SyncRequest

    special = {"--retry": retry is not None, "--backfill": backfill is not None, "--due": due}
    others = {"--full": full and backfill is not None, "--adopt": adopt and backfill is not None}
    _refuse_together([name for name, given in {**special, **others}.items() if given])
    if retry is not None and selection:
        raise UsageError(
            "--retry takes what a run left undone, and no further sources or tables",
            hint="leave one of them out; a run is named as in --retry=42",
        )
    if backfill is not None:
        _check_backfill(backfill)
    for name, given in special.items():
        if given and not (context.options.headless or as_json or dry_run):
            raise UsageError(f"{name} needs --headless", hint="or --dry-run, which shows the plan")
    request = SyncRequest(tuple(selection), full=full, adopt=adopt, backfill=backfill, due=due)
    if dry_run:
        return _show_plan(context, request, retry, as_json=as_json)
    if context.options.read_only:
        raise UsageError("--read-only allows no sync", hint="--dry-run shows the plan")
    if context.options.headless or as_json:
        return _sync_headless(context, request, retry, as_json=as_json)
    from elconsole.cli.console import open_console

    return open_console(context, request)


def _refuse_together(given: Sequence[str]) -> None:
    """Raise UsageError where there are two options of which each says what is synced."""
    if len(given) > 1:
        first, second = given[:2]
        raise UsageError(f"{first} and {second} exclude each other", hint="leave one of them out")


def _check_backfill(condition: str) -> None:
    if not condition.strip():
        raise UsageError("--backfill needs a condition", hint="true reads every row again")
    try:
        check_condition(condition)
    except ValueError as error:
        raise UsageError(f"--backfill {error}") from None


def cancel(context: CommandContext, *, run_id: str | None, as_json: bool) -> int:
    """Ask a run to stop, and wait until it has."""
    if context.options.read_only:
        raise UsageError("--read-only allows no cancel")

    def work(engine: Engine, output: Output) -> int:
        from elconsole.headless.cancel import run_cancel

        return run_cancel(engine, run_id, output, as_json=as_json)

    return context.report("runs", as_json, work)


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
                content = documents.in_warehouse(documents.sync(past), engine.connections())
                output.result(documents.document(content))
            return EXIT_OK
        return sync.run_sync(engine, wanted, output, as_json=as_json, live=live)

    return context.report("tables", as_json, run, takes_signals=True)
