"""`sync --retry`: only what a run left undone."""

from __future__ import annotations

import io
import threading

import pytest

from elconsole.core.results import SyncRequest
from elconsole.headless.sync import remaining
from elconsole.report.streams import Output
from tests.link import Link, by_table

pytestmark = pytest.mark.integration


@pytest.fixture
def plant(link: Link) -> Link:
    """Three tables, of which two can't be read; one has an odd name."""
    link.source.sql(
        "CREATE TABLE good (id int PRIMARY KEY); CREATE TABLE bad (id int PRIMARY KEY);"
        'CREATE TABLE "o.d[d]" (id int PRIMARY KEY)'
    )
    link.grant(link.settings())
    link.grants_wanted = False
    deny(link, "REVOKE", "FROM")
    return link


def deny(link: Link, verb: str, whom: str) -> None:
    role = link.roles[link.name]
    link.source.sql(f'{verb} SELECT ON bad, "o.d[d]" {whom} "{role}"')


def left(link: Link, run: str = "last") -> tuple[str, ...]:
    engine = link.engine()
    request = remaining(engine, SyncRequest(), engine.run(run), Output(stderr=io.StringIO()))
    return request.selection if request else ()


def test_only_what_did_not_succeed_is_synced_again(plant: Link) -> None:
    assert {t.table: t.status for t in plant.sync().tables} == {
        "good": "succeeded",
        "bad": "failed",
        "o.d[d]": "failed",
    }
    deny(plant, "GRANT", "TO")
    selection = left(plant)
    detail = plant.engine().sync(
        SyncRequest(selection), emit=lambda _event: None, stop=threading.Event()
    )
    assert {t.table: t.status for t in detail.tables} == {
        "bad": "succeeded",
        "o.d[d]": "succeeded",
    }
    assert left(plant, "1") == selection
    assert left(plant) == ()


def test_a_table_called_like_a_pattern_is_retried_alone(link: Link) -> None:
    link.source.sql('CREATE TABLE big (id int); CREATE TABLE "b?g" (id int)')
    link.grant(link.settings())
    link.grants_wanted = False
    link.source.sql(f'REVOKE SELECT ON "b?g" FROM "{link.roles[link.name]}"')
    assert by_table(link.sync())["b?g"].status == "failed"
    assert left(link) == ("plant.b[?]g",)


def test_a_source_of_which_no_table_was_known_is_retried_whole(plant: Link) -> None:
    plant.tables[plant.name] = ["good", "nothing_*"]
    assert by_table(plant.sync())["nothing_*"].status == "failed"
    assert left(plant) == (plant.name,)


def test_a_source_that_settings_no_longer_name_is_told(plant: Link) -> None:
    plant.sync()
    plant.sources["other"] = plant.sources.pop(plant.name)
    plant.roles["other"] = plant.roles["plant"]
    stderr = io.StringIO()
    engine = plant.engine()
    assert remaining(engine, SyncRequest(), engine.run("last"), Output(stderr=stderr)) is None
    assert "its source is not configured any more" in stderr.getvalue()
