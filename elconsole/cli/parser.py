"""The commands for Typer: options, help, completion. Work is done in `cli_reports`, `cli_sync`
and `cli_setup`, put together in `cli_session`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from elconsole.cli.compose import GlobalOptions, Parts, Session, open_session
from elconsole.cli.options import (
    ConfigFile,
    Demo,
    DemoLive,
    DemoRows,
    Headless,
    Json,
    LogFile,
    LogForm,
    LogFormat,
    MetricsFile,
    MetricsPort,
    Period,
    Quiet,
    ReadOnly,
    Selection,
    Verbosity,
    Version,
    examples,
)
from elconsole.cli.sync import SyncOptions, open_dashboard, sync_command
from elconsole.core import errors

if TYPE_CHECKING:
    from elconsole.core.engine import Engine
    from elconsole.report.streams import Output


def _command(*lines: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command with its examples."""
    return app.command(epilog=examples(*lines) + "\n\nThe options of `elconsole -h` work here too.")


app = typer.Typer(
    name="elconsole",
    help=(
        "Copies tables from PostgreSQL databases into a PostgreSQL warehouse, and shows "
        "what is going on.\n\nWithout a command it opens the dashboard."
    ),
    epilog=examples(
        "elconsole --demo                    the dashboard on a plant of its own",
        "elconsole --headless sync           sync everything and exit (cron)",
        "elconsole sync refills --headless   one source",
        "elconsole check --json              is everything reachable?",
        "elconsole init                      write a configuration file",
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _main(
    ctx: typer.Context,
    headless: Headless = False,
    read_only: ReadOnly = False,
    demo: Demo = False,
    demo_rows: DemoRows = None,
    demo_live: DemoLive = False,
    config_file: ConfigFile = None,
    verbosity: Verbosity = 0,
    quiet: Quiet = False,
    log_format: LogFormat = LogForm.text,
    log_file: LogFile = None,
    metrics_file: MetricsFile = None,
    metrics_port: MetricsPort = None,
    _version: Version = False,
) -> None:
    if quiet and verbosity:
        raise typer.BadParameter("-v and -q exclude each other")
    options = GlobalOptions(
        headless=headless,
        read_only=read_only,
        demo=demo or demo_rows is not None or demo_live,
        demo_rows=demo_rows,
        demo_live=demo_live,
        config_file=config_file,
        verbosity=verbosity,
        quiet=quiet,
        log_format="json" if log_format is LogForm.json else "text",
        log_file=log_file,
        metrics_file=metrics_file,
        metrics_port=metrics_port,
    )
    session = open_session(options, ctx.obj if isinstance(ctx.obj, Parts) else None)
    ctx.obj = session
    if ctx.invoked_subcommand is not None:
        return
    if headless:
        typer.echo(ctx.get_help(), err=True)
        raise typer.Exit(errors.EXIT_USAGE)
    raise typer.Exit(open_dashboard(session))


def _report(
    ctx: typer.Context, key: str, as_json: bool, work: Callable[[Engine, Output], int]
) -> NoReturn:
    """Run a command on the engine and exit; `key` names its list in JSON."""
    session: Session = ctx.obj
    raise typer.Exit(session.report(key, as_json, work))


@_command(
    "elconsole --headless sync",
    "elconsole --headless sync refills bodies.bodies_production --json",
    "elconsole sync --full              open the dashboard, start a full refresh",
    "elconsole sync --dry-run           show the plan, change nothing",
)
def sync(
    ctx: typer.Context,
    selection: Selection = None,
    full: Annotated[
        bool, typer.Option("--full", help="Refresh everything, whatever the table's mode.")
    ] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Convert plain tables that stand in a target's place.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and change nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Copy tables into the warehouse."""
    options = SyncOptions(tuple(selection or ()), full, adopt, dry_run, as_json)
    raise typer.Exit(sync_command(ctx.obj, options))


@_command("elconsole check", "elconsole check --json | jq .connections")
def check(ctx: typer.Context, as_json: Json = False) -> None:
    """Health of every connection, age of every raw table."""
    from elconsole.cli import reports

    _report(ctx, "connections", as_json, lambda e, o: reports.check(e, o, as_json=as_json))


@_command(
    "elconsole quality",
    "elconsole quality bodies --by material --period day",
    "elconsole quality --fail-on-signal --json",
)
def quality(
    ctx: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", help="Sources; all if none.", show_default=False),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="DIM", help="One dimension only.", show_default=False),
    ] = None,
    period: Annotated[
        Period | None,
        typer.Option("--period", help="One row a value and period.", show_default=False),
    ] = None,
    fail_on_signal: Annotated[
        bool, typer.Option("--fail-on-signal", help="Exit 5 where a rule fired.")
    ] = False,
    freeze_baseline: Annotated[
        bool, typer.Option("--freeze-baseline", help="Keep the present periods as the reference.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Pass rates per line, material and other dimensions."""
    from elconsole.cli import reports
    from elconsole.core.results import QualityRequest

    session: Session = ctx.obj
    if freeze_baseline and session.options.read_only:
        raise typer.BadParameter("--read-only allows no --freeze-baseline")
    request = QualityRequest(tuple(sources or ()), by, period.value if period else None)
    _report(
        ctx,
        "tables",
        as_json,
        lambda engine, output: reports.quality(
            engine,
            request,
            output,
            as_json=as_json,
            fail_on_signal=fail_on_signal,
            freeze_baseline=freeze_baseline,
        ),
    )


@_command(
    "elconsole runs",
    "elconsole runs 42          one run, by number",
    "elconsole runs 3f2a --json",
)
def runs(
    ctx: typer.Context,
    run_id: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN_ID", help="A run's id, its beginning, or its number.", show_default=False
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """Past and present runs; one of them in detail."""
    from elconsole.cli import reports

    def work(engine: Engine, output: Output) -> int:
        if run_id is None:
            return reports.runs(engine, limit, output, as_json=as_json)
        return reports.run_detail(engine, run_id, output, as_json=as_json)

    _report(ctx, "runs" if run_id is None else "tables", as_json, work)


@_command("elconsole schema")
def schema(ctx: typer.Context, as_json: Json = False) -> None:
    """Drift between source and raw columns, and what follows."""
    from elconsole.cli import reports

    _report(ctx, "tables", as_json, lambda e, o: reports.schema(e, o, as_json=as_json))


@_command("elconsole reconcile", "elconsole reconcile refills --json")
def reconcile(ctx: typer.Context, selection: Selection = None, as_json: Json = False) -> None:
    """Compare source and raw content; exit 5 if it differs."""
    from elconsole.cli import reports

    chosen = tuple(selection or ())
    _report(
        ctx,
        "tables",
        as_json,
        lambda engine, output: reports.reconcile(engine, chosen, output, as_json=as_json),
    )


@_command("elconsole advise")
def advise(ctx: typer.Context, as_json: Json = False) -> None:
    """What could be better, why, and the command to run."""
    from elconsole.cli import reports

    _report(ctx, "findings", as_json, lambda e, o: reports.advise(e, o, as_json=as_json))


@_command("elconsole init", "elconsole init --path plant.toml")
def init(
    ctx: typer.Context,
    path: Annotated[Path, typer.Option("--path", metavar="FILE", help="Where to write it.")] = Path(
        "elconsole.toml"
    ),
) -> None:
    """Write a commented configuration file."""
    from elconsole.cli import setup

    session: Session = ctx.obj
    raise typer.Exit(session.run(lambda: setup.init(session, path)))


@_command("elconsole grants | less")
def grants(ctx: typer.Context) -> None:
    """Print the SQL that gives each role the least it needs."""
    from elconsole.cli import setup

    session: Session = ctx.obj
    raise typer.Exit(session.run(lambda: setup.grants(session)))


@_command("elconsole config", "ELCONSOLE_WORKERS=2 elconsole config")
def config(ctx: typer.Context) -> None:
    """Print the effective settings and where each came from."""
    from elconsole.cli import setup

    session: Session = ctx.obj
    raise typer.Exit(session.run(lambda: setup.config(session)))


@_command("elconsole serve", "elconsole --demo serve --port 8080")
def serve(
    ctx: typer.Context,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=1, max=65535, help="Where to listen.")
    ] = 8000,
    host: Annotated[
        str, typer.Option("--host", metavar="NAME", help="What browsers call this machine.")
    ] = "127.0.0.1",
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen",
            metavar="ADDRESS",
            help="On which address, if not that of the name.",
            show_default=False,
        ),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Answer other machines, to that name alone.")
    ] = False,
) -> None:
    """The dashboard in a browser on this machine, for whoever has its address."""
    from elconsole.cli import setup

    session: Session = ctx.obj
    place = setup.ServedPlace(host, listen, port, public)
    raise typer.Exit(session.run(lambda: setup.serve(session, place)))
