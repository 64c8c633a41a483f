"""The layers of settings: environment, `.env`, TOML file, defaults; and how they merge."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elconsole.config.dsn import ADDRESS_KEYS, filled_dsn
from elconsole.config.keys import (
    Key,
    Leaf,
    Named,
    Node,
    Problem,
    child,
    nearest,
    setting_paths,
)
from elconsole.config.models import Settings
from elconsole.config.passwords import PASSWORD_KEYS, SECRET_KEYS, dsn_left_behind, moves
from elconsole.core.errors import ConfigurationError
from elconsole.core.safe_text import clean_text

PREFIX = "ELCONSOLE_"
PROFILE_VARIABLE = "ELCONSOLE_PROFILE"
_REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
FILE_NAME = "elconsole.toml"
DEFAULT = "default"
COMMAND_LINE = "command line"


@dataclass(slots=True)
class Layer:
    """What one place says, and where exactly each of its values stands."""

    origin: str
    values: dict[str, Any]
    origins: dict[Key, str] = field(default_factory=dict)
    """Where the place is more than one: the variable of each value."""
    written: dict[Key, Any] = field(default_factory=dict)
    """What stands there of values that words of the environment were filled into."""
    secret_names: set[str] = field(default_factory=set)
    """Variables of the environment that were filled into secrets."""

    def origin_of(self, path: Key) -> str:
        """Where a value, or the block around it, comes from."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        return self.origin


@dataclass(slots=True)
class Merged:
    """All layers in one, and the origin of every value."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Key, str] = field(default_factory=dict)
    left_behind: dict[Key, str] = field(default_factory=dict)
    """Connections whose address a layer changed: where the password stands that did not follow."""
    written: dict[Key, Any] = field(default_factory=dict)
    """What stands in a file of values that words of the environment were filled into: such a
    word may be a secret, and is never shown."""
    secret_names: set[str] = field(default_factory=set)
    """Variables of the environment that some layer filled into a secret."""

    def origin_of(self, path: Key) -> str:
        """Where a value comes from; for a block, where its last value comes from."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        inside = [o for key, o in self.origins.items() if key[: len(path)] == path]
        return next((o for o in inside if o != DEFAULT), DEFAULT)

    def add(self, layer: Layer) -> None:
        """Lay a layer over those before it."""
        self._overlay(self.values, layer.values, (), layer)
        self.secret_names |= layer.secret_names

    def drop(self, path: Key) -> None:
        """Forget a value or a whole block."""
        block: Any = self.values
        for key in path[:-1]:
            block = block.get(key, {})
        block.pop(path[-1], None)
        for known in [k for k in self.origins if k[: len(path)] == path]:
            del self.origins[known]
            self.written.pop(known, None)

    def _overlay(
        self, target: dict[str, Any], values: Mapping[str, Any], path: Key, layer: Layer
    ) -> None:
        if path == ("warehouse",) or (len(path) == 2 and path[0] == "sources"):
            self._make_room(target, values, path)
        for key, value in values.items():
            here = (*path, key)
            if isinstance(value, Mapping):
                held = target.get(key)
                inner: dict[str, Any] = held if isinstance(held, dict) else {}
                target[key] = inner
                self._overlay(inner, value, here, layer)
            else:
                target[key] = value
                self.origins[here] = layer.origin_of(here)
                self._remember_written(here, layer)

    def _remember_written(self, path: Key, layer: Layer) -> None:
        self.written.pop(path, None)
        if path in layer.written:
            self.written[path] = layer.written[path]
        elif any(path[:length] in layer.written for length in range(1, len(path))):
            self.written[path] = "${…}"

    def _make_room(self, target: dict[str, Any], values: Mapping[str, Any], path: Key) -> None:
        """Drop what a dsn replaces, and passwords that belong to another address or role."""
        if "dsn" in values:
            for key in (*ADDRESS_KEYS, *PASSWORD_KEYS):
                self.drop((*path, key))
        elif moves(target, values):
            self._leave_passwords(target, path)
        if any(key in values for key in PASSWORD_KEYS):
            for key in PASSWORD_KEYS:
                self.drop((*path, key))
        other_role = "user" in values and values["user"] != target.get("user")
        if other_role and self.origins.get((*path, "password")) == DEFAULT:
            self.drop((*path, "password"))

    def _leave_passwords(self, target: dict[str, Any], path: Key) -> None:
        """Drop the passwords of the address that is left. Those of the pen plant, which
        everybody knows, follow it to another port."""
        for key in PASSWORD_KEYS:
            password = (*path, key)
            if key in target and self.origins.get(password) != DEFAULT:
                self.left_behind[path] = self.origin_of(password)
                self.drop(password)
        without = dsn_left_behind(target.get("dsn"))
        if without is not None:
            self.left_behind[path] = self.origin_of((*path, "dsn"))
            target["dsn"] = without
        if without == "":
            self.drop((*path, "dsn"))


