"""A hint's commands go to the settings that the program was started with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from elconsole.cli.commands import COMMANDS
from elconsole.core.invocation import repeated, repeated_command, started_with
from elconsole.core.types import ErrorInfo
from elconsole.ui.words.wording import hint_text

HEEDLESS = {"init", "trust", "serve"}
"""Commands that are not about the settings of this start, or are given their own."""


@pytest.fixture(autouse=True)
def started() -> Iterator[None]:
    started_with(("-c", "my file.toml"))
    yield
    started_with(())


@pytest.mark.parametrize("command", [c.name for c in COMMANDS if c.summary])
def test_every_command_that_heeds_them_repeats_the_options(command: str) -> None:
    options = "" if command in HEEDLESS else "-c 'my file.toml' "
    assert repeated(f"see `elconsole {command} x`") == f"see `elconsole {options}{command} x`"
    assert repeated_command(f"elconsole {command}") == f"elconsole {options}{command}"


def test_what_is_no_command_stays() -> None:
    for text in ("`elconsole --demo` brings a plant", "`elconsole -h`", "elconsole, then", "`ls`"):
        assert repeated(text) == text
    assert repeated("`elconsole --headless sync`") == (
        "`elconsole -c 'my file.toml' --headless sync`"
    )


def test_the_console_repeats_them_too() -> None:
    error = ErrorInfo("server", "no", "`elconsole check`")
    assert hint_text(error) == "`elconsole -c 'my file.toml' check`"
    assert hint_text(ErrorInfo("server", "no")) is None
