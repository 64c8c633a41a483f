"""elconsole on a scripted engine, to run in a process of its own."""

from __future__ import annotations

import sys

PROGRAM = """
import sys, threading
from elconsole.cli.main import main
from elconsole.cli.compose import Parts
from elconsole.core.types import ErrorInfo
from tests.fakes.engine import FakeEngine
from tests.fakes.plant import failing

class Reporting(FakeEngine):
    def sync(self, request, *, emit, stop):
        def narrate(event):
            emit(event)
            if event.kind == "table_started":
                print("started", file=sys.stderr, flush=True)
        return super().sync(request, emit=narrate, stop=stop)

class Deaf(Reporting):
    def _wait_at_gate(self, stop):
        threading.Event().wait(60)

engine = {engine}
main(sys.argv[1:], Parts(make_engine=lambda settings: engine))
"""


def program(engine: str, *arguments: str) -> list[str]:
    """The command line; `engine` is the expression that makes its engine."""
    return [sys.executable, "-c", PROGRAM.format(engine=engine), *arguments]
