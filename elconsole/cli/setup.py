"""Commands that set elconsole up, and the dashboard in a browser."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from io import TextIOBase
from pathlib import Path
from typing import TYPE_CHECKING

from elconsole.cli import start
from elconsole.core import errors
from elconsole.core.safe_text import clean_text

if TYPE_CHECKING:
    from elconsole.cli.compose import CommandContext
    from elconsole.config.load import LoadedSettings
    from elconsole.config.models import ConnectionSettings
    from elconsole.report.streams import Output

TRUSTED_NAMES = ("elconsole.toml", ".env")
"""What is read from a working folder."""


def version(context: CommandContext) -> int:
    """Print which elconsole this is."""
    from importlib.metadata import version

    context.output.result(f"elconsole {version('elconsole')}")
    return errors.EXIT_OK


def init(context: CommandContext, *, path: Path) -> int:
    """Write the commented configuration file; never over another."""
    from elconsole.config.template import write_template

    write_template(path)
    context.output.result(str(path.absolute()))
    context.output.note("written; fill in your databases, then run: elconsole check")
    return errors.EXIT_OK


def grants(
    context: CommandContext, *, connections: list[str], reader: str | None, as_json: bool
) -> int:
    """Print the least-privilege SQL for every connection's role, or for those named."""
    from elconsole.config.grants import grants_by_server
    from elconsole.report.documents import document
    from elconsole.report.folding import folded_comments

    with context.loaded() as loaded:
        found = grants_by_server(loaded.settings, connections, reader)
        if as_json:
            context.output.result(document({"grants": found}))
        else:
            statements = "\n".join(found.values()).rstrip("\n")
            context.output.result(folded_comments(statements, context.output.width))
    return errors.EXIT_OK


def config(context: CommandContext, *, action: str | None, check: bool, as_json: bool) -> int:
    """Print every effective setting and where it came from, secrets masked; or only whether
    they are right, without a connection; or what they may be, as a JSON Schema."""
    from elconsole.config.template import effective, effective_values, json_schema
    from elconsole.report.documents import document
    from elconsole.report.table import Column, table

    if action == "schema":
        context.output.result(document(json_schema()))
        return errors.EXIT_OK
    columns = (Column("setting"), Column("value", fold=1), Column("from", fold=2))
    with context.loaded() as loaded:
        if check:
            return _checked(context.output, loaded, as_json)
        if as_json:
            settings = effective_values(loaded)
            context.output.result(document({"settings": settings, **_files(loaded)}))
            return errors.EXIT_OK
        places = "\n".join(
            f"{'used' if path in loaded.used else 'looked for'}: {path}" for path in loaded.files
        )
        output = context.output
        settings_table = table(columns, effective(loaded), width=output.width)
        output.tell(f"{settings_table}\n\n{places}")
    return errors.EXIT_OK


def _checked(output: Output, loaded: LoadedSettings, as_json: bool) -> int:
    """Say that settings are right, passwords that stand in files included; none of the commands
    is run."""
    from elconsole.config.keys import dotted
    from elconsole.config.passwords import require_program
    from elconsole.report.documents import document

    settings = loaded.settings
    connections: dict[str, ConnectionSettings] = {"warehouse": settings.warehouse}
    connections |= {dotted(("sources", name)): one for name, one in settings.sources.items()}
    for path, connection in connections.items():
        if connection.password_command:
            require_program(f"{path}.password_command", connection.password_command)
        else:
            connection.resolved_parameters(path)
    if as_json:
        output.result(document({"warnings": list(loaded.warnings), **_files(loaded)}))
    else:
        listed = ", ".join(settings.sources) or "no source"
        output.tell(f"settings are right: {listed} into {settings.warehouse.address}")
    return errors.EXIT_OK


def _files(loaded: LoadedSettings) -> dict[str, list[str]]:
    return {"used": list(map(str, loaded.used)), "looked_for": list(map(str, loaded.files))}


def serve(
    context: CommandContext, *, host: str, listen: str | None, port: int, public: bool
) -> int:
    """Serve the dashboard to browsers until a signal ends that; by default of this machine only.

    Raises UsageError without the extra `web`, and for an address that others can reach
    unless it is said by which name they do."""
    if importlib.util.find_spec("textual_serve") is None:
        raise errors.UsageError(
            "serving the dashboard to a browser needs the extra `web`",
            hint="pip install 'elconsole[web]'",
        )
    from elconsole.ui.app.web.server import ConsoleServer
    from elconsole.ui.app.web.visitors import new_keys, private_place, public_place

    place = (public_place if public else private_place)(host, listen, port)
    context.load()
    command = (sys.executable, "-P", "-m", "elconsole", *console_arguments(context))
    keys = new_keys()
    server = ConsoleServer(command, place, keys)
    start.collect_again()
    with redirect_stdout(_Told(context.output)):
        return 128 + server.run(lambda: _tell_address(context.output, place.url, keys.token))


def _tell_address(output: Output, url: str, token: str) -> None:
    """Say it on stderr even if quiet, since nothing else opens the console; without the key
    in the log file, since whoever reads that may not be the one who may type."""
    told = "(whoever has this address can use the console); ctrl+c ends it"
    replace(output, record=None, quiet=False).note(f"{url}/?token={token} {told}")
    if output.record is not None:
        output.record("info", f"serving the console at {url}")


class _Told(TextIOBase):
    """What a page's console said at its end, told line by line: stdout carries no results here."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def write(self, text: str) -> int:
        """Tell every line."""
        for line in text.splitlines():
            self._output.failure(line)
        return len(text)


def console_arguments(context: CommandContext) -> list[str]:
    """The command line that opens the same dashboard in a process of its own."""
    options = context.options
    arguments = [
        name
        for name, given in (
            ("--read-only", options.read_only),
            ("--demo", options.demo),
            ("--demo-live", options.demo_live),
        )
        if given
    ]
    if options.demo_rows is not None:
        arguments += ["--demo-rows", str(options.demo_rows)]
    if options.profile is not None:
        arguments += ["--profile", options.profile]
    for name, path in (("--config", options.config_file), ("--log-file", options.log_file)):
        if path is not None:
            arguments += [name, str(Path(path).absolute())]
    return arguments


def trust(context: CommandContext, *, path: Path | None) -> int:
    """Trust a file as it is now; without `path` those of the working folder.

    Raises UsageError where there is none, ConfigurationError where others can write it.
    """
    from elconsole.config import trust as trusting

    for one in _files_to_trust(path):
        trusting.trust(one)
        context.output.result(clean_text(one))
    context.output.note("trusted as they are now; after a change, run elconsole trust again")
    return errors.EXIT_OK


def _files_to_trust(path: Path | None) -> tuple[Path, ...]:
    if path is not None and path.name not in TRUSTED_NAMES:
        raise errors.UsageError(
            f"{clean_text(path)}: only {' and '.join(TRUSTED_NAMES)} of a working folder"
            " need trust",
            hint="a file named with -c needs none",
        )
    files = (Path(name).absolute() for name in TRUSTED_NAMES) if path is None else [path.absolute()]
    found = tuple(file for file in files if path is not None or file.is_file())
    if not found:
        raise errors.UsageError(
            f"there is no {' and no '.join(TRUSTED_NAMES)} here",
            hint="name a file: elconsole trust FILE",
        )
    return found
