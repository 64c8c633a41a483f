"""Databases of different encodings on either side."""

from __future__ import annotations

import threading

import pytest

from elconsole.core.results import SyncRequest
from tests.conftest import MakeLink
from tests.link import by_table, only

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("source", ["UTF8", "LATIN1"])
@pytest.mark.parametrize("warehouse", ["UTF8", "LATIN1"])
def test_texts_arrive_between_encodings(make_link: MakeLink, source: str, warehouse: str) -> None:
    link = make_link(source_encoding=source, warehouse_encoding=warehouse)
    link.source.sql(
        'CREATE TYPE hue AS ENUM (\'vert é\'); CREATE TABLE "prés" ("clé" text PRIMARY KEY, h hue);'
        "INSERT INTO \"prés\" VALUES ('déjà vu ÿ', 'vert é')"
    )
    for _ in range(2):
        link.synced()
    assert link.warehouse.sql('SELECT "clé", h, length("clé") FROM raw."prés"') == [
        ("déjà vu ÿ", "vert é", 9)
    ]


def test_a_character_the_warehouse_lacks_fails_its_table_with_the_reason(
    make_link: MakeLink,
) -> None:
    link = make_link(warehouse_encoding="LATIN1")
    link.source.sql(
        "CREATE TABLE plain (t text); INSERT INTO plain VALUES ('é');"
        "CREATE TABLE exotic (t text); INSERT INTO exotic VALUES ('日本')"
    )
    tables = by_table(link.sync())
    assert tables["plain"].status == "succeeded"
    error = tables["exotic"].error
    assert error is not None
    assert error.sqlstate == "22P05"
    assert error.hint == "the warehouse's encoding lacks this character; use a UTF8 warehouse"
    assert link.warehouse.scalar("SELECT to_regclass('raw.exotic')") is None


def test_a_refused_row_stops_the_copy_at_once(make_link: MakeLink) -> None:
    link = make_link(warehouse_encoding="LATIN1")
    link.source.sql(
        "CREATE VIEW t AS SELECT CASE WHEN i = 1 THEN '日' ELSE repeat('x', 1000) END AS v"
        " FROM generate_series(1, 100000) i"
    )
    link.tables["plant"] = ["t"]
    table = only(link.sync(retries=0))
    assert table.error is not None
    assert table.error.sqlstate == "22P05"
    assert table.bytes < 50_000_000


def test_a_name_the_warehouse_cannot_spell_fails_its_table_alone(make_link: MakeLink) -> None:
    link = make_link(warehouse_encoding="LATIN1")
    link.source.sql(
        "CREATE TABLE plain (t text); INSERT INTO plain VALUES ('é');"
        'CREATE TABLE "表" (t text); CREATE TABLE columned ("列" text)'
    )
    detail = link.sync()
    tables = by_table(detail)
    assert tables["plain"].status == "succeeded"
    assert len(tables) == 3
    for name, table in tables.items():
        if name != "plain":
            assert table.status == "failed"
            assert table.error is not None
            assert "LATIN1" in table.error.message
    assert len(link.engine().run(detail.run.run_id).tables) == 3


@pytest.mark.parametrize("side", ["source", "warehouse"])
def test_sql_ascii_is_refused_with_the_reason(make_link: MakeLink, side: str) -> None:
    link = (
        make_link(source_encoding="SQL_ASCII")
        if side == "source"
        else make_link(warehouse_encoding="SQL_ASCII")
    )
    link.source.sql("CREATE TABLE t (id int)")
    detail = link.engine().sync(SyncRequest(), emit=link.events.append, stop=threading.Event())
    error = only(detail).error
    assert error is not None
    assert error.kind == "unsupported_server"
    assert "SQL_ASCII" in error.message
