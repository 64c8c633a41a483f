"""Runs the command line in process, on a scripted engine."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from elconsole.cli.compose import Parts
from elconsole.cli.main import main
from elconsole.config.load import Settings
from elconsole.core.engine import Engine
from elconsole.demo.plant import Plant
from tests.fakes.engine import FakeEngine

if TYPE_CHECKING:
    from elconsole.ui.console.options import ConsoleOptions


@dataclass(frozen=True, slots=True)
class Ended:
    """How an invocation ended."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """stdout, which must be one JSON document."""
        content: dict[str, Any] = json.loads(self.out)
        return content


class FakePlant:
    """Stands for the embedded plant."""

    def overrides(self) -> dict[str, Any]:
        return {"name": "demo", "warehouse": {"port": 6543}}


@dataclass
class CommandLine:
    """elconsole on `engine`; remembers what it was put together from."""

    engine: FakeEngine = field(default_factory=FakeEngine)
    settings: list[Settings] = field(default_factory=list)
    plants: list[int | None] = field(default_factory=list)
    consoles: list[ConsoleOptions] = field(default_factory=list)
    engine_fails: BaseException | None = None

    def parts(self) -> Parts:
        def make_engine(settings: Settings) -> Engine:
            if self.engine_fails is not None:
                raise self.engine_fails
            self.settings.append(settings)
            return self.engine

        @contextmanager
        def open_plant(rows: int | None, narrate: Callable[[str], None]) -> Iterator[FakePlant]:
            self.plants.append(rows)
            yield FakePlant()

        def run_console(options: ConsoleOptions) -> int:
            options = options.completed()
            self.consoles.append(options)
            options.engine_factory()
            return 0

        plant = cast("Callable[..., AbstractContextManager[Plant]]", open_plant)
        return Parts(make_engine=make_engine, open_plant=plant, run_console=run_console)

    def run(self, arguments: str | Sequence[str], *, terminal: bool = False) -> Ended:
        """Run with captured streams, which pretend to be a terminal where asked."""
        streams = [_Stream(terminal), _Stream(terminal), _Stream(terminal)]
        words = arguments.split() if isinstance(arguments, str) else arguments
        with pytest.MonkeyPatch.context() as patch:
            for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
                patch.setattr(sys, name, stream)
            with pytest.raises(SystemExit) as left:
                main(words, self.parts())
        code = left.value.code
        return Ended(code if isinstance(code, int) else 0, *(s.getvalue() for s in streams[1:]))


class _Stream(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal
