"""Commands that set elconsole up, and the dashboard in a browser."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from elconsole import errors

if TYPE_CHECKING:
    from elconsole.cli_session import Session

LOOPBACK = "127.0.0.1"


def serve(session: Session, port: int) -> int:
    """Serve the dashboard to browsers on this machine until interrupted."""
    if importlib.util.find_spec("textual_serve") is None:
        raise errors.UsageError(
            "serving the dashboard to a browser needs the extra `web`",
            hint="pip install 'elconsole[web]'",
        )
    from textual_serve.server import Server

    session.load()
    session.output.note(
        f"http://{LOOPBACK}:{port} (there is no login: whoever can open it can use it)"
    )
    command = shlex.join([sys.executable, "-m", "elconsole", *console_arguments(session)])
    Server(command, host=LOOPBACK, port=port, title="elconsole").serve()
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
