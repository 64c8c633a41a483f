"""Every setting is read by the program: none is kept that changes nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from elconsole.config import models

pytestmark = pytest.mark.unit

PACKAGE = Path(models.__file__).parents[1]
MODELS = (
    models.QualitySettings,
    models.ChecksSettings,
    models.TableSettings,
    models.WarehouseSettings,
    models.SourceSettings,
    models.NotifySettings,
    models.Settings,
)
READ_BY_A_METHOD = {
    "SourceSettings.mode": "table_settings",
    "SourceSettings.strategy": "table_settings",
    "SourceSettings.lookback": "table_settings",
    "SourceSettings.deletes": "table_settings",
    "SourceSettings.on_view_conflict": "table_settings",
    "SourceSettings.table": "table_settings",
    "SourceSettings.exclude": "selects",
    "SourceSettings.tables": "selects",
    "Settings.auto_sync": "auto_sync_seconds",
    "Settings.keep_runs": "keep_runs_seconds",
    "Settings.checks": "table_checks",
    "TableSettings.checks": "table_checks",
    **{
        f"{model}.{key}": "resolved_parameters"
        for model in ("SourceSettings", "WarehouseSettings")
        for key in models.ConnectionSettings.model_fields
    },
}
"""Settings that the models combine with others; whoever needs them asks that method."""


def names_read() -> set[str]:
    """The attributes that modules outside `config` read."""
    return {
        node.attr
        for path in PACKAGE.rglob("*.py")
        if PACKAGE / "config" not in path.parents
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


@pytest.mark.slow
def test_every_setting_is_read_somewhere() -> None:
    read = names_read()
    unread = [
        key
        for model in MODELS
        for name in model.model_fields
        if READ_BY_A_METHOD.get(key := f"{model.__name__}.{name}", name) not in read
    ]
    assert unread == []
