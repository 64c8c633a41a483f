"""The program: from its arguments to its exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from functools import partial

from elconsole.cli.compose import GlobalOptions, Parts, open_context
from elconsole.cli.parser import read


def main(arguments: Sequence[str] | None = None, parts: Parts | None = None) -> None:
    """Run elconsole and exit. `parts` replaces what commands are put together from."""
    code = _run(sys.argv[1:] if arguments is None else arguments, parts)
    if "elconsole.engine.connect.parallel" in sys.modules:
        from elconsole.engine.connect.parallel import are_left

        if are_left():
            _leave(code)
    sys.exit(code)


def _leave(code: int) -> None:
    """End the process under a log-in that is still computed: OpenSSL tidies up at an end that
    is waited for, which crashes whoever is in the middle of it."""
    import logging

    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _run(arguments: Sequence[str], parts: Parts | None) -> int:
    """Read the arguments and do what they ask for; the exit code."""
    unread = open_context(GlobalOptions(), parts)
    return unread.run(partial(_do, arguments, parts))


def _do(arguments: Sequence[str], parts: Parts | None) -> int:
    invocation = read(arguments)
    context = open_context(invocation.options, parts)
    return context.run(partial(invocation.run, context))
