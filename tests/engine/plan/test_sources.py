"""A source that is not there is told alike, whoever asks for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from elconsole.config.models import Settings
from elconsole.core.errors import UsageError
from elconsole.core.results import QualityRequest, SyncRequest
from elconsole.engine.service import PostgresEngine

ASK: dict[str, Callable[[PostgresEngine, str], object]] = {
    "plan": lambda engine, name: engine.plan(SyncRequest((name,))),
    "quality": lambda engine, name: engine.quality(QualityRequest((name,))),
    "freeze": lambda engine, name: engine.freeze_baseline((name,)),
}


@pytest.mark.parametrize("asked", ASK)
@pytest.mark.parametrize(
    ("name", "hint"),
    [("refilss", "did you mean refills?"), ("x", "the sources are refills, bodies")],
)
def test_a_source_that_is_not_there(asked: str, name: str, hint: str) -> None:
    engine = PostgresEngine(Settings(sources={"refills": {"host": "h"}, "bodies": {"host": "h"}}))
    with pytest.raises(UsageError, match=f"there is no source {name}") as refused:
        ASK[asked](engine, name)
    assert refused.value.hint == hint
