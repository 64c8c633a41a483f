"""Global options before and after the command."""

from __future__ import annotations

from typing import Any

import pytest
import typer.main

from elconsole.cli.arguments import (
    COMMAND_VALUES,
    GLOBAL_FLAGS,
    GLOBAL_VALUES,
    global_options_first,
)
from elconsole.cli.parser import app

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("sync --headless", "--headless sync"),
        ("--headless sync", "--headless sync"),
        ("check --demo --json", "--demo check --json"),
        ("sync refills -c my.toml --full", "-c my.toml sync refills --full"),
        ("sync -cmy.toml", "-c my.toml sync"),
        ("sync --config=my.toml", "--config=my.toml sync"),
        ("sync --demo-rows 5 refills", "--demo-rows 5 sync refills"),
        ("check -qv", "-q -v check"),
        ("check -vv", "-v -v check"),
        ("check -vc my.toml --json", "-v -c my.toml check --json"),
        ("check -vcmy.toml", "-v -c my.toml check"),
        ("check -vh", "-v check -h"),
        ("quality --by --demo", "quality --by --demo"),
        ("quality --by=--demo -q", "-q quality --by=--demo"),
        ("init --path -v", "init --path -v"),
        ("sync -- --headless -v", "sync -- --headless -v"),
        ("-- sync --headless", "-- sync --headless"),
        (
            "sync --log-format json --log-file - refills",
            "--log-format json --log-file - sync refills",
        ),
        ("runs -", "runs -"),
        ("sync --full", "sync --full"),
        ("", ""),
    ],
)
def test_global_options_move_to_the_front(given: str, expected: str) -> None:
    assert global_options_first(given.split()) == expected.split()


@pytest.mark.parametrize("given", ["sync -c", "sync refills --demo-rows", "sync -vc"])
def test_an_option_without_its_value_swallows_no_command(given: str) -> None:
    assert "sync" not in global_options_first(given.split())


def test_values_stay_with_their_options() -> None:
    assert global_options_first(["sync", "-c", "--json"]) == ["-c", "--json", "sync"]


def options_of(command: Any) -> tuple[set[str], set[str]]:
    """Names of the flags, and of the options that take a value."""
    options = [p for p in command.params if p.param_type_name == "option"]
    flags = {name for p in options if p.is_flag or p.count for name in p.opts}
    return flags, {name for p in options for name in p.opts} - flags


def test_the_sets_name_exactly_what_the_parser_knows() -> None:
    own = {"--help", "-h", "--install-completion", "--show-completion"}
    flags, valued = options_of(typer.main.get_command(app))
    assert flags - own == GLOBAL_FLAGS
    assert valued - own == GLOBAL_VALUES


def test_no_option_of_a_command_has_the_name_of_a_global_one() -> None:
    group: Any = typer.main.get_command(app)
    used: set[str] = set()
    for command in group.commands.values():
        flags, valued = options_of(command)
        assert not (flags | valued) & (GLOBAL_FLAGS | GLOBAL_VALUES)
        used |= valued
    assert used == COMMAND_VALUES
