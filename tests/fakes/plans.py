"""What a sync of the pen plant would do, and what the advisors say of it."""

from __future__ import annotations

from dataclasses import replace

from elconsole.core.results import Finding, PlannedTable, PlanReport, UnfedTable
from elconsole.core.types import ErrorInfo, SchemaChange
from tests.fakes.plant import SOURCES, before

CHANGES = {
    "bodies": (
        SchemaChange(
            "coating", "added", "varchar(40)", None, "adds the column; old rows hold NULL"
        ),
        SchemaChange("material", "widened", "varchar(80)", "varchar(50)", "alters in place"),
    ),
}
CONFLICT = ErrorInfo(
    "schema",
    "springs.springs_production: tensile_strength_mpa became text",
    "Run a full refresh, or set exclude_columns.",
)
PLAN = PlanReport(
    tuple(
        PlannedTable(
            source=source,
            table=f"{source}_production",
            target=f"raw.{source}_production",
            mode="full" if source == "refills" else "incremental",
            strategy="full" if source == "refills" else "xmin",
            watermark=None if source == "refills" else "748213",
            rows_estimated=1_000_000 if source == "refills" else 11_000,
            schema_changes=CHANGES.get(source, ()),
            error=CONFLICT if source == "springs" else None,
        )
        for source in SOURCES
    )
)
PLAN_WITHOUT_DRIFT = PlanReport(
    tuple(replace(table, schema_changes=(), error=None) for table in PLAN.tables)
)
WIDENED = SchemaChange(
    "material", "widened", "character varying(80)", "character varying(50)", "altered in place"
)
UNFED = (
    UnfedTable(
        target="raw.bodies_2024",
        source="bodies",
        table="bodies_2024",
        since=before(26 * 86400),
        reason="settings exclude public.bodies_2024 of bodies (*_2024)",
    ),
    UnfedTable(
        target="raw.caps_production",
        source="caps",
        table="caps_production",
        since=before(3 * 86400),
        reason="the source caps is no longer configured",
    ),
)
ADVICE = Finding(
    advisor="load optimizer",
    subject="refills.refills_production",
    finding="reads 1,000,000 rows each run of which 0.4 % changed",
    evidence={"changed_share": 0.004},
    command='mode = "incremental"',
)
