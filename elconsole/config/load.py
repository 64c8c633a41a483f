"""Load the settings: command line over environment over `.env` over TOML over defaults.

`load_settings` is the one way in; the models are re-exported for those who take
settings as an argument.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import field
from pathlib import Path
from typing import Any

from elconsole.config.contradictions import idle_settings, validated
from elconsole.config.defaults import plant_values
from elconsole.config.fields import duration_seconds
from elconsole.config.found import (
    FoundFile,
    OurVariables,
    names_ours,
    others_can_write,
    our_variables,
    read_found,
    told_to_others,
)
from elconsole.config.keys import Key, Problem, dotted, nearest, problems, problems_error
from elconsole.config.layers import (
    COMMAND_LINE,
    DEFAULT,
    PREFIX,
    PROFILE_VARIABLE,
    Layer,
    Merged,
    config_locations,
    environment_layer,
    fill_in,
    nest,
    read_toml,
    references,
    working_folder,
)
from elconsole.config.models import (
    ChecksSettings,
    ConnectionSettings,
    NotifySettings,
    QualitySettings,
    Settings,
    SourceSettings,
    TableSettings,
    WarehouseSettings,
)
from elconsole.config.passwords import PASSWORD_KEYS
from elconsole.config.patterns import is_glob, table_matches
from elconsole.core.errors import ConfigurationError
from elconsole.core.record import record
from elconsole.core.safe_text import clean_text

__all__ = [
    "ChecksSettings",
    "ConnectionSettings",
    "LoadedSettings",
    "NotifySettings",
    "QualitySettings",
    "Settings",
    "SourceSettings",
    "TableSettings",
    "WarehouseSettings",
    "config_locations",
    "duration_seconds",
    "is_glob",
    "load_settings",
    "table_matches",
]

Met = tuple[FoundFile, Layer]
"""A file of the working folder, and a layer of it."""
ADDRESSES = frozenset({"host", "port", "dbname", "dsn"})
"""What a source without a layer below must have one of."""


@record(frozen=True, slots=True)
class LoadedSettings:
    """The settings in force and where each came from."""

    settings: Settings
    origins: dict[str, str]
    """By dotted key: `default`, `environment ELCONSOLE_…`, `.env`, a file, `command line`."""
    warnings: tuple[str, ...] = ()
    """What the user should hear once: a readable secret, a setting without effect."""
    files: tuple[Path, ...] = ()
    """Every file looked for, present or not."""
    config_file: Path | None = None
    """The TOML file in use."""
    used: tuple[Path, ...] = ()
    """Every file in use, `.env` too."""
    met: tuple[Path, ...] = ()
    """Those of them that merely stand in the working folder."""
    written: dict[str, Any] = field(default_factory=dict)
    """By dotted key, what stands in a file of settings that words of the environment were
    filled into: those are not shown."""
    secret_names: frozenset[str] = frozenset()
    """Variables of the environment that were filled into secrets: commands see none of them."""

    def origin_of(self, path: Key) -> str:
        """Where a setting comes from; a list's or a block's entry from what holds it."""
        for length in range(len(path), 0, -1):
            origin = self.origins.get(dotted(path[:length]))
            if origin:
                return origin
        return DEFAULT


def load_settings(
    config_file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    profile: str | None = None,
) -> LoadedSettings:
    """Read every layer, merge them key by key and validate the result.

    `overrides` is the command line: nested or with dotted keys, None meaning not given.
    `profile` names a `[profiles.NAME]` of the file, which lies over the rest of it; None
    leaves that to ELCONSOLE_PROFILE, of the environment or `.env`; an empty one means none.
    Raises ConfigurationError naming the key, where it stands and what to do.
    """
    warnings: list[str] = []
    places = (config_file,) if config_file else config_locations(cwd)
    chosen = config_file or next((place for place in places if place.is_file()), None)
    merged = Merged()
    merged.add(Layer(DEFAULT, plant_values()))
    variables = dict(os.environ if environ is None else environ)
    here = cwd or working_folder()
    dotenvs = (here / ".env",) if here else ()
    read = [one for dotenv in dotenvs if (one := _read_dotenv(dotenv, warnings, variables))]
    of_environment = variables.pop(PROFILE_VARIABLE, None)
    profile = of_environment if profile is None else profile
    choosing = [one for one in read if one.profile and profile is None]
    profile = (choosing[0].profile if choosing else profile) or None
    to_trust: list[Met] = []
    own = Merged()
    if chosen:
        met = not (config_file is not None or chosen.parent != here or _is_chosen(chosen))
        for one in [] if met else choosing:
            one.require_trust_to_choose()
        to_trust += _add_file(merged, chosen, warnings, variables, profile, met=met)
        own = _of_user(places[-1]) if met else deepcopy(merged)
    elif profile:
        raise ConfigurationError(
            f"there is no file with a profile {clean_text(profile)}",
            hint=f"name it with -c; looked for: {', '.join(map(str, places))}",
        )
    used = ((chosen,) if chosen else ()) + tuple(one.file.path for one in read)
    for one in read:
        to_trust += _add_dotenv(merged, one, warnings, variables)
    _add_checked(merged, _variables_layer(merged, variables, "environment"))
    _add_checked(merged, Layer(COMMAND_LINE, nest(overrides or {})))
    _require_trust_to_borrow(to_trust, merged, own, variables)
    settings = validated(merged)
    warnings += _passwords_left_behind(merged)
    warnings += idle_settings(settings)
    return LoadedSettings(
        settings,
        {dotted(path): origin for path, origin in merged.origins.items()},
        tuple(warnings),
        (*places, *dotenvs),
        chosen,
        used,
        tuple(dict.fromkeys(file.path for file, _ in to_trust)),
        {dotted(path): text for path, text in merged.written.items()},
        frozenset(merged.secret_names),
    )


def _is_chosen(path: Path) -> bool:
    """Whether a file of the working folder stands in the user's configuration folder."""
    return path.parent.resolve() == config_locations(path.parent)[-1].parent.resolve()


