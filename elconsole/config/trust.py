"""Which files of working folders may name code: those that the user said `elconsole trust` to.

Settings that run something (plug-ins, notify commands) or that carry the environment
elsewhere count only from a file that was chosen. The user's state folder remembers for
each trusted file its path and the SHA-256 of its content: a changed file is a new one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from elconsole.config.dsn import parse_dsn
from elconsole.config.found import FoundFile, read_found
from elconsole.config.keys import Key, dotted
from elconsole.core.errors import ConfigurationError, UsageError
from elconsole.core.files import replace_regular
from elconsole.core.safe_text import clean_text, redact

_CODE_IN_A_DSN = ("sslkey", "sslkeylogfile")
"""What libpq loads code for (`engine:key`), and what it writes a file for."""


def powers(values: Mapping[str, Any]) -> tuple[str, ...]:
    """What a layer runs, in words; nothing where it only says where things are."""
    return tuple(_powers(values))


def _powers(values: Mapping[str, Any]) -> Iterator[str]:
    if values.get("plugins"):
        yield f"plugins {_shown(values['plugins'])}"
    notify = values.get("notify")
    for key, value in notify.items() if isinstance(notify, Mapping) else ():
        if value:
            yield f"notify.{key}" + ("" if key == "ping_url" else f" {_shown(value)}")
    sources = values.get("sources")
    blocks: dict[Key, object] = {("warehouse",): values.get("warehouse")}
    if isinstance(sources, Mapping):
        blocks |= {("sources", name): block for name, block in sources.items()}
    for path, block in blocks.items():
        if not isinstance(block, Mapping):
            continue
        if _dsn_runs(block.get("dsn")):
            yield f"{' and '.join(_CODE_IN_A_DSN)} of {dotted((*path, 'dsn'))}"
        # Whoever says which file also says to which address its first line goes.
        for key in ("password_file", "password_command"):
            if block.get(key):
                yield f"{dotted((*path, key))} {_shown(block[key])}"


def _dsn_runs(dsn: object) -> bool:
    if not isinstance(dsn, str):
        return False
    try:
        parameters = parse_dsn(dsn)
    except ValueError:
        return False
    return ":" in parameters.get("sslkey", "") or "sslkeylogfile" in parameters


def _shown(value: object) -> str:
    words = value if isinstance(value, list | tuple) else [value]
    return ", ".join(redact(clean_text(word, 120)) for word in words)


def require_trust(file: FoundFile, wanted: tuple[str, ...]) -> None:
    """Raise ConfigurationError where a file wants what only a trusted one may, and is none."""
    if not wanted or is_trusted(file):
        return
    another = ", or name the file with -c" if file.path.suffix == ".toml" else ""
    raise ConfigurationError(
        f"{clean_text(file.path)} is not trusted, and would run: {'; '.join(wanted)}",
        hint=f"read it; if you mean it, run: elconsole trust {clean_text(file.path)}{another}",
    )


def is_trusted(file: FoundFile) -> bool:
    """Whether the user trusts a file as it is now. A record that others can write is none."""
    place = _record_of(file.path)
    try:
        record = read_found(place)
        known = json.loads(record.content)
    except (OSError, ValueError):
        return False
    return record.stranger is None and known == _record(file)


def trust(path: Path) -> FoundFile:
    """Remember that the user trusts this file as it is now.

    Raises ConfigurationError where others can write it, UsageError where it can't be read or
    remembered.
    """
    failure: str
    try:
        file = read_found(path)
        file.require_own()
        place = _record_of(path)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        place.parent.chmod(0o700)
        content = json.dumps(_record(file)).encode() + b"\n"
        replace_regular(place, content, 0o600)
    except OSError as error:
        failure = f"{clean_text(error.filename or path)}: {error.strerror}"
    else:
        return file
    raise UsageError(failure, hint="name a file that exists: elconsole trust FILE")


def _record(file: FoundFile) -> dict[str, str]:
    digest = hashlib.sha256(file.content).hexdigest()
    return {"path": os.fsdecode(_standing(file.path)), "sha256": digest}


def _record_of(path: Path) -> Path:
    from platformdirs import user_state_path

    name = hashlib.sha256(os.fsencode(_standing(path))).hexdigest()
    return user_state_path("elconsole", appauthor=False) / "trusted" / f"{name}.json"


def _standing(path: Path) -> Path:
    """The file's name in its folder's own: commands are run where a link stands, not its goal."""
    return path.parent.resolve() / path.name
