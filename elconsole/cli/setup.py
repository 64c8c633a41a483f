"""Commands that set elconsole up, and the dashboard in a browser."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from elconsole.cli import early_signals, gc_pause
from elconsole.core import errors

if TYPE_CHECKING:
    from elconsole.cli.compose import Session


def version(session: Session) -> int:
    """Print which elconsole this is."""
    from importlib.metadata import version

    session.output.result(f"elconsole {version('elconsole')}")
    return errors.EXIT_OK


def init(session: Session, *, path: Path) -> int:
    """Write the commented configuration file; never over another."""
    from elconsole.config.template import write_template

    write_template(path)
    session.output.result(str(path.absolute()))
    session.output.note("written; fill in your databases, then run: elconsole check")
    return errors.EXIT_OK


def grants(session: Session) -> int:
    """Print the least-privilege SQL for every source's role and the warehouse's."""
    from elconsole.config.grants import grants_sql

    with session.loaded() as loaded:
        session.output.result(grants_sql(loaded.settings).rstrip("\n"))
    return errors.EXIT_OK


def config(session: Session) -> int:
    """Print every effective setting and where it came from, secrets masked."""
    from elconsole.config.template import effective
    from elconsole.report.table import Column, table

    columns = [Column(heading) for heading in ("setting", "value", "from")]
    with session.loaded() as loaded:
        places = "\n".join(
            f"{'used' if path in loaded.used else 'looked for'}: {path}" for path in loaded.files
        )
        session.output.result(f"{table(columns, effective(loaded))}\n\n{places}")
    return errors.EXIT_OK


def serve(session: Session, *, host: str, port: int, public: bool) -> int:
    """Serve the dashboard to browsers until interrupted; by default of this machine only.

    Raises UsageError without the extra `web`, and for an address that others can reach
    unless `public` says that this is meant."""
    if importlib.util.find_spec("textual_serve") is None:
        raise errors.UsageError(
            "serving the dashboard to a browser needs the extra `web`",
            hint="pip install 'elconsole[web]'",
        )
    from elconsole.ui.app.web import ConsoleServer, require_private

    require_private(host, public=public)
    session.load()
    command = shlex.join([sys.executable, "-P", "-m", "elconsole", *console_arguments(session)])
    server = ConsoleServer(command, host=host, port=port, public=public)
    session.output.note(
        f"{server.public_url} (there is no login: whoever can open it can use it); ctrl+c ends it"
    )
    gc_pause.collect_again()
    early_signals.interrupt_again()
    server.serve()
    return errors.EXIT_OK


def console_arguments(session: Session) -> list[str]:
    """The command line that opens the same dashboard in a process of its own."""
    options = session.options
    arguments = [
        name
        for name, given in (
            ("--read-only", options.read_only),
            ("--demo", options.demo),
            ("--demo-live", options.demo_live),
        )
        if given
    ]
    if options.demo_rows is not None:
        arguments += ["--demo-rows", str(options.demo_rows)]
    for name, path in (("--config", options.config_file), ("--log-file", options.log_file)):
        if path is not None:
            arguments += [name, str(Path(path).absolute())]
    return arguments
