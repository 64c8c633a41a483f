"""The program: from its arguments to its exit code.

What is started again and again, `sync` and the dashboard, is read by `cli_quick`; all
else, help and mistakes included, is left to Typer (`cli_commands`), whose import takes
as long as that of the whole engine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from elconsole.cli import gc_pause
from elconsole.cli.arguments import global_options_first
from elconsole.cli.compose import Parts, open_session
from elconsole.cli.quick import read_quickly
from elconsole.core import errors


def main(arguments: Sequence[str] | None = None, parts: Parts | None = None) -> None:
    """Run elconsole and exit. `parts` replaces what commands are put together from."""
    if arguments is not None:
        _run(arguments, parts)
        return
    gc_pause.wait()
    try:
        _run(sys.argv[1:], parts)
    finally:
        gc_pause.leave()


def _run(arguments: Sequence[str], parts: Parts | None) -> None:
    ordered = global_options_first(arguments)
    try:
        quick = read_quickly(ordered)
        if quick is None:
            _run_typer(ordered, parts)
        else:
            sys.exit(quick.run(open_session(quick.options, parts)))
    except KeyboardInterrupt:
        sys.exit(errors.EXIT_SIGINT)


def _run_typer(arguments: list[str], parts: Parts | None) -> None:
    from elconsole.cli.parser import app

    app(arguments, prog_name="elconsole", obj=parts)
