"""What the console writes into folders that others can reach."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from elconsole.ui.app.launch import write_crash
from elconsole.ui.console.themes import remember, remembered

pytestmark = pytest.mark.ui
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_crash_is_for_its_owner_alone_and_tells_no_password(tmp_path: Path) -> None:
    path = write_crash(ValueError("postgresql://u:s3cret@db/x"), tmp_path, NOW)
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "s3cret" not in path.read_text()


def test_a_crash_follows_no_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "crash-20260301-000000.log").symlink_to(elsewhere)
    assert write_crash(ValueError("\x1b]0;owned\x07no"), tmp_path, NOW) is None
    assert not elsewhere.exists()
    assert "\x1b" not in capsys.readouterr().err


def test_a_theme_is_kept_in_a_file_and_in_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "console.json"
    remember(place, "elconsole-light")
    assert remembered(place) == "elconsole-light"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    target = tmp_path / "target"
    target.write_text("kept")
    place.unlink()
    place.symlink_to(target)
    remember(place, "elconsole-dark")
    assert target.read_text() == "kept"
