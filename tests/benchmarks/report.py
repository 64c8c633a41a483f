"""Results as a Markdown table and, where matplotlib is installed, as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.rounds import Result

HEAD = (
    "| way | wall (least–most) | rows/s | wall ÷ {base} | client CPU | source CPU |"
    " warehouse CPU | all CPU ÷ {base} | memory | something else |"
)
RULE = "|---|---|---|---|---|---|---|---|---|---|"


def markdown(results: Sequence[Result], base_name: str, foreign_share_max: float) -> str:
    """A table; `base_name` is the contender that ratios refer to. Walls are medians, ratios
    medians of the ratios within a round; `!` marks a way whose runs were disturbed."""
    base = next(result for result in results if result.name == base_name)
    lines = [HEAD.format(base=base_name.replace("|", "│")), RULE]
    lines += [_line(result, base, foreign_share_max) for result in results]
    return "\n".join(lines)


def _line(result: Result, base: Result, foreign_share_max: float) -> str:
    walls = [cost.wall_s for cost in result.costs]
    wall_s = result.median(lambda cost: cost.wall_s)
    paired = len(result.costs) == len(base.costs)
    disturbed = result.disturbed(foreign_share_max)
    flag = f" ! {disturbed} of {len(walls)}" if disturbed else ""
    cells = [
        result.name,
        f"{wall_s:.2f} s ({min(walls):.2f}–{max(walls):.2f})",
        f"{result.rows / wall_s:,.0f}" if result.rows else "",
        f"{result.ratio(base, lambda c: c.wall_s):.2f}" if paired else "",
        f"{result.median(lambda c: c.client_cpu_s):.2f} s",
        f"{result.median(lambda c: c.server_cpu_s['sources']):.2f} s",
        f"{result.median(lambda c: c.server_cpu_s['warehouse']):.2f} s",
        f"{result.ratio(base, lambda c: c.cpu_s):.2f}" if paired else "",
        f"{result.median(lambda c: float(c.peak_bytes)) / 2**20:.0f} MB",
        f"{result.median(lambda c: c.foreign_share):.0%}{flag}",
    ]
    return f"| {' | '.join(cells)} |"


def plot(by_rows: dict[int, list[Result]], place: Path) -> bool:
    """Rows a second and memory over the tables' size; False where matplotlib is missing."""
    try:
        import matplotlib as mpl
    except ImportError:
        return False
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (speed, memory) = pyplot.subplots(1, 2, figsize=(11, 4))
    for name in dict.fromkeys(result.name for some in by_rows.values() for result in some):
        points = [(n, r) for n, some in by_rows.items() for r in some if r.name == name and r.rows]
        sizes = [size for size, _ in points]
        speeds = [r.rows / r.median(lambda cost: cost.wall_s) for _, r in points]
        speed.plot(sizes, speeds, "o-", label=name)
        held = [r.median(lambda cost: float(cost.peak_bytes)) / 2**20 for _, r in points]
        memory.plot(sizes, held, "o-", label=name)
    for axes, label in ((speed, "rows/s"), (memory, "memory, MB")):
        axes.set(xlabel="rows a table", ylabel=label, xscale="log", ylim=(0, None))
    speed.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(place)
    return True
