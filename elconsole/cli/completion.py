"""What the shell completes: commands and options from a script that `shtab` makes of the
parser; sources, tables and runs by asking `elconsole __complete KIND LINE`."""

from __future__ import annotations

import argparse
import faulthandler
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from elconsole.cli.commands import COMMANDS, GLOBAL_OPTIONS, PROGRAM, VERSION
from elconsole.cli.compose import CommandContext
from elconsole.cli.grammar import Argument
from elconsole.cli.parser import read_global_options
from elconsole.config.patterns import argument
from elconsole.core import errors
from elconsole.report.streams import Output

if TYPE_CHECKING:
    from elconsole.config.load import LoadedSettings
    from elconsole.config.models import Settings
    from elconsole.core.engine import Engine

LONGEST_WAIT_S = 1.0
"""For the warehouse; who presses tab does not wait for a server that is gone."""
TARGET_ACTIONS = ("rename", "move-source", "drop", "reset")
RUNS = 20
"""How many of the newest runs are offered."""

_PLAIN = re.compile(r"\w[\w.-]*")
"""Names that no shell reads anything into. Others are not offered."""

_BASH = """
# $1=kind $2=word
_elconsole_names() {
  local name
  while IFS= read -r name; do
    [[ $name == "$2"* ]] && printf '%s\\n' "$name"
  done < <("${COMP_WORDS[0]}" __complete "$1" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
_elconsole_sources() { _elconsole_names sources "$1"; }
_elconsole_tables() { _elconsole_names tables "$1"; }
_elconsole_runs() { _elconsole_names runs "$1"; }
_elconsole_targets() { _elconsole_names targets "$1"; }
_elconsole_target_actions() { _elconsole_names target_actions "$1"; }
"""
_ZSH = """
# $1=kind
_elconsole_names() {
  local -a names=(${(f)"$(elconsole __complete $1 "$LBUFFER" 2>/dev/null)"})
  compadd -- $names
}
_elconsole_sources() { _elconsole_names sources }
_elconsole_tables() { _elconsole_names tables }
_elconsole_runs() { _elconsole_names runs }
_elconsole_targets() { _elconsole_names targets }
_elconsole_target_actions() { _elconsole_names target_actions }
"""


def script(context: CommandContext, *, shell: str) -> int:
    """Print what teaches a shell to complete."""
    import shtab

    context.output.result(shtab.complete(_whole_parser(), shell))
    return errors.EXIT_OK


def candidates(context: CommandContext, *, kind: str | None, line: str | None) -> int:
    """Print what may stand where the `line` typed so far ends, one a line: `sources`,
    `tables` (sources, too), `runs`, `targets` or `target_actions`. Says nothing where it
    can't tell."""
    # tcsh puts the line there.
    typed = line or os.environ.get("COMMAND_LINE", "")
    with suppress(Exception):
        words = _words(typed)
        asked = _as_in(words, context)
        for name in _names(_kind_meant(kind or "", words), asked):
            if _PLAIN.fullmatch(name):
                context.output.result(name)
    return errors.EXIT_OK


def _words(line: str) -> list[str]:
    """The words of a line, which is still being written."""
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _kind_meant(kind: str, words: Iterable[str]) -> str:
    """What `targets` is followed by: raw tables, tables of sources, or sources."""
    if kind != "targets":
        return kind
    action = next((word for word in words if word in TARGET_ACTIONS), "")
    return {"reset": "tables", "move-source": "sources"}.get(action, kind)


def _as_in(words: list[str], context: CommandContext) -> CommandContext:
    """A silent context with the options of those words."""
    options = read_global_options(words[1:])
    return CommandContext(options, context.parts, Output(stderr=None))


def _names(kind: str, asked: CommandContext) -> Iterator[str]:
    loaded = asked.load(for_console=True)
    settings = loaded.settings
    if kind in ("sources", "tables"):
        yield from settings.sources
    if kind == "runs":
        yield from ("last", "prune")
    if kind == "target_actions":
        yield from TARGET_ACTIONS
    connects = kind in ("tables", "runs", "targets") and not asked.options.demo
    if connects and _may_connect(loaded):
        with closing(asked.parts.make_engine(settings)) as engine, _soon_given_up():
            yield from _names_in_warehouse(kind, engine, settings)


def _may_connect(loaded: LoadedSettings) -> bool:
    """Whether pressing tab may open a connection: not to where a file leads that merely stands
    in the working folder, trusted by nobody; nor where a vault would have to be asked first."""
    from elconsole.config.contradictions import runs_commands
    from elconsole.config.found import read_found
    from elconsole.config.trust import is_trusted

    if runs_commands(loaded.settings):
        return False
    return all(is_trusted(read_found(path)) for path in loaded.met)


def _names_in_warehouse(kind: str, engine: Engine, settings: Settings) -> Iterator[str]:
    if kind == "runs":
        runs = engine.runs(RUNS)
        yield from (str(run.run_number) for run in runs)
        yield from (run.run_id for run in runs)
        return
    for table in engine.raw_tables():
        if kind == "targets":
            yield table.target
        elif table.source in settings.sources:
            yield argument(table.source, table.table, settings.sources)


@contextmanager
def _soon_given_up() -> Iterator[None]:
    """Ends the process when its time is over: looking up a host's name can't be interrupted
    by anything gentler."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device
        faulthandler.dump_traceback_later(LONGEST_WAIT_S, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def _whole_parser() -> argparse.ArgumentParser:
    """All commands at once, in the form that `shtab` reads."""
    parser = argparse.ArgumentParser(PROGRAM.prog, add_help=False)
    _tell(parser, PROGRAM.options())
    commands = parser.add_subparsers()
    for command in COMMANDS:
        if command.summary:
            options = (*command.words(), *command.options(), *GLOBAL_OPTIONS, VERSION)
            one = commands.add_parser(command.name, help=command.summary, add_help=False)
            one.description = command.summary
            _tell(one, options)
    return parser


def _tell(parser: argparse.ArgumentParser, arguments: Iterable[Argument]) -> None:
    for one in arguments:
        action: Any = one.add_to(parser)
        if one.completed_by:
            action.complete = _completer(one.completed_by)


def _completer(kind: str) -> dict[str, Any]:
    """How each shell finds values of this kind."""
    import shtab

    if kind == "file":
        return dict(shtab.FILE)
    ask = f"elconsole __complete {kind}"
    function = f"_elconsole_{kind}"
    return {
        "bash": function,
        "zsh": function,
        "fish": f"({ask} (commandline -cp | string collect) 2>/dev/null)",
        "tcsh": f"`{ask}`",
        "preamble": {"bash": _BASH, "zsh": _ZSH},
    }
