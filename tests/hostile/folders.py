"""What hostile tests put into folders: settings that reach nobody, code that leaves a mark."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

NOBODY = 65534
"""Another user's number, of whom nothing else is needed."""
UNREACHABLE = """\
retries = 0
connect_timeout = 2
[warehouse]
host = "127.0.0.1"
port = 1
[sources.paint]
host = "127.0.0.1"
port = 1
"""
"""A sync with these settings ends at once, with 3."""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    """A file with exactly this mode; its folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def user_settings(home: Path, text: str) -> Path:
    """The file in the user's own configuration folder."""
    return write(home / ".config" / "elconsole" / "elconsole.toml", text)


def marking(mark: Path) -> str:
    """Python code that leaves a mark when it is run."""
    return f"import pathlib; pathlib.Path({str(mark)!r}).touch()\n"