def working_folder() -> Path | None:
    """The working directory; None where it was removed under us."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def config_locations(cwd: Path | None = None) -> tuple[Path, ...]:
    """Where a configuration file is looked for, first found wins."""
    from platformdirs import user_config_path

    here = cwd or working_folder()
    home = user_config_path("elconsole", appauthor=False) / FILE_NAME
    return (here / FILE_NAME, home) if here else (home,)


def read_toml(path: Path, read: Callable[[], bytes]) -> Layer:
    """A TOML file as a layer; `read` gives its content. Raises ConfigurationError with the
    file and the line."""
    import tomllib

    failure: tuple[str, str]
    try:
        return Layer(str(path), tomllib.loads(read().decode("utf-8-sig")))
    except FileNotFoundError:
        failure = ("there is no such file", "Check the path after -c, or run elconsole init.")
    except OSError as error:
        failure = (f"can't be read: {error.strerror}", "Make it readable, or name another with -c.")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        failure = (f"is not UTF-8 text (line {line})", "Save it as UTF-8.")
    except tomllib.TOMLDecodeError as error:
        failure = (f"is not valid TOML: {clean_text(error, 200)}", "Correct that line.")
    except RecursionError:
        failure = ("is nested too deeply", "Write it flatter.")
    raise ConfigurationError(f"{path}: {failure[0]}", hint=failure[1])


def is_reference(value: object) -> bool:
    """Whether a value is a `${NAME}` and nothing else, so that no word of it stands there."""
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return found is not None and found[1] is not None


def references(values: Mapping[str, Any], path: Key = ()) -> Iterator[tuple[Key, Any]]:
    """The settings of a file that have a `${NAME}` somewhere, and what stands there. A shell's
    commands are its own."""
    for key, held in values.items():
        here = (*path, key)
        if here[0] == "notify" and here[-1] != "ping_url" and len(here) > 1:
            continue
        if isinstance(held, Mapping):
            yield from references(held, here)
        elif _has_reference(held):
            yield here, held


def _has_reference(held: object) -> bool:
    if isinstance(held, list):
        return any(map(_has_reference, held))
    return isinstance(held, str) and any(found[1] for found in _REFERENCE.finditer(held))


def fill_in(layer: Layer, variables: Mapping[str, str]) -> list[Problem]:
    """Put the environment's words in place of each `${NAME}` of a file's values; `$${` spells
    `${`. What is wrong with them."""
    wrong: list[Problem] = []
    layer.written = dict(references(layer.values))

    def words(text: str, path: Key) -> str:
        def word(found: re.Match[str]) -> str:
            name = found[1]
            if name is None:
                return "${"
            if name not in variables:
                hint = f"Set {name}, or write $${{ for a plain ${{."
                wrong.append(Problem(path, f"the environment has no {name}", hint))
            if path[-1] in (*SECRET_KEYS, "password_command"):
                layer.secret_names.add(name)
            return variables.get(name, "")

        return _REFERENCE.sub(word, text)

    def dsn(held: str, path: Key) -> str:
        with suppress(ValueError):
            return filled_dsn(held, lambda text: words(text, path))
        hint = 'Write it as the value of a keyword, or alone: dsn = "${NAME}".'
        wrong.append(Problem(path, "has ${…} where it is no value", hint))
        return held

    def value(held: Any, path: Key) -> Any:
        if path[0] == "notify" and path[-1] != "ping_url" and len(path) > 1:
            return held
        if path[-1] == "dsn" and _has_reference(held) and not is_reference(held):
            return dsn(held, path)
        if isinstance(held, str):
            return words(held, path)
        if isinstance(held, list):
            return [value(one, path) for one in held]
        if isinstance(held, dict):
            return {key: value(one, (*path, key)) for key, one in held.items()}
        return held

    layer.values = {key: value(held, (key,)) for key, held in layer.values.items()}
    return wrong


def environment_layer(
    variables: Mapping[str, str],
    origin: str,
    known: Mapping[str, Any],
    written: Mapping[str, str] | None = None,
) -> tuple[Layer, list[Problem]]:
    """The layer that `ELCONSOLE_…` variables make, and what is wrong with them.

    `known` are the lower layers' values: their names of sources and tables are
    recognised in any case. `origin` is `environment` or the file's name, `written` what
    stands there of variables that others were filled into.
    """
    layer = Layer(origin, {})
    wrong: list[Problem] = []
    ours = [name for name in variables if name.upper().startswith(PREFIX)]
    # Blocks given whole, as JSON, lie under the single keys; capitals win over small letters.
    for name in sorted(ours, key=lambda n: (n.count("__"), n.upper(), n == n.upper())):
        shown = f"{origin} {name}" if origin == "environment" else origin
        parts = name[len(PREFIX) :].split("__")
        found = _locate(parts, Settings, [known, layer.values])
        if found is None:
            wrong.append(_unknown_variable(name, origin, [known, layer.values]))
            continue
        path, node = found
        try:
            value = _decode(variables[name], node, path)
        except ValueError as error:
            wrong.append(Problem((shown,), str(error), f"Correct or unset {clean_text(name)}."))
            continue
        _put(layer, path, value, shown)
        if written and name in written:
            layer.written[path] = written[name]
    return layer, wrong


def _locate(
    parts: list[str], node: Node, known: list[Mapping[str, Any]]
) -> tuple[Key, Node] | None:
    """The setting that a variable's parts name, by the names that exist where there are any."""
    if not parts:
        return (), node
    if isinstance(node, Leaf) or not parts[0]:
        return None
    if isinstance(node, Named):
        names = [name for block in known for name in block]
        for length in range(len(parts), 0, -1):
            name = _same_name("__".join(parts[:length]), names)
            if name is not None or length == 1:
                break
        name = name if name is not None else parts[0].lower()
    else:
        length, name = 1, parts[0].lower()
    below = child(node, name)
    if below is None:
        return None
    inner = [b for block in known if isinstance(b := block.get(name), Mapping)]
    rest = _locate(parts[length:], below, inner)
    return None if rest is None else ((name, *rest[0]), rest[1])


