"""Tables by dlt's fastest documented way: Arrow out by ConnectorX, Parquet in by ADBC.

Runs in dlt's own environment: `python dlt_pipeline.py JOB`, a JSON object with `sources`
(a URL by table name), `target` (a URL), `schema` and `folder`.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

BATCH_ROWS = 100_000


def run(job: dict[str, Any]) -> None:
    dlt: Any = import_module("dlt")
    pipeline = dlt.pipeline(
        pipeline_name="benchmark",
        pipelines_dir=job["folder"],
        destination=dlt.destinations.postgres(job["target"]),
        dataset_name=job["schema"],
    )
    tables = [_table(url, name) for name, url in job["sources"].items()]
    info = pipeline.run(tables, write_disposition="replace", loader_file_format="parquet")
    info.raise_on_failed_jobs()


def _table(url: str, name: str) -> Any:
    return (
        import_module("dlt.sources.sql_database")
        .sql_table(
            # SQLAlchemy's name of the driver that dlt's own extra brings.
            url.replace("postgresql:", "postgresql+psycopg2:"),
            table=name,
            schema="public",
            backend="connectorx",
            chunk_size=BATCH_ROWS,
            backend_kwargs={"conn": url, "return_type": "arrow_stream", "batch_size": BATCH_ROWS},
        )
        .parallelize()
    )


if __name__ == "__main__":
    run(json.loads(sys.argv[1]))
