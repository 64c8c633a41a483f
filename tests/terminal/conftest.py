"""Consoles in terminals, under the fixtures of the console's own tests."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.postgres import Factory
from tests.terminal.consoles import (
    ANY_SYNC_LOCK,
    BEFORE_GATE,
    GATE,
    TABLES,
    Gate,
    OpenConsole,
    write_settings,
)
from tests.terminal.screen import Terminal
from tests.ui.conftest import steady

__all__ = ["steady"]

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that stands here needs a terminal."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("terminal")


@pytest.fixture
def open_console() -> Iterator[OpenConsole]:
    """Opens `elconsole` in terminals, which end with the test."""
    with contextlib.ExitStack() as stack:

        def open_(
            *arguments: str,
            columns: int = 120,
            rows: int = 40,
            env: Mapping[str, str] | None = None,
        ) -> Terminal:
            return stack.enter_context(
                Terminal(
                    [sys.executable, "-m", "elconsole", *arguments],
                    columns=columns,
                    rows=rows,
                    env={"PYTHONPATH": str(REPOSITORY), **(env or {})},
                )
            )

        yield open_


@pytest.fixture
def gate(factory: Factory) -> Iterator[Gate]:
    """A gate in the source refills, shut, and settings that lead through it."""
    source = factory.sources["refills"]
    source.sql(GATE)
    gated = {"where": f"id <= {BEFORE_GATE} OR public.opened()"}
    write_settings(factory, refills={"table": {TABLES["refills"]: gated}})
    with source.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [ANY_SYNC_LOCK])
        yield Gate(source, holder)
