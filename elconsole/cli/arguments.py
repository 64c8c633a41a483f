"""Global options may stand before or after the command; Typer takes them only before.

`global_options_first` moves them there. It is pure and knows no command, only which
options are global and which options of commands take a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

GLOBAL_FLAGS = frozenset(
    {
        "--headless",
        "--read-only",
        "--demo",
        "--demo-live",
        "--verbose",
        "--quiet",
        "--version",
        "-v",
        "-q",
    }
)
GLOBAL_VALUES = frozenset(
    {
        "--demo-rows",
        "--config",
        "--log-format",
        "--log-file",
        "--metrics-file",
        "--metrics-port",
        "-c",
    }
)
COMMAND_VALUES = frozenset({"--by", "--host", "--period", "--limit", "--path", "--port"})
"""Options of commands whose value must not be read as an option."""


def global_options_first(arguments: Sequence[str]) -> list[str]:
    """The same arguments with every global option, and its value, in front.

    Nothing after `--` is touched. A global option that lacks its value ends the
    list, so that the parser names it instead of swallowing the command.
    """
    moved: list[str] = []
    kept: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            kept += [argument, *remaining]
        elif argument.startswith("--"):
            lacking = _place_long(argument, remaining, moved, kept)
            if lacking:
                return [*moved, argument]
        elif argument.startswith("-") and len(argument) > 1:
            lacking = _place_short(argument, remaining, moved, kept)
            if lacking:
                return moved
        else:
            kept.append(argument)
    return [*moved, *kept]


def _place_long(argument: str, remaining: Iterator[str], moved: list[str], kept: list[str]) -> bool:
    """Place `--name`, `--name value` or `--name=value`; true where a value is lacking."""
    name, equals, _ = argument.partition("=")
    if name in GLOBAL_FLAGS or (name in GLOBAL_VALUES and equals):
        moved.append(argument)
    elif name in GLOBAL_VALUES:
        value = next(remaining, None)
        if value is None:
            return True
        moved += [argument, value]
    else:
        kept.append(argument)
        if name in COMMAND_VALUES and not equals:
            kept += [value for value in [next(remaining, None)] if value is not None]
    return False


def _place_short(
    argument: str, remaining: Iterator[str], moved: list[str], kept: list[str]
) -> bool:
    """Place a bundle such as `-qv`, `-vc FILE` or `-cFILE`, letter by letter."""
    for position, letter in enumerate(argument[1:], start=1):
        option = f"-{letter}"
        if option in GLOBAL_FLAGS:
            moved.append(option)
        elif option in GLOBAL_VALUES:
            attached = argument[position + 1 :]
            value = attached or next(remaining, None)
            moved += [option] if value is None else [option, value]
            return value is None
        else:
            kept.append("-" + argument[position:])
            return False
    return False
