"""What `-h` shows."""

from __future__ import annotations

import shlex

import pytest

from elconsole.cli.commands import COMMANDS, GLOBAL_OPTIONS, PROGRAM
from elconsole.cli.grammar import Command
from elconsole.cli.help_text import help_text
from elconsole.cli.parser import read
from tests.cli.commandline import CommandLine

pytestmark = pytest.mark.unit

SHOWN = [command for command in COMMANDS if command.summary]
EXAMPLES = [line for command in (PROGRAM, *SHOWN) for line, _ in command.examples]


def text_of(command: Command, width: int) -> str:
    return help_text(command, width, COMMANDS if command is PROGRAM else ())


@pytest.mark.parametrize("words", ["-h", "--help", "-h sync", "--headless -vh"])
def test_the_program_s_help_lists_every_command_and_option(words: str) -> None:
    ended = CommandLine().run(words)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("Usage: elconsole [OPTIONS] [COMMAND]")
    for name in [command.name for command in SHOWN] + [o.names[-1] for o in GLOBAL_OPTIONS]:
        assert f" {name} " in ended.out
    assert "__complete" not in ended.out


@pytest.mark.parametrize("command", SHOWN, ids=lambda command: command.name)
def test_each_command_has_help_with_examples(command: Command) -> None:
    ended = CommandLine().run(f"{command.name} -h")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: elconsole {command.name} [OPTIONS]")
    assert command.summary in ended.out
    assert "Examples:\n  elconsole" in ended.out or "Examples:\n  ELCONSOLE_" in ended.out
    for argument in command.arguments:
        assert argument.help in " ".join(ended.out.split())


@pytest.mark.parametrize("command", [PROGRAM, *SHOWN], ids=lambda command: command.name)
@pytest.mark.parametrize("width", [100, 80, 60])
def test_help_fits_the_terminal(command: Command, width: int) -> None:
    longest_example = max(len(line) + 2 for line, _ in command.examples)
    for line in text_of(command, width).splitlines():
        assert len(line) <= max(width, longest_example)
    assert longest_example <= 80


def test_a_narrow_terminal_gets_texts_below_their_options(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    ended = CommandLine().run("-h")
    assert (
        "  --demo\n      Use an embedded pen plant instead\n      of your databases." in ended.out
    )


def test_defaults_are_shown() -> None:
    assert "[default: 20]" in CommandLine().run("runs -h").out


def test_headless_without_a_command_prints_help_and_exits_2() -> None:
    ended = CommandLine().run("--headless --log-format json")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Usage: elconsole")


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_is_right(line: str) -> None:
    words = shlex.split(line.partition("|")[0])
    read(words[words.index("elconsole") + 1 :])
