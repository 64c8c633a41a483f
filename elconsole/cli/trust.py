"""The command `trust`: a file of a working folder may name plug-ins and commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from elconsole.core import errors
from elconsole.core.safe_text import clean_text

if TYPE_CHECKING:
    from elconsole.cli.compose import CommandContext

NAMES = ("elconsole.toml", ".env")
"""What is read from a working folder."""


def trust(context: CommandContext, *, path: Path | None) -> int:
    """Trust a file as it is now; without `path` those of the working folder.

    Raises UsageError where there is none, ConfigurationError where others can write it.
    """
    from elconsole.config import trust as trusting

    for one in _files(path):
        trusting.trust(one)
        context.output.result(clean_text(one))
    context.output.note("trusted as they are now; after a change, run elconsole trust again")
    return errors.EXIT_OK


def _files(path: Path | None) -> tuple[Path, ...]:
    if path is not None and path.name not in NAMES:
        raise errors.UsageError(
            f"{clean_text(path)}: only {' and '.join(NAMES)} of a working folder need trust",
            hint="a file named with -c needs none",
        )
    files = (Path(name).absolute() for name in NAMES) if path is None else [path.absolute()]
    found = tuple(file for file in files if path is not None or file.is_file())
    if not found:
        raise errors.UsageError(
            f"there is no {' and no '.join(NAMES)} here", hint="name a file: elconsole trust FILE"
        )
    return found
