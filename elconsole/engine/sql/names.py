"""Every name and lock that is ours in a database."""

from __future__ import annotations

LOCK_CLASS = 0x656C6300
"""First key of every advisory lock of ours ("elc"); the last byte tells what is locked."""
RUN_LOCK_CLASS = LOCK_CLASS + 3
STORAGE_SCHEMA = "elconsole_storage"

TABLE_LOCK_CLASS = LOCK_CLASS + 2

CHANNEL = "elconsole"
NAMES_LOCK = 1

METADATA = (
    "_airbyte_raw_id",
    "_airbyte_extracted_at",
    "_airbyte_meta",
    "_airbyte_generation_id",
)
METADATA_PREFIX = "_airbyte_"
