"""What keeps tables from being synced, and its next step."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from elconsole.core.results import ConnectionHealth
from elconsole.core.types import Role
from elconsole.engine.plan.results import lacking

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 14, tzinfo=UTC)


def standby(name: str, role: Role) -> ConnectionHealth:
    return ConnectionHealth(
        name=name,
        role=role,
        status="degraded",
        checked_at=NOW,
        lacks=("lacks something",),
        replication_role="standby",
    )


def test_no_grant_is_offered_for_a_warehouse_that_is_a_standby() -> None:
    (problem,) = lacking([standby("warehouse", "warehouse")])
    assert problem.source is None
    assert problem.error.hint == "name its primary in [warehouse]"


def test_a_source_that_is_a_standby_may_still_lack_grants() -> None:
    (problem,) = lacking([standby("plant", "source")])
    assert problem.source == "plant"
    assert problem.error.hint is not None
    assert "grants" in problem.error.hint
