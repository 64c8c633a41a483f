"""The options and arguments of the command line: names, forms and help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class LogForm(StrEnum):
    """How log lines are written."""

    text = "text"
    json = "json"


class Period(StrEnum):
    """Spans of time or work over which pass rates are counted."""

    hour = "hour"
    day = "day"
    shift = "shift"
    batch = "batch"


def examples(*lines: str) -> str:
    """A help text's closing block of examples."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document.")]
Selection = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE[.TABLE]",
        help="Sources or tables; everything if none.",
        show_default=False,
    ),
]


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"elconsole {version('elconsole')}")
        raise typer.Exit


Headless = Annotated[
    bool, typer.Option("--headless", help="No dashboard: do the work, print, exit.")
]
ReadOnly = Annotated[
    bool, typer.Option("--read-only", help="A dashboard without any key that writes.")
]
Demo = Annotated[
    bool, typer.Option("--demo", help="Use an embedded pen plant instead of your databases.")
]
DemoRows = Annotated[
    int | None,
    typer.Option(
        "--demo-rows",
        metavar="N",
        min=1,
        help="Units in each of the demo's sources.",
        show_default=False,
    ),
]
DemoLive = Annotated[
    bool, typer.Option("--demo-live", help="Let the demo plant produce while you watch.")
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("-c", "--config", metavar="FILE", help="Settings file.", show_default=False),
]
Verbosity = Annotated[
    int,
    typer.Option(
        "-v", "--verbose", count=True, help="More log lines; tracebacks.", show_default=False
    ),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Only failures.")]
LogFormat = Annotated[
    LogForm, typer.Option("--log-format", help="Form of the log lines on stderr.")
]
LogFile = Annotated[
    Path | None,
    typer.Option("--log-file", metavar="FILE", help="Log there too.", show_default=False),
]
MetricsFile = Annotated[
    Path | None,
    typer.Option(
        "--metrics-file",
        metavar="FILE",
        help="Write Prometheus metrics there after each sync.",
        show_default=False,
    ),
]
MetricsPort = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        metavar="PORT",
        min=1,
        max=65535,
        help="Serve Prometheus metrics on 127.0.0.1 while running.",
        show_default=False,
    ),
]
Version = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
]
