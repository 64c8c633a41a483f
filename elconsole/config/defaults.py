"""The pen plant: what settings hold where nobody says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PLANT_NAME = "pen plant"
PLANT_QUALITY: Mapping[str, tuple[str, ...]] = {
    "refills_production": ("line_id", "ink_color"),
    "bodies_production": ("line_id", "material"),
    "springs_production": ("line_id", "material"),
}
"""Dimensions of the pen plant's tables, wherever a table of that name is synced."""


def plant_values() -> dict[str, Any]:
    """The default layer: the pen plant's four addresses, as docker-compose.yml runs them."""

    def database(name: str, port: int) -> dict[str, Any]:
        return {
            "host": "localhost",
            "port": port,
            "dbname": name,
            "user": f"{name}_user",
            "password": f"{name}_password",
        }

    sources = {}
    for name, port in (("refills", 5432), ("bodies", 5433), ("springs", 5434)):
        table = f"{name}_production"
        sources[name] = database(name, port) | {
            "tables": [table],
            "table": {table: {"quality": {"by": list(PLANT_QUALITY[table])}}},
        }
    warehouse = database("warehouse", 5435)
    return {"name": PLANT_NAME, "warehouse": warehouse, "sources": sources}
