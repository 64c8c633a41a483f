"""What a command line means, and what is said where it means nothing."""

from __future__ import annotations

import inspect
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elconsole.cli.commands import COMMANDS, GLOBAL_OPTIONS, PROGRAM, SHOW_COMPLETION, SHOW_VERSION
from elconsole.cli.compose import GlobalOptions
from elconsole.cli.grammar import Command
from elconsole.cli.parser import Invocation, read
from elconsole.core.errors import UsageError
from tests.cli.commandline import CommandLine

pytestmark = pytest.mark.unit

ALL = (PROGRAM, SHOW_VERSION, SHOW_COMPLETION, *COMMANDS)


def read_line(line: str) -> Invocation:
    return read(line.split())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--headless sync", {"headless": True}),
        ("sync --headless", {"headless": True}),
        ("--headless sync --headless", {"headless": True}),
        ("--headless sync -q", {"headless": True, "quiet": True}),
        ("sync refills -c my.toml --full", {"config_file": Path("my.toml")}),
        ("sync -cmy.toml", {"config_file": Path("my.toml")}),
        ("sync --config=my.toml", {"config_file": Path("my.toml")}),
        ("-c my.toml sync -c your.toml", {"config_file": Path("your.toml")}),
        ("sync --demo-rows 5 refills", {"demo": True, "demo_rows": 5}),
        ("--demo-live", {"demo": True, "demo_live": True}),
        ("check -vv", {"verbosity": 2}),
        ("-v check -v", {"verbosity": 2}),
        ("check -vc my.toml --json", {"verbosity": 1, "config_file": Path("my.toml")}),
        ("check -vcmy.toml", {"verbosity": 1, "config_file": Path("my.toml")}),
        ("quality --by=--demo -q", {"quiet": True}),
        (
            "sync --log-format json --log-file - refills",
            {"log_format": "json", "log_file": Path("-")},
        ),
        (
            "--metrics-file m.prom --metrics-port 9000 --read-only sync",
            {"metrics_file": Path("m.prom"), "metrics_port": 9000, "read_only": True},
        ),
        ("sync", {}),
        ("", {}),
    ],
)
def test_global_options_stand_before_or_after_the_command(
    line: str, expected: dict[str, Any]
) -> None:
    assert read_line(line).options == GlobalOptions(**expected)


GLOBAL_PARTS = [["--headless"], ["-v"], ["-c", "a.toml"], ["--demo-rows=7"], ["--log-file", "log"]]
OWN_PARTS = [["refills"], ["--full"], ["bodies.bodies_production"], ["--json"], ["-"]]