def _add_file(
    merged: Merged,
    path: Path,
    warnings: list[str],
    variables: Mapping[str, str],
    profile: str | None,
    *,
    met: bool,
) -> list[Met]:
    """Lay a TOML file over the defaults, and one of its profiles over it; what of it needs
    trust where, by `met`, it merely stands in the working folder."""
    found: list[FoundFile] = []

    def read() -> bytes:
        found.append(read_found(path))
        found[0].require_own()
        return found[0].content

    whole = read_toml(path, read if met else path.read_bytes)
    stranger = None if met else others_can_write(path)
    if stranger:
        warnings.append(f"{path} decides where passwords go, and {stranger}")
    warnings += told_to_others(path, whole.values)
    met_values: list[Met] = []
    for layer in _with_profile(whole, profile):
        wrong = problems(layer.values)
        if not wrong:
            # Before anything of the environment stands in a value, which an error might repeat.
            names = [dotted(key) for key, _ in references(layer.values)]
            if found or stranger:
                _require_trust(found[0] if found else path, layer.values, names, variables)
            wrong = fill_in(layer, variables)
        if wrong:
            raise problems_error(wrong, layer.origin_of)
        if layer.values.get("sources"):
            _replace_plant(merged)
        merged.add(layer)
        met_values += [(file, layer) for file in found]
    return met_values


def _replace_plant(merged: Merged) -> None:
    """Forget the default sources, if they are still there: somebody names their own."""
    if merged.origin_of(("sources",)) == DEFAULT:
        merged.drop(("sources",))
        merged.drop(("name",))


