"""What a command line is described by: commands, their options and their words."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from elconsole.core.record import record


@record(frozen=True, slots=True)
class Argument:
    """An option, or a word without dashes, of a command."""

    names: tuple[str, ...]
    help: str
    keywords: Mapping[str, Any]
    """What `argparse` is told besides."""
    completed_by: str = ""
    """What the shell offers as its value: `file`, or a kind that `__complete` knows."""

    def is_option(self) -> bool:
        return self.names[0].startswith("-")

    def add_to(self, parser: argparse.ArgumentParser) -> argparse.Action:
        return parser.add_argument(*self.names, help=self.help, **self.keywords)


HELP = Argument(("-h", "--help"), "Show this message and exit.", {"action": "help"})


@record(frozen=True, slots=True)
class Command:
    """A command; those without a summary are for programs and stand in no help text."""

    name: str
    summary: str
    function: str
    """`module.function` in `elconsole.cli`, called with the context and each argument by
    name; returns the exit code. Imported when the command is given."""
    arguments: tuple[Argument, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()
    """Command lines, each with what it is for, which may be empty."""

    @property
    def prog(self) -> str:
        return f"elconsole {self.name}".rstrip()

    def options(self) -> tuple[Argument, ...]:
        """Its own options, besides the global ones."""
        return (*(one for one in self.arguments if one.is_option()), HELP)

    def option_names(self) -> tuple[str, ...]:
        return tuple(name for one in self.options() for name in one.names)

    def words(self) -> tuple[Argument, ...]:
        return tuple(one for one in self.arguments if not one.is_option())

    def load(self) -> Callable[..., int]:
        """Import the function."""
        module, _, name = self.function.partition(".")
        function: Callable[..., int] = getattr(import_module(f"elconsole.cli.{module}"), name)
        return function


def flag(*names: str, help: str, **keywords: Any) -> Argument:
    """An option without a value."""
    return Argument(names, help, {"action": "store_true", **keywords})


def option(
    *names: str, metavar: str, help: str, completed_by: str = "", **keywords: Any
) -> Argument:
    """An option with a value: any text, if neither `type` nor `choices` say more."""
    if "choices" in keywords:
        keywords["type"] = one_of(keywords["choices"])
    return Argument(names, help, {"metavar": metavar, **keywords}, completed_by)


def word(
    name: str,
    *,
    metavar: str = "",
    help: str = "",
    completed_by: str = "",
    nargs: str = "?",
    **keywords: Any,
) -> Argument:
    """A word without dashes; `nargs` is "?" for one at most, "*" for any number."""
    given = {"metavar": metavar or name, "nargs": nargs, **keywords}
    return Argument((name,), help, given, completed_by)


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Reads whole numbers from `low` to `high`."""
    wanted = f"from {low} to {high}" if high else f"of at least {low}"

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if number < low or (high and number > high):
            raise argparse.ArgumentTypeError(f"takes a whole number {wanted}, not {text!r}")
        return number

    return read


def one_of(choices: Iterable[str]) -> Callable[[str], str]:
    """Reads one of a few words, or the only one."""
    *first, last = choices

    def read(text: str) -> str:
        if text not in (*first, last):
            listed = f"{', '.join(first)} or {last}" if first else last
            raise argparse.ArgumentTypeError(f"takes {listed}, not {text!r}")
        return text

    return read


def seconds_of_age(text: str) -> float:
    """Reads how long something is kept: a duration such as 90d, or a number of days."""
    from elconsole.config.fields import age, duration_seconds  # which load pydantic

    try:
        return duration_seconds(str(age(text)))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}, not {text!r}") from None


def file(text: str) -> Path:
    """Reads the name of a file."""
    if not text:
        raise argparse.ArgumentTypeError("takes the name of a file")
    return Path(text)
