"""Global options before and after the command."""

from __future__ import annotations

import pytest
import typer.main

from elconsole.cli import app
from elconsole.cli_arguments import (
    COMMAND_VALUES,
    GLOBAL_FLAGS,
    GLOBAL_VALUES,
    global_options_first,
)

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


def test_the_sets_name_exactly_what_the_parser_knows() -> None:
    group = typer.main.get_command(app)
    own = {"--help", "-h", "--install-completion", "--show-completion"}
    parsed = [p for p in group.params if p.param_type_name == "option"]
    takes_none = {
        name
        for p in parsed
        if p.is_flag or p.count
        for name in p.opts  # type: ignore[attr-defined]
    }
    takes_value = {name for p in parsed for name in p.opts} - takes_none
    assert takes_none - own == GLOBAL_FLAGS
    assert takes_value - own == GLOBAL_VALUES


def test_no_option_of_a_command_has_the_name_of_a_global_one() -> None:
    group = typer.main.get_command(app)
    for command in group.commands.values():  # type: ignore[attr-defined]
        options = [p for p in command.params if p.param_type_name == "option"]
        names = {name for p in options for name in p.opts}
        valued = {name for p in options if not p.is_flag for name in p.opts}
        assert not names & (GLOBAL_FLAGS | GLOBAL_VALUES)
        assert valued <= COMMAND_VALUES, command.name