@given(
    before=st.lists(st.sampled_from(GLOBAL_PARTS), max_size=4),
    after=st.lists(st.sampled_from([*GLOBAL_PARTS, *OWN_PARTS]), max_size=7),
)
def test_the_place_of_an_option_means_nothing(
    before: list[list[str]], after: list[list[str]]
) -> None:
    seen = read([*chain(*before), "sync", *chain(*after)])
    globals_first = [part for part in (*before, *after) if part in GLOBAL_PARTS]
    own = [part for part in after if part not in GLOBAL_PARTS]
    ordered = read([*chain(*globals_first), "sync", *chain(*own)])
    assert (seen.options, seen.given) == (ordered.options, ordered.given)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sync", {"selection": [], "full": False, "as_json": False}),
        ("sync refills --full bodies", {"selection": ["refills", "bodies"], "full": True}),
        ("sync --dry-run -- --full -v", {"selection": ["--full", "-v"], "full": False}),
        ("sync a -- b", {"selection": ["a", "b"]}),
        ("sync -", {"selection": ["-"]}),
        ("quality", {"sources": [], "by": None, "period": None}),
        ("quality bodies --by line --period day", {"by": "line", "period": "day"}),
        ("runs", {"run_id": None, "limit": 20}),
        ("runs --limit 3 5 --json", {"run_id": "5", "limit": 3, "as_json": True}),
        ("runs -- -5", {"run_id": "-5"}),
        ("init", {"path": Path("elconsole.toml")}),
        (
            "serve",
            {"port": 8000, "host": "127.0.0.1", "listen": None, "public": False},
        ),
    ],
)
def test_a_command_s_own_options_and_defaults(line: str, expected: dict[str, Any]) -> None:
    given = read_line(line).given
    assert {name: given[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("line", "command"),
    [("--version", SHOW_VERSION), ("sync --version", SHOW_VERSION), ("", PROGRAM),
     ("--print-completion bash", SHOW_COMPLETION), ("-- check", COMMANDS[1])],
)  # fmt: skip
def test_what_is_to_be_done(line: str, command: Command) -> None:
    assert read_line(line).command is command


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("syn", "there is no command syn", "did you mean sync?"),
        ("nonsense", "there is no command nonsense", "elconsole -h lists them"),
        ("check --jsn", "there is no option --jsn", "did you mean --json?"),
        ("check --hedless", "there is no option --hedless", "did you mean --headless?"),
        ("--hedless check", "there is no option --hedless", "did you mean --headless?"),
        ("check --nonsense=1", "there is no option --nonsense", "elconsole check -h lists them"),
        ("sync --ful", "there is no option --ful", "did you mean --full?"),
        ("sync --head", "there is no option --head", "did you mean"),
        ("sync -5", "there is no option -5", "elconsole sync -h"),
        ("--json check", "--json stands before the command", "an option of sync, check"),
        ("sync -c", "-c/--config needs a value", "elconsole sync -h"),
        ("sync refills --demo-rows", "--demo-rows needs a value", "elconsole sync -h"),
        ("-c", "-c/--config needs a value", "elconsole -h"),
        ("sync --full=1", "--full takes no value, not '1'", "elconsole sync -h"),
        ("check --config=", "-c/--config takes the name of a file", "elconsole check -h"),
        ("--demo-rows 0", "--demo-rows takes a whole number of at least 1, not '0'", ""),
        ("runs --limit -1", "--limit takes a whole number of at least 1, not '-1'", ""),
        ("--metrics-port 70000", "takes a whole number from 1 to 65535, not '70000'", ""),
        ("serve --port abc", "--port takes a whole number from 1 to 65535, not 'abc'", ""),
        ("quality --period year", "takes hour, day, shift or batch, not 'year'", ""),
        ("--log-format xml check", "--log-format takes text or json, not 'xml'", ""),
        ("--print-completion cmd", "takes bash, zsh, fish or tcsh, not 'cmd'", ""),
        ("check foo", "check takes no further words: foo", "elconsole check -h"),
        ("runs 1 2 3", "runs takes no further words: 2 3", ""),
        ("-q sync -v", "-v and -q exclude each other", "leave one of them out"),
    ],
)
def test_a_mistake_is_named_with_the_way_out(line: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_line(line)
    assert message in raised.value.message
    assert hint in (raised.value.hint or "")


@pytest.mark.parametrize(
    "words",
    ["-qv check", "sync --headless -c", "nonsense", "check --nonsense",
     "--read-only --headless sync", "--read-only quality --freeze-baseline",
     "quality --period year", "--demo-rows 0 check", "--log-format xml check"],
)  # fmt: skip
def test_wrong_usage_exits_2_in_one_style(words: str) -> None:
    ended = CommandLine().run(words, terminal=True)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: ")
    assert len(ended.err.splitlines()) <= 2


def test_a_mistake_writes_no_escapes_to_the_terminal() -> None:
    ended = CommandLine().run(["check", "--\x1b[31mred"], terminal=True)
    assert ended.code == 2
    assert "\x1b" not in ended.err


def test_the_version_is_printed() -> None:
    ended = CommandLine().run("check --version")
    assert ended.code == 0
    assert ended.out.startswith("elconsole ")


@pytest.mark.parametrize("command", ALL, ids=lambda command: command.function)
def test_a_command_s_function_takes_what_the_command_line_gives(command: Command) -> None:
    given = read([command.name]).given if command.name else {}
    if command is SHOW_COMPLETION:
        given = {"shell": "bash"}
    wanted = set(inspect.signature(command.load()).parameters)
    assert wanted - {"context", "engine", "output"} == set(given)


def test_no_option_of_a_command_has_the_name_of_a_global_one() -> None:
    taken = {name for option in GLOBAL_OPTIONS for name in option.names}
    for command in COMMANDS:
        assert not taken & set(command.option_names())
