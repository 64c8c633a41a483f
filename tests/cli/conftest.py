"""What every test of the command line stands on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from elconsole.core.invocation import started_with


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty working directory and home, a capable terminal, and no options of a start."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "TEXTUAL_DRIVER"):
        monkeypatch.delenv(name, raising=False)
    yield
    started_with(())