def _with_profile(layer: Layer, profile: str | None) -> tuple[Layer, ...]:
    """A file's own layer, and the profile's over it. Each profile is checked, asked for or not."""
    profiles = layer.values.pop("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(p, dict) for p in profiles.values()):
        wrong = Problem(("profiles",), "must be blocks", "Write [profiles.NAME].")
        raise problems_error([wrong], layer.origin_of)
    for name, values in profiles.items():
        found = [
            Problem(("profiles", name, *one.path), one.message, one.hint)
            for one in problems(values)
        ]
        if found:
            raise problems_error(found, layer.origin_of)
    if profile is None:
        return (layer,)
    if profile not in profiles:
        near = nearest(profile, list(profiles))
        listed = f"its profiles are {', '.join(profiles)}" if profiles else "it has no profiles"
        raise ConfigurationError(
            f"{layer.origin} has no profile {clean_text(profile)}",
            hint=f"did you mean {near}?" if near else clean_text(listed),
        )
    origin = f"{layer.origin} [{dotted(('profiles', profile))}]"
    return (layer, Layer(origin, profiles[profile]))


@record(frozen=True, slots=True)
class _Dotenv:
    """A `.env` file that says something to us."""

    file: FoundFile
    met: bool
    """Whether it merely stands in the working folder."""
    ours: OurVariables
    profile: str | None

    def require_trust_to_choose(self) -> None:
        """Raise ConfigurationError where it is not trusted: a folder does not say which profile
        of the user's own file is meant."""
        from elconsole.config.trust import require_trust

        if self.met:
            require_trust(self.file, (f"the profile {clean_text(self.profile, 60)}",))


def _read_dotenv(path: Path, warnings: list[str], environ: Mapping[str, str]) -> _Dotenv | None:
    """What a `.env` file says to us; None where that is nothing."""
    if not path.is_file():
        return None
    try:
        file = read_found(path)
        if not names_ours(file.content, PREFIX):
            return None
        # Nobody else's file is worth any work.
        file.require_own()
        ours = our_variables(file.content, PREFIX, environ)
    except OSError as error:
        warnings.append(f"{path} is left out: it can't be read ({error.strerror}).")
        return None
    except ValueError as error:
        warnings.append(f"{path} is left out: {error}.")
        return None
    if ours.values and ours.wrong_lines:
        warnings.append(f"{path}: line {ours.wrong_lines[0]} is no NAME=value and is left out.")
    profile = ours.values.pop(PROFILE_VARIABLE, None)
    if not ours.values and profile is None:
        return None
    return _Dotenv(file, not _is_chosen(path), ours, profile)


def _add_dotenv(
    merged: Merged, dotenv: _Dotenv, warnings: list[str], environ: Mapping[str, str]
) -> list[Met]:
    """Lay our variables of a `.env` file over the layers below; it itself, as above."""
    file, ours = dotenv.file, dotenv.ours
    if dotenv.met:
        plain, _ = environment_layer({**ours.values, **ours.written}, ".env", merged.values)
        _require_trust(file, plain.values, ours.written, environ)
    layer = _variables_layer(merged, ours.values, ".env", ours.written)
    layer.secret_names |= ours.secret_names
    _add_checked(merged, layer)
    warnings += told_to_others(file.path, layer.values)
    return [(file, layer)] if dotenv.met else []


def _require_trust(
    file: FoundFile | Path,
    values: Mapping[str, Any],
    filled: Iterable[str],
    variables: Mapping[str, str],
) -> None:
    """Raise ConfigurationError where a file of the working folder would run something, lead a
    password astray, or take words of the environment: the names in `filled`. A path is that of
    a chosen file, which others can write."""
    from elconsole.config.trust import refuse, require_trust, wanted

    words = wanted(values, filled, variables)
    require_trust(file, words) if isinstance(file, FoundFile) else refuse(file, words)


def _require_trust_to_borrow(
    files: list[Met], merged: Merged, own: Merged, variables: Mapping[str, str]
) -> None:
    """Raise ConfigurationError where one would be sent a password from above it. `own` is what
    the user's own file says."""
    if not files:
        return
    from elconsole.config.trust import borrowed, require_trust

    met = {layer.origin: file for file, layer in files}
    for file, words in borrowed(merged, own, met, variables):
        require_trust(file, (words,))


def _of_user(path: Path) -> Merged:
    """What the user's own file says, in whose place one of the working folder is read."""
    own = Merged()
    with suppress(ConfigurationError):
        if path.is_file():
            own.add(read_toml(path, path.read_bytes))
    return own


def _variables_layer(
    merged: Merged,
    variables: Mapping[str, str],
    origin: str,
    written: Mapping[str, str] | None = None,
) -> Layer:
    layer, wrong = environment_layer(variables, origin, merged.values, written)
    if wrong:
        raise problems_error(wrong, None)
    _make_way(merged, layer)
    sourceless = _new_sources_without_address(merged, layer)
    if sourceless:
        raise problems_error(sourceless, layer.origin_of)
    return layer


def _add_checked(merged: Merged, layer: Layer) -> None:
    found = problems(layer.values)
    if found:
        raise problems_error(found, layer.origin_of)
    _make_way(merged, layer)
    merged.add(layer)


def _make_way(merged: Merged, layer: Layer) -> None:
    """Forget the default sources where a layer leads to one that the pen plant does not have."""
    plant = plant_values()["sources"]
    named = layer.values.get("sources", {})
    if any(name not in plant and ADDRESSES & block.keys() for name, block in named.items()):
        _replace_plant(merged)


def _new_sources_without_address(merged: Merged, layer: Layer) -> list[Problem]:
    """A variable with a mistyped source name would make a source of nothing but a password."""
    known = merged.values.get("sources", {})
    found = []
    for name, block in layer.values.get("sources", {}).items():
        if name in known or ADDRESSES & block.keys():
            continue
        close = nearest(name, list(known))
        key = next(iter(block), "")
        hint = (
            f"Did you mean {dotted(('sources', close, key))}?"
            if close
            else f"Set {dotted(('sources', name, 'dbname'))} too. Sources: {', '.join(known)}."
        )
        found.append(Problem(("sources", name, key), "names a source without an address", hint))
    return found


def _passwords_left_behind(merged: Merged) -> Iterator[str]:
    """Passwords that the user may miss: a higher layer names another address for them."""
    for path, origin in merged.left_behind.items():
        block: Any = merged.values
        for key in path:
            block = block.get(key, {})
        if not any(key in block for key in PASSWORD_KEYS):
            places = (merged.origins.get((*path, key)) for key in ("host", "port"))
            mover = next((place for place in places if place not in (None, origin)), "a layer")
            yield (
                f"{dotted(path)}: the password in {origin} is for another address than the one "
                f"that {mover} names, and is not sent there: set it beside the address."
            )
