"""Scripts as people write them, measured as processes of their own.

`python -m tests.benchmarks.scripts WAY JOB` where JOB is a JSON list of tables, each with
`source` and `target` (libpq connection strings), `table` and `columns`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg

METADATA = "_airbyte_raw_id, _airbyte_extracted_at, _airbyte_meta, _airbyte_generation_id"
BATCH_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Job:
    source: str
    target: str
    table: str
    columns: list[str]
    metadata: str
    """SQL of the four metadata expressions."""

    @property
    def listed(self) -> str:
        return ", ".join(self.columns)

    @property
    def copy_in(self) -> str:
        return f"COPY {self.table} ({METADATA}, {self.listed}) FROM STDIN"


def copy_blocks(job: Job) -> int:
    """Pass COPY's own buffers on, one row after the other."""
    query = f"COPY (SELECT {job.metadata}, {job.listed} FROM {job.table}) TO STDOUT"
    with psycopg.connect(job.source) as source, psycopg.connect(job.target) as target:
        copying_out = source.cursor().copy(f"{query} (FORMAT binary)")
        copying_in = target.cursor().copy(f"{job.copy_in} (FORMAT binary)")
        with copying_out as rows, copying_in as sink:
            for row in rows:
                sink.write(row)
    return 0


def copy_rows(job: Job) -> int:
    """Fetch rows as Python objects, and write each with `write_row`."""
    with psycopg.connect(job.source) as source, psycopg.connect(job.target) as target:
        rows = source.cursor(f"rows_of_{job.table}")
        rows.itersize = BATCH_ROWS
        rows.execute(f"SELECT {_text_metadata(job)}, {job.listed} FROM {job.table}".encode())
        with target.cursor().copy(job.copy_in) as sink:
            for row in rows:
                sink.write_row(row)
    return 0


def insert_batches(job: Job) -> int:
    """Fetch everything, then INSERT a thousand rows at a time."""
    with psycopg.connect(job.source) as source, psycopg.connect(job.target) as target:
        query = f"SELECT {_text_metadata(job)}, {job.listed} FROM {job.table}"
        rows = source.execute(query.encode()).fetchall()
        marks = ", ".join(["%s"] * (len(job.columns) + 4))
        insert = f"INSERT INTO {job.table} ({METADATA}, {job.listed}) VALUES ({marks})".encode()
        for start in range(0, len(rows), BATCH_ROWS):
            target.cursor().executemany(insert, rows[start : start + BATCH_ROWS])
            target.commit()
    return len(rows)


def upsert(job: Job) -> int:
    """COPY what is newer than the last seen `timestamp` to a temporary table, then upsert."""
    with psycopg.connect(job.source) as source, psycopg.connect(job.target) as target:
        mark = _scalar(target, f"SELECT max(timestamp)::text FROM mark_{job.table}")
        newest = _scalar(source, f"SELECT max(timestamp)::text FROM {job.table}")
        target.execute(f"CREATE TEMP TABLE stage (LIKE {job.table}) ON COMMIT DROP".encode())
        query = (
            f"COPY (SELECT {job.metadata}, {job.listed} FROM {job.table}"
            f" WHERE timestamp > '{mark}' AND timestamp <= '{newest}') TO STDOUT (FORMAT binary)"
        )
        copy_in = f"COPY stage ({METADATA}, {job.listed}) FROM STDIN (FORMAT binary)"
        with source.cursor().copy(query) as rows, target.cursor().copy(copy_in) as sink:
            for row in rows:
                sink.write(row)
        names = [*METADATA.split(", "), *job.columns]
        assigned = ", ".join(f"{name} = excluded.{name}" for name in names)
        written = target.execute(
            f"INSERT INTO {job.table} ({', '.join(names)}) SELECT {', '.join(names)} FROM stage"
            f" ON CONFLICT (id) DO UPDATE SET {assigned}".encode()
        ).rowcount
        target.execute(f"UPDATE mark_{job.table} SET timestamp = '{newest}'".encode())
    return written


def count_rows(job: Job) -> int:
    """Scan the source's table, and nothing else."""
    with psycopg.connect(job.source) as source:
        return int(_scalar(source, f"SELECT count(*) FROM {job.table}"))


def _scalar(connection: psycopg.Connection[tuple[Any, ...]], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def _text_metadata(job: Job) -> str:
    """jsonb as text: psycopg hands it out as a dict and takes none back."""
    return job.metadata.replace("::jsonb", "::text")


WAYS: dict[str, Callable[[Job], int]] = {
    "copy-blocks": copy_blocks,
    "copy-rows": copy_rows,
    "insert-batches": insert_batches,
    "upsert": upsert,
    "count": count_rows,
}


def main() -> None:
    """Do one way for every table at once, a thread each; prints the rows of each."""
    way = WAYS[sys.argv[1]]
    jobs = [Job(**fields) for fields in json.loads(sys.argv[2])]
    with ThreadPoolExecutor(len(jobs)) as executor:
        print(json.dumps(list(executor.map(way, jobs))))


if __name__ == "__main__":
    main()
