"""How tones look in every kind of theme."""

from __future__ import annotations

from typing import get_args

import pytest
from rich.style import Style

from elconsole.ui.pages.bars import TopBar
from elconsole.ui.widgets import looks
from elconsole.ui.widgets.looks import look
from elconsole.ui.words.cells import Tone
from tests.ui.piloting import console, settle

pytestmark = pytest.mark.ui


@pytest.mark.parametrize(
    "known", [looks.LOOKS, looks.IN_A_TERMINALS_OWN_COLOURS, looks.WITHOUT_COLOURS]
)
def test_every_tone_has_a_look_everywhere(known: dict[str, str]) -> None:
    assert set(get_args(Tone)) <= set(known)
    assert set(known) == set(looks.LOOKS)


async def test_a_look_follows_the_theme() -> None:
    app = console()
    async with app.run_test() as pilot:
        await settle(pilot)
        bar = app.screen.query_one(TopBar)
        dark = look(bar, "bad")
        app.theme = "elconsole-light"
        await settle(pilot)
        light = look(bar, "bad")
        assert dark.color != light.color
        app.theme = "ansi-dark"
        await settle(pilot)
        assert look(bar, "accent") == Style(color="color(6)")


async def test_without_colours_a_look_is_bold_dim_or_reverse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = console()
    async with app.run_test() as pilot:
        await settle(pilot)
        bar = app.screen.query_one(TopBar)
        for name in ("cursor", "badge", "badge-red"):
            found = look(bar, name)
            assert found.reverse
            assert found.color is None or found.color.is_default
            assert found.bgcolor is None or found.bgcolor.is_default
        assert look(bar, "dim").dim
