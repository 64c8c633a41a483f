"""One clock: a table's duration is the same in the result, the events, the ledger and the JSON."""

from __future__ import annotations

import threading
import time

import pytest

from elconsole.core.events import DataLoaded
from elconsole.core.results import SyncRequest
from elconsole.report import documents
from tests.link import Link, only

pytestmark = pytest.mark.integration
HELD_S = 3.0


@pytest.fixture
def plant(link: Link) -> Link:
    link.source.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    link.synced()
    return link


def test_a_duration_lasts_until_the_rows_are_published(plant: Link) -> None:
    """A reader holds up the swap, which is part of what the table took."""
    engine = plant.engine(lock_wait=20)
    with plant.warehouse.connect() as reader:
        reader.execute("BEGIN; SELECT FROM raw.t")
        closing = threading.Timer(HELD_S, reader.rollback)
        began = time.monotonic()
        closing.start()
        request, stop = SyncRequest(), threading.Event()
        table = only(engine.sync(request, emit=plant.events.append, stop=stop))
        took = time.monotonic() - began
        closing.join()
    assert table.load_seconds is not None
    assert table.extract_seconds is not None
    assert table.load_seconds > HELD_S * 0.25  # the sync begins while it is held
    assert table.extract_seconds + table.load_seconds <= table.duration_seconds <= took
    told = [event for event in plant.events if isinstance(event, DataLoaded)][-1]
    kept = only(engine.run("last"))
    for one in (told, kept):
        assert one.duration_seconds == table.duration_seconds
        assert one.extract_seconds == table.extract_seconds
        assert one.load_seconds == table.load_seconds


def test_a_run_says_where_its_rows_come_from_and_where_they_are(plant: Link) -> None:
    engine = plant.engine()
    detail = engine.sync(SyncRequest(), emit=plant.events.append, stop=threading.Event())
    source, warehouse = engine.connections()
    for one in (detail, engine.run("last")):
        content = documents.in_warehouse(documents.sync(one), engine.connections())
        (table,) = content["tables"]
        assert table["source_schema"] == "public"
        assert table["source_address"] == source.address
        parameters = plant.warehouse.params
        assert content["warehouse"] == {
            "host": parameters["host"],
            "port": int(parameters["port"]),
            "dbname": parameters["dbname"],
        }
    assert warehouse.dbname == plant.warehouse.name


def test_a_source_that_cannot_be_asked_has_an_address_and_perhaps_a_schema(plant: Link) -> None:
    plant.options[plant.name] = {"port": 1}
    plant.grants_wanted = False
    table = only(plant.sync())
    assert table.status == "failed"
    assert table.source_schema == "public"
    assert table.source_address is not None
    assert ":1/" in table.source_address
