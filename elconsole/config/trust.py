"""Which files of working folders may name code: those that the user said `elconsole trust` to.

Settings that run something (plug-ins, notify commands), that carry the environment
elsewhere, or that lead a password of the user's astray count only from a file that was
chosen. The user's state folder remembers for each trusted file its path and the SHA-256 of
its content: a changed file is a new one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from elconsole.config.found import FoundFile, others_can_write, read_found
from elconsole.config.keys import Key, dotted
from elconsole.config.layers import DEFAULT, Merged
from elconsole.config.passwords import PASSWORD_KEYS, connection_blocks, parsed, place_of
from elconsole.core.errors import ConfigurationError, UsageError
from elconsole.core.files import replace_regular
from elconsole.core.safe_text import clean_text, redact

_POWERS_OF_A_DSN = ("sslkeylogfile", "gssdelegation", "servicefile")
"""Keywords by which libpq writes a file, hands a Kerberos ticket over, or believes another file.
It also loads code for an `sslkey` of the form `engine:key`."""
_FROM_THE_ENVIRONMENT = {"service": "PGSERVICE", "host": "PGHOST", "hostaddr": "PGHOSTADDR"}


def wanted(
    values: Mapping[str, Any], filled: Iterable[str], variables: Mapping[str, str]
) -> tuple[str, ...]:
    """What a layer runs, whose password it leads where, and which settings words of the
    environment are to be `filled` into; nothing where it only says where things are.

    `variables`: the environment, which libpq reads, too."""
    words = (f"{clean_text(name)} with words of the environment" for name in filled)
    return (*_powers(values, variables), *words)


def _powers(values: Mapping[str, Any], variables: Mapping[str, str]) -> Iterator[str]:
    if values.get("plugins"):
        yield f"plugins {_shown(values['plugins'])}"
    notify = values.get("notify")
    for key, value in notify.items() if isinstance(notify, Mapping) else ():
        if value:
            yield f"notify.{key}" + ("" if key == "ping_url" else f" {_shown(value)}")
    for path, block in connection_blocks(values).items():
        yield from _powers_of_dsn(path, parsed(block))
        yield from _astray(path, block, variables)
        # Whoever says which file also says to which address its first line goes.
        for key in ("password_file", "password_command"):
            if block.get(key):
                yield f"{dotted((*path, key))} {_shown(block[key])}"


def _powers_of_dsn(path: Key, parts: Mapping[str, str]) -> Iterator[str]:
    found = [key for key in _POWERS_OF_A_DSN if key in parts]
    if ":" in parts.get("sslkey", ""):
        found.insert(0, "sslkey")
    if found:
        yield f"{' and '.join(found)} of {dotted((*path, 'dsn'))}"


def _astray(path: Key, block: Mapping[str, Any], variables: Mapping[str, str]) -> Iterator[str]:
    """Passwords that libpq looks up by one name and sends to another address: a service's, and
    one that ~/.pgpass has for `host` while `hostaddr` says where to go."""
    named = place_of(block)
    known = {
        key: variables[name] for key, name in _FROM_THE_ENVIRONMENT.items() if name in variables
    }
    both = {**known, **named}
    goal = clean_text(" ".join(f"{k}={v}" for k, v in named.items() if k != "service"), 120)
    if both.get("service") and goal:
        owner = f"service {clean_text(both['service'], 60)}"
    elif both.get("hostaddr") and both.get("host") and {"host", "hostaddr"} & named.keys():
        owner = clean_text(both["host"], 60)
    else:
        return
    yield f"{dotted(path)} with the password of {owner} for {goal}"


def borrowed(
    merged: Merged, own: Merged, met: Mapping[str, FoundFile], variables: Mapping[str, str]
) -> Iterator[tuple[FoundFile, str]]:
    """Files of the working folder that lead a connection elsewhere than the user's `own` file
    does, while a password comes from above them, with what they want in words.

    `met`: those files, by the origin of their values."""
    before = connection_blocks(own.values)
    for path, block in connection_blocks(merged.values).items():
        held = place_of(before.get(path, {}))
        movers = [met[origin] for origin in _origins_of_place(merged, path) if origin in met]
        of_user = set(_origins_of_place(own, path)) - {DEFAULT}
        if not movers or not of_user or held == place_of(block):
            continue
        lender = _lender(merged, path, block, variables)
        if lender is not None and lender not in met and lender != DEFAULT:
            goal = clean_text(" ".join(_told(merged, path, block)), 120)
            yield movers[0], f"{dotted(path)} with the password of {clean_text(lender)} for {goal}"


def _told(merged: Merged, path: Key, block: Mapping[str, Any]) -> Iterator[str]:
    """A place in words, none of which was filled in from the environment."""
    for key, value in place_of(block).items():
        whole = (*path, key if key in block else "dsn")
        yield f"{key}={'${…}' if whole in merged.written else value}"


def _origins_of_place(merged: Merged, path: Key) -> list[str]:
    keys = ((*path, key) for key in ("host", "port", "dsn"))
    return [merged.origins[key] for key in keys if key in merged.origins]


def _lender(
    merged: Merged, path: Key, block: Mapping[str, Any], variables: Mapping[str, str]
) -> str | None:
    """Where the password stands that a connection would be opened with, as far as we know."""
    for key in PASSWORD_KEYS:
        if block.get(key):
            return merged.origin_of((*path, key))
    is_named = "password" in parsed(block) or not variables.get("PGPASSWORD")
    return None if is_named else "environment PGPASSWORD"


def _shown(value: object) -> str:
    words = value if isinstance(value, list | tuple) else [value]
    return ", ".join(redact(clean_text(word, 120)) for word in words)


def require_trust(file: FoundFile, wanted: tuple[str, ...]) -> None:
    """Raise ConfigurationError where a file wants what only a trusted one may, and is none."""
    if not wanted or is_trusted(file):
        return
    another = ", or name the file with -c" if file.path.suffix == ".toml" else ""
    raise ConfigurationError(
        f"{clean_text(file.path)} is not trusted, and asks for: {'; '.join(wanted)}",
        hint=f"read it; if you mean it, run: elconsole trust {clean_text(file.path)}{another}",
    )


def refuse(path: Path, wanted: tuple[str, ...]) -> None:
    """Raise ConfigurationError where a chosen file, which others can write, wants what only a
    trusted one may."""
    quoted, stranger = clean_text(path), others_can_write(path)
    if wanted:
        raise ConfigurationError(
            f"{quoted}: {stranger}, and it asks for: {'; '.join(wanted)}",
            hint=f"look at it, then make it yours alone: chown it, chmod go-w {quoted}",
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
