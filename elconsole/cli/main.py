"""The program: from its arguments to its exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from elconsole.cli.compose import GlobalOptions, Parts, open_context
from elconsole.cli.parser import read


def main(arguments: Sequence[str] | None = None, parts: Parts | None = None) -> None:
    """Run elconsole and exit. `parts` replaces what commands are put together from."""
    sys.exit(_run(sys.argv[1:] if arguments is None else arguments, parts))


def _run(arguments: Sequence[str], parts: Parts | None) -> int:
    """Read the arguments and do what they ask for; the exit code."""
    unread = open_context(GlobalOptions(), parts)
    return unread.run(partial(_do, arguments, parts))


def _do(arguments: Sequence[str], parts: Parts | None) -> int:
    invocation = read(arguments)
    context = open_context(invocation.options, parts)
    return context.run(partial(invocation.run, context))
