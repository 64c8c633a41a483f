"""Every name and lock that is ours in a database."""

from __future__ import annotations

LOCK_CLASS = 0x656C6300
"""First key of every advisory lock of ours ("elc"); the last byte tells what is locked."""
RUN_LOCK_CLASS = LOCK_CLASS + 3
LEDGER_SCHEMA = "elconsole"
STORAGE_SCHEMA = "elconsole_storage"
LEDGER_RELATIONS = (
    "migrations",
    "runs",
    "targets",
    "table_runs",
    "watermarks",
    "quality_baselines",
    "quality_daily",
    "quality_signals",
    "row_counter",
    "runs_run_number_seq",
    "targets_target_id_seq",
)
"""All that the migrations make in it."""

TABLE_LOCK_CLASS = LOCK_CLASS + 2

CHANNEL = "elconsole"
CANCEL_CHANNEL = "elconsole_cancel"
"""Wakes the runs that go on: one of them is asked to stop. Anybody may say so; the ledger tells."""
SCHEMA_LOCK = 0
NAMES_LOCK = 1
"""Second keys of `LOCK_CLASS`: the ledger's migrations, and the assigning of names."""

METADATA = (
    "_airbyte_raw_id",
    "_airbyte_extracted_at",
    "_airbyte_meta",
    "_airbyte_generation_id",
)
METADATA_PREFIX = "_airbyte_"
HISTORY_SUFFIX = "_history"
"""What the name of a raw table's history ends with."""
VALID_FROM, VALID_TO, OPERATION = VERSION_COLUMNS = (
    "_elconsole_valid_from",
    "_elconsole_valid_to",
    "_elconsole_operation",
)
"""What a version has beside the source's columns."""
MARK = "_elconsole_deleted_at"
"""When a row was found to be gone from its source; NULL while it is there."""
