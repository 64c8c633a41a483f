"""Numbers as the console tells them."""

from __future__ import annotations

import pytest

from elconsole.ui.words.text import interval


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.853, 0.981, "85–99"),
        (0.9449, 0.9471, "94.4–94.8"),
        (0.99996, 1.0, "99.9–100"),
        (0.0, 0.0002, "0–0.1"),
    ],
)
def test_an_interval_is_told_as_finely_as_it_is_narrow(low: float, high: float, told: str) -> None:
    assert interval(low, high) == told
