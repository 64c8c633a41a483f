"""A table of very many partitions costs the others nothing, and is told what it needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeDatabase, MakeRole
from tests.link import Link, by_table
from tests.postgres import PostgresServer

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PARTITIONS = 1500
FEW_LOCKS = {
    "max_locks_per_transaction": "10",
    "max_connections": "15",
    "max_prepared_transactions": "0",
}


@pytest.fixture
def crowded(
    session_folder: Path, home: Path, make_database: MakeDatabase, make_role: MakeRole
) -> Iterator[Link]:
    """A source whose server has fewer locks than one of its tables has partitions."""
    folder = session_folder / f"locks-{home.name}"
    folder.mkdir()
    folder.chmod(0o755)
    server = PostgresServer(folder, settings=FEW_LOCKS)
    server.start()
    link = Link(
        {"plant": server.create_database("source")},
        make_database("warehouse"),
        {"plant": server.create_role("reader"), "warehouse": make_role("warehouse")},
    )
    with link.source.connect() as connection:
        connection.execute(
            "CREATE TABLE small (id int PRIMARY KEY); INSERT INTO small VALUES (1);"
            "CREATE TABLE huge (id int) PARTITION BY LIST (id)"
        )
        for n in range(PARTITIONS):
            connection.execute(f"CREATE TABLE huge_{n} PARTITION OF huge FOR VALUES IN ({n})")
        connection.execute("INSERT INTO huge VALUES (3)")
    yield link
    link.close()
    server.stop()


def test_only_what_is_selected_needs_locks(crowded: Link) -> None:
    crowded.tables["plant"] = ["small"]
    assert by_table(crowded.synced())["small"].rows_written == 1
    crowded.tables["plant"] = ["small", "huge"]
    found = by_table(crowded.sync(retries=0))
    assert found["small"].status == "succeeded"
    error = found["huge"].error
    assert error is not None
    assert error.sqlstate == "53200"
    assert "raise max_locks_per_transaction" in (error.hint or "")
