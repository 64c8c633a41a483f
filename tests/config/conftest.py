"""Settings loaded from a folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elconsole.config.load import (
    LoadedSettings,
    load_settings,
)

Load = Callable[..., LoadedSettings]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads from a folder of the test's own, with nothing of this machine in it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))

    def load_from(
        toml: str | None = None,
        dotenv: str | None = None,
        environ: dict[str, str] | None = None,
        overrides: dict[str, Any] | None = None,
        config_file: Path | None = None,
    ) -> LoadedSettings:
        for name, text in (("elconsole.toml", toml), (".env", dotenv)):
            if text is not None:
                (tmp_path / name).write_text(text, encoding="utf-8")
                (tmp_path / name).chmod(0o600)
        return load_settings(config_file, overrides, environ=environ or {}, cwd=tmp_path)

    return load_from
