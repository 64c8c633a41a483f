"""Making a database cluster, and what the server's programs are told and say."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from elconsole.core.errors import DemoUnavailable
from elconsole.demo.account import Account
from elconsole.demo.installation import Installation

SUPERUSER = "postgres"


def make_cluster(draft: Path, installation: Installation, account: Account) -> None:
    """Run initdb: UTF8, the C locale, nobody let in but by peer."""
    command = [
        installation.program("initdb"),
        f"--pgdata={draft}",
        f"--username={SUPERUSER}",
        "--encoding=UTF8",
        "--locale=C",
        "--auth-local=peer",
        "--auth-host=reject",
        "--no-sync",
        "--no-instructions",
    ]
    account.own(draft, 0o700)
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        env=environment(),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        user=account.uid if account.borrowed else None,
        group=account.gid if account.borrowed else None,
        extra_groups=[] if account.borrowed else None,
    )
    if result.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise DemoUnavailable(
            f"initdb could not make a database cluster in {draft.parent}: "
            f"{last_line(result.stderr or result.stdout)}",
            hint="set XDG_DATA_HOME to a folder where this user may keep 200 MB",
        )


def environment() -> dict[str, str]:
    """Nothing of the caller's: PGDATA, PGOPTIONS or a locale must not reach the server."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def last_line(text: str) -> str:
    """The line of a server's output that says what is wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error:" in line or "PANIC" in line]
    return (telling or lines or ["it said nothing"])[-1]
