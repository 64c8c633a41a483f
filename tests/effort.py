"""How often tests of chance try: ELCONSOLE_TEST_EFFORT times as often as for a developer."""

from __future__ import annotations

import os

EFFORT = float(os.environ.get("ELCONSOLE_TEST_EFFORT", "1"))


def tries(usual: int) -> int:
    """So many, where no more effort was asked for."""
    return max(1, round(usual * EFFORT))
