"""Results as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.benchmarks.rounds import Result


def markdown(results: Sequence[Result], bases: Mapping[str, str], foreign_share_max: float) -> str:
    """A table; `bases` are the ways that ratios of walls refer to, with their short names; the
    first one is that of CPU times too. Walls are medians, ratios medians of the ratios within
    a round; `!` marks a way whose runs were disturbed."""
    found = {short: r for name, short in bases.items() for r in results if r.name == name}
    cells = ["way", "wall (least–most)", "rows/s"]
    cells += [f"wall ÷ {short}" for short in found]
    cells += ["client CPU", "source CPU", "warehouse CPU"]
    cells += [f"all CPU ÷ {short}" for short in list(found)[:1]]
    cells += ["memory", "something else"]
    lines = [_row(cells), _row(["---"] * len(cells))]
    lines += [_line(result, list(found.values()), foreign_share_max) for result in results]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _line(result: Result, bases: Sequence[Result], foreign_share_max: float) -> str:
    walls = [cost.wall_s for cost in result.costs]
    wall_s = result.median(lambda cost: cost.wall_s)
    disturbed = result.disturbed(foreign_share_max)
    flag = f" ! {disturbed} of {len(walls)}" if disturbed else ""
    return _row(
        [
            result.name,
            f"{wall_s:.2f} s ({min(walls):.2f}–{max(walls):.2f})",
            f"{result.rows / wall_s:,.0f}" if result.rows else "",
            *(f"{result.ratio(base, lambda c: c.wall_s):.2f}" for base in bases),
            f"{result.median(lambda c: c.client_cpu_s):.2f} s",
            f"{result.median(lambda c: c.server_cpu_s['sources']):.2f} s",
            f"{result.median(lambda c: c.server_cpu_s['warehouse']):.2f} s",
            *(f"{result.ratio(base, lambda c: c.cpu_s):.2f}" for base in bases[:1]),
            f"{result.median(lambda c: float(c.peak_bytes)) / 2**20:.0f} MB",
            f"{result.median(lambda c: c.foreign_share):.0%}{flag}",
        ]
    )
