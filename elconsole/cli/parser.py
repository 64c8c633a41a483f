"""Reads a command line as `commands` describes it.

Two small parsers are built, one for what stands before the command and one for the command
that is given, so that the start does not pay for the others. Both fill one namespace: that
is how global options may stand on either side of a command.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, fields, replace
from typing import TYPE_CHECKING, Any, NoReturn

from elconsole.cli.commands import (
    COMMANDS,
    GLOBAL_OPTIONS,
    PROGRAM,
    SHOW_COMPLETION,
    SHOW_VERSION,
    VERSION,
)
from elconsole.cli.compose import GlobalOptions
from elconsole.cli.grammar import Argument, Command
from elconsole.core.errors import UsageError
from elconsole.core.record import record
from elconsole.report.streams import Output

if TYPE_CHECKING:
    from elconsole.cli.compose import CommandContext


@record(frozen=True, slots=True)
class Invocation:
    """What a command line asks for."""

    command: Command
    options: GlobalOptions = GlobalOptions()
    given: Mapping[str, Any] = field(default_factory=dict)
    """The arguments of the command's function, by name."""

    def run(self, context: CommandContext) -> int:
        """Do it; the exit code."""
        return self.command.load()(context, **self.given)


def read(arguments: Sequence[str]) -> Invocation:
    """What a command line asks for. Raises UsageError, and SystemExit after `-h`."""
    given, words = _read_program(arguments)
    command = _find(words[0]) if words else PROGRAM
    if words:
        _read_command(command, words[1:], given)
    values = vars(given)
    shell = values.pop("print_completion")
    if values.pop("version"):
        return Invocation(SHOW_VERSION)
    if shell is not None:
        return Invocation(SHOW_COMPLETION, given={"shell": shell})
    return Invocation(command, _global_options(values), values)


def read_global_options(arguments: Sequence[str]) -> GlobalOptions:
    """Those that stand anywhere in a line that need not be finished or right."""
    given, _ = _Parser(PROGRAM, GLOBAL_OPTIONS).read(arguments)
    return _global_options(vars(given))


def help_of(command: Command) -> str:
    """The help text of a command, or of the program."""
    from elconsole.cli.help_text import help_text, terminal_width

    return help_text(command, terminal_width(), COMMANDS if command is PROGRAM else ())


class _Parser(argparse.ArgumentParser):
    """Raises UsageError where `argparse` would write and exit."""

    def __init__(self, command: Command, arguments: Iterable[Argument]) -> None:
        super().__init__(command.prog, add_help=False, allow_abbrev=False, exit_on_error=False)
        self.command = command
        for argument in arguments:
            argument.add_to(self)

    def read(
        self, words: Sequence[str], given: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """What is given, added to `given`, whose values stay; and the words that are left."""
        try:
            return self.parse_known_args(list(words), given)
        except argparse.ArgumentError as error:
            raise UsageError(_in_words(error), hint=f"{self.prog} -h explains it") from None

    def print_help(self, _file: object = None) -> None:
        Output().result(help_of(self.command))

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"{self.prog} -h explains it")


def _in_words(error: argparse.ArgumentError) -> str:
    """`argparse`'s own messages as our readers of values (`grammar.whole`) put theirs."""
    message = str(error.message)
    if message.startswith("expected"):
        message = "needs a value"
    message = message.replace("ignored explicit argument", "takes no value, not")
    return f"{error.argument_name} {message}"


def _read_program(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options before the command, and the words from the command on."""
    parser = _Parser(PROGRAM, PROGRAM.options())
    parser.add_argument("words", nargs=argparse.PARSER).required = False
    given, unknown = parser.read(arguments)
    _refuse_too_early(unknown)
    _refuse_unknown(unknown, PROGRAM)
    words: list[str] = vars(given).pop("words") or []
    return given, words[1:] if words[:1] == ["--"] else words


def _read_command(command: Command, words: Sequence[str], given: argparse.Namespace) -> None:
    """Add what follows a command's name. Its words are placed after all options are taken:
    `argparse` takes them in one go, and they may stand on either side of an option."""
    end = words.index("--") if "--" in words else len(words)
    parser = _Parser(command, (*command.options(), *GLOBAL_OPTIONS, VERSION))
    _, left = parser.read(words[:end], given)
    _refuse_unknown([one for one in left if one.startswith("-") and one != "-"], command)
    plain = [*left, *words[end + 1 :]]
    _, extra = _Parser(command, command.words()).read(["--", *plain] if plain else [], given)
    extra = [one for one in extra if one != "--"]
    if extra:
        raise UsageError(
            f"{command.name} takes no further words: {' '.join(extra)}",
            hint=f"{command.prog} -h shows what it takes",
        )


def _find(name: str) -> Command:
    for command in COMMANDS:
        if command.name == name:
            return command
    names = [command.name for command in COMMANDS if command.summary]
    raise _not_found(f"there is no command {name}", name, names, "elconsole -h lists them")


def _refuse_too_early(words: Sequence[str]) -> None:
    """Raise UsageError where a command's own option comes before the command."""
    for name in words[:1]:
        owners = [one.name for one in COMMANDS if name.partition("=")[0] in one.option_names()]
        if owners:
            hint = f"put {name} after the command: it is an option of {', '.join(owners)}"
            raise UsageError(f"{name} stands before the command", hint=hint)


def _refuse_unknown(words: Sequence[str], command: Command) -> None:
    """Raise UsageError for the first option that nobody knows."""
    if not words:
        return
    name = words[0].partition("=")[0]
    known = (*command.option_names(), *PROGRAM.option_names())
    raise _not_found(f"there is no option {name}", name, known, f"{command.prog} -h lists them")


def _not_found(message: str, name: str, known: Iterable[str], hint: str) -> UsageError:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1, cutoff=0.7)
    return UsageError(message, hint=f"did you mean {near[0]}? {hint}" if near else hint)


def _global_options(values: dict[str, Any]) -> GlobalOptions:
    """Take them out of all values. Raises UsageError where they contradict each other."""
    taken = {field.name: values.pop(field.name) for field in fields(GlobalOptions)}
    options = GlobalOptions(**taken)
    if options.quiet and options.verbosity:
        raise UsageError("-v and -q exclude each other", hint="leave one of them out")
    if options.demo_rows is not None or options.demo_live:
        return replace(options, demo=True)
    return options
