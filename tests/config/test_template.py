"""The file that `init` writes is right about every key, and `config` hides every secret."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from elconsole.config.defaults import plant_values
from elconsole.config.keys import problems, setting_paths
from elconsole.config.load import Settings, load_settings
from elconsole.config.template import TEMPLATE, effective, write_template
from elconsole.core.errors import UsageError

pytestmark = pytest.mark.unit

UNCOMMENTED = re.sub(r"(?m)^#(?=[\[a-z])", "", TEMPLATE)


def test_the_template_as_written_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "elconsole.toml"
    write_template(path)
    assert tomllib.loads(path.read_text("utf-8")) == {}
    loaded = load_settings(path, environ={}, cwd=tmp_path)
    assert loaded.settings == Settings()
    assert loaded.warnings == ()


def test_every_commented_key_is_a_real_setting_and_loads(tmp_path: Path) -> None:
    path = tmp_path / "all.toml"
    # Of the ways to give a password one may be used.
    lines = UNCOMMENTED.splitlines()
    used = [line for line in lines if not line.startswith(("password_file", "password_command"))]
    path.write_text("\n".join(used), encoding="utf-8")
    path.chmod(0o600)
    values = tomllib.loads(UNCOMMENTED)
    assert problems(values) == []
    loaded = load_settings(path, environ={}, cwd=tmp_path)
    assert loaded.settings.sources["refills"].table_settings("public", "refills_production").cursor
    assert loaded.warnings == ()


def test_the_template_shows_every_setting() -> None:
    written = _keys(tomllib.loads(UNCOMMENTED))
    every = setting_paths({"sources": {"x": {"table": {"t": {}}}}})
    assert len(every) > 50
    assert {path[-1] for path in every} - {"t", "x"} <= written


def _keys(block: dict[str, object]) -> set[str]:
    found: set[str] = set()
    for key, value in block.items():
        found.add(key)
        if isinstance(value, dict):
            found |= _keys(value)
    return found


def test_the_templates_defaults_are_the_defaults() -> None:
    values = tomllib.loads(UNCOMMENTED)
    settings = Settings()
    for key in ("name", "auto_sync", "workers", "connect_timeout", "stall_timeout", "retries"):
        assert values[key] == getattr(settings, key)
    for key in ("degraded_ms", "lock_wait"):
        assert values[key] == getattr(settings, key)
    plant = plant_values()
    warehouse = {k: v for k, v in values["warehouse"].items() if k in plant["warehouse"]}
    assert warehouse == plant["warehouse"]
    refills = plant["sources"]["refills"]
    for key in ("host", "port", "dbname", "user", "password", "tables"):
        assert values["sources"]["refills"][key] == refills[key]


def test_the_template_is_for_its_owner_alone_and_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "elconsole.toml"
    write_template(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        write_template(path)
    assert path.read_text() == "mine"
    link = tmp_path / "link.toml"
    link.symlink_to(tmp_path / "nowhere.toml")
    with pytest.raises(UsageError, match="exists already"):
        write_template(link)
    assert not (tmp_path / "nowhere.toml").exists()
    with pytest.raises(UsageError, match="can't be written"):
        write_template(path / "below.toml")


def test_config_names_value_and_origin_of_every_setting(tmp_path: Path) -> None:
    path = tmp_path / "elconsole.toml"
    path.write_text("workers = 7\n[notify]\non_failure=['a','b']\n")
    loaded = load_settings(
        path, {"retries": 1}, environ={"ELCONSOLE_WAREHOUSE__PORT": "1"}, cwd=tmp_path
    )
    listing = {key: (value, origin) for key, value, origin in effective(loaded)}
    assert listing["workers"] == ("7", str(path))
    assert listing["retries"] == ("1", "command line")
    assert listing["warehouse.port"] == ("1", "environment ELCONSOLE_WAREHOUSE__PORT")
    assert listing["warehouse.schema"] == ("raw", "default")
    assert listing["warehouse.password"] == ("**********", "default")
    assert listing["connect_timeout"] == ("10", "default")
    assert listing["notify.on_failure"] == ("[a, b]", str(path))
    assert listing["checks.zero_rows"] == ("false", "default")
    assert listing["sources.refills.table.refills_production.quality.by"] == (
        "[line_id, ink_color]",
        "default",
    )
    assert "hash_salt" not in listing


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:hunter2@h:1/d?sslpassword=hunter2",
        "host=h password='hunter2 \\' x' sslpassword=hunter2",
    ],
)
def test_config_masks_every_secret_even_inside_a_dsn(tmp_path: Path, dsn: str) -> None:
    environ = {
        "ELCONSOLE_WAREHOUSE__DSN": dsn,
        "ELCONSOLE_HASH_SALT": "hunter2",
        "ELCONSOLE_SOURCES__REFILLS__PASSWORD": "hunter2",
        "ELCONSOLE_NOTIFY__PING_URL": "https://me:hunter2@hc.example.com/x",
        "ELCONSOLE_NOTIFY__ON_FAILURE": "tell --password=hunter2 ops",
    }
    listing = effective(load_settings(environ=environ, cwd=tmp_path))
    assert "hunter2" not in repr(listing)
    shown = {key: value for key, value, _ in listing}
    assert "host=h" in shown["warehouse.dsn"]
    assert "password=**********" in shown["warehouse.dsn"]
    assert shown["hash_salt"] == "**********"


def test_a_list_given_inside_a_block_has_that_blocks_origin(tmp_path: Path) -> None:
    environ = {"ELCONSOLE_SOURCES__REFILLS": '{"tables": ["a"], "table": {"a.b": {"where": "x"}}}'}
    listing = effective(load_settings(environ=environ, cwd=tmp_path))
    origins = {key: origin for key, _, origin in listing}
    assert origins["sources.refills.tables"] == "environment ELCONSOLE_SOURCES__REFILLS"
    assert origins['sources.refills.table."a.b".where'].startswith("environment")