def _same_name(written: str, names: Iterable[str]) -> str | None:
    """The existing name that a variable can only write in its own way."""

    def plain(name: str) -> str:
        return name.casefold().replace("-", "_").replace(".", "_")

    names = list(names)
    for same in (str, str.casefold, plain):
        for name in names:
            if same(name) == same(written):
                return name
    return None


def _decode(text: str, node: Node, path: Key) -> Any:
    if isinstance(node, Leaf):
        if not node.many:
            return text
        if text.lstrip().startswith("["):
            return _json(text, list)
        # Commands hold commas of their own.
        parts = [text] if path[0] == "notify" else text.split(",")
        return [part.strip() for part in parts if part.strip()]
    return _json(text, dict)


def _json(text: str, kind: type) -> Any:
    wanted = "a JSON array or names with commas between" if kind is list else "a JSON object"
    value = None
    # The text may hold a secret: json's message about it goes no further.
    with suppress(ValueError, RecursionError):
        value = json.loads(text)
    if not isinstance(value, kind):
        raise ValueError(f"must be {wanted}")
    return value


def _put(layer: Layer, path: Key, value: Any, origin: str) -> None:
    block = layer.values
    for key in path[:-1]:
        block = block.setdefault(key, {})
        if not isinstance(block, dict):
            return
    block[path[-1]] = value
    layer.origins[path] = origin


def _unknown_variable(name: str, shown: str, known: list[Mapping[str, Any]]) -> Problem:
    parts = name[len(PREFIX) :].split("__")
    names: dict[str, dict[str, Any]] = {n: {} for block in known for n in block.get("sources", {})}
    if len(parts) > 2 and parts[0].upper() == "SOURCES":
        table: dict[str, Any] = (
            {parts[3]: {}} if len(parts) > 4 and parts[2].upper() == "TABLE" else {}
        )
        names.setdefault(parts[1].lower(), {}).update({"table": table})
    candidates = [PREFIX + "__".join(path).upper() for path in setting_paths({"sources": names})]
    close = nearest(name, candidates)
    hint = f"Did you mean {clean_text(close)}?" if close else "elconsole config lists the settings."
    return Problem((shown,), f"unknown variable {clean_text(name, 120)}", hint)


def nest(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Command-line values as a layer: dotted keys unfolded, None left out."""
    values: dict[str, Any] = {}
    for key, value in overrides.items():
        if value is None:
            continue
        *blocks, last = key.split(".")
        target = values
        for block in blocks:
            target = target.setdefault(block, {})
        inner = nest_block(value) if isinstance(value, Mapping) else value
        held = target.get(last)
        if isinstance(held, dict) and isinstance(inner, dict):
            held.update(inner)
        else:
            target[last] = inner
    return values


def nest_block(block: Mapping[str, Any]) -> dict[str, Any]:
    """A nested block without its None values."""
    return {
        key: nest_block(value) if isinstance(value, Mapping) else value
        for key, value in block.items()
        if value is not None
    }
