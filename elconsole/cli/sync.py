"""The command `sync`, and the dashboard that no command opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elconsole.core.errors import EXIT_OK, UsageError
from elconsole.core.record import record

if TYPE_CHECKING:
    from elconsole.cli.compose import Session
    from elconsole.core.results import SyncRequest


@record(frozen=True, slots=True)
class SyncOptions:
    """What follows `sync` on the command line."""

    selection: tuple[str, ...] = ()
    full: bool = False
    adopt: bool = False
    dry_run: bool = False
    as_json: bool = False


def open_dashboard(session: Session, request: SyncRequest | None = None) -> int:
    """Open the dashboard, with `request` started at once; the exit code."""
    from elconsole.cli.console import open_console

    return session.run(lambda: open_console(session, request))


def sync_command(session: Session, options: SyncOptions) -> int:
    """Sync, or show the plan, or open the dashboard with that sync; the exit code."""
    from elconsole.core.results import SyncRequest

    request = SyncRequest(options.selection, full=options.full, adopt=options.adopt)
    if not options.dry_run:
        refused = session.run(lambda: _require_sense(session, options))
        if refused:
            return refused
        if not session.options.headless:
            return open_dashboard(session, request)
    return _headless(session, request, options)


def _require_sense(session: Session, options: SyncOptions) -> int:
    """Raise UsageError where the options contradict each other."""
    if session.options.read_only:
        raise UsageError("--read-only allows no sync", hint="--dry-run shows the plan")
    if options.as_json and not session.options.headless:
        hint = "the dashboard prints nothing: add --headless"
        raise UsageError("--json needs --headless", hint=hint)
    return EXIT_OK


def _headless(session: Session, request: SyncRequest, options: SyncOptions) -> int:
    from elconsole.headless import sync

    as_json = options.as_json
    if options.dry_run:
        return session.report(
            "tables", as_json, lambda e, o: sync.dry_run(e, request, o, as_json=as_json)
        )
    live = session.has_live_progress()
    return session.report(
        "tables",
        as_json,
        lambda e, o: sync.run_sync(e, request, o, as_json=as_json, live=live),
        takes_signals=True,
    )
