"""The plug-in of the README, word for word: it vetoes, fails and observes."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from elconsole.config.load import Settings
from elconsole.core.results import RunDetail, SyncRequest
from elconsole.engine.service import PostgresEngine
from elconsole.plugins.hooks import Hooks
from tests.conftest import REPOSITORY, MakeFactory
from tests.postgres import Factory

pytestmark = pytest.mark.integration

NAME = "plugin_of_the_readme"


def readme_example() -> str:
    """The Python block of the README that defines hooks."""
    blocks = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    (example,) = [block for block in blocks if "def post_load" in block]
    return str(example)


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules can be imported until the test ends."""
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if name.startswith("plugin_"):
            del sys.modules[name]


def sync(factory: Factory, plugin: str = NAME) -> RunDetail:
    settings = Settings.model_validate({**factory.overrides(), "plugins": [plugin], "retries": 0})
    engine = PostgresEngine(settings)
    try:
        return engine.sync(SyncRequest(), emit=lambda event: None, stop=threading.Event())
    finally:
        engine.close()


@pytest.fixture
def example(modules: Path) -> None:
    (modules / f"{NAME}.py").write_text(readme_example())


@pytest.mark.usefixtures("example")
@pytest.mark.slow
def test_it_lets_healthy_tables_pass_and_tells_of_signals(
    make_factory: MakeFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    detail = sync(make_factory(20_000, sources=("bodies",)))
    assert detail.run.status == "succeeded"
    assert "LINE-BODIES-002 rule 1" in capsys.readouterr().out


@pytest.mark.usefixtures("example")
def test_it_skips_a_table_without_a_time(make_factory: MakeFactory) -> None:
    factory = make_factory(sources=("springs",))
    factory.sources["springs"].sql("ALTER TABLE springs_production DROP COLUMN timestamp CASCADE")
    (table,) = sync(factory).tables
    assert table.status == "skipped"
    assert table.error is not None
    assert "units without a time can't be judged" in table.error.message
    assert NAME in table.error.message


@pytest.mark.usefixtures("example")
def test_it_fails_a_table_before_anyone_sees_its_rows(make_factory: MakeFactory) -> None:
    factory = make_factory(sources=("springs", "bodies"))
    assert sync(factory).run.status == "succeeded"
    source = factory.sources["springs"]
    source.sql("ALTER TABLE springs_production ALTER COLUMN line_id DROP NOT NULL")
    source.sql("UPDATE springs_production SET line_id = NULL WHERE id <= 7")
    tables = {table.source: table for table in sync(factory).tables}
    assert tables["bodies"].status == "succeeded"
    assert tables["springs"].status == "failed"
    assert tables["springs"].error is not None
    assert "7 of 150 rows without a line" in tables["springs"].error.message
    query = "SELECT count(*) FROM raw.springs_production WHERE line_id IS NULL"
    assert factory.warehouse.scalar(query) == 0


BAD = {
    "raises": "raise RuntimeError('broken')",
    "exits": "raise SystemExit(3)",
    "hangs": "import time; time.sleep(600)",
    "hangs_in_a_query": "warehouse.query('SELECT pg_sleep(600)')",
}


@pytest.mark.parametrize("how", BAD)
@pytest.mark.slow
def test_one_that_misbehaves_fails_its_own_table_by_name_and_no_other(
    how: str, modules: Path, make_factory: MakeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"plugin_that_{how}"
    (modules / f"{name}.py").write_text(
        f"def post_load(task, warehouse):\n    if task.source == 'springs':\n        {BAD[how]}\n"
        f"def on_event(event):\n    raise RuntimeError('broken')\n"
    )
    monkeypatch.setitem(Hooks.load.__func__.__kwdefaults__, "timeout_s", 1.0)  # type: ignore[attr-defined]
    factory = make_factory(sources=("springs", "bodies"))
    tables = {table.source: table for table in sync(factory, name).tables}
    assert tables["bodies"].status == "succeeded"
    assert tables["springs"].status == "failed"
    assert tables["springs"].error is not None
    assert name in tables["springs"].error.message
    assert factory.warehouse.scalar("SELECT to_regclass('raw.springs_production')") is None
    assert factory.warehouse.scalar("SELECT count(*) FROM raw.bodies_production") == 100
