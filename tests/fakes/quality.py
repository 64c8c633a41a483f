"""Pass rates of the pen plant, counted and judged, and its failed units."""

from __future__ import annotations

from datetime import timedelta

from elconsole.core.results import QualityReport, QualityRow, QualityTable, UnitsPage
from tests.fakes.plant import NOW, SOURCES, before

_LINES = {
    "refills": (("LINE-REFILLS-001", 56, 53), ("LINE-REFILLS-002", 44, 42)),
    "bodies": (("LINE-BODIES-001", 52, 49), ("LINE-BODIES-002", 48, 42)),
    "springs": (
        ("LINE-SPRINGS-001", 51, 49),
        ("LINE-SPRINGS-002", 50, 48),
        ("LINE-SPRINGS-003", 49, 46),
    ),
}
_OTHERS = {
    "refills": (
        "ink_color",
        (
            ("black", 22, 21),
            ("blue", 21, 20),
            ("green", 19, 18),
            ("purple", 18, 17),
            ("red", 20, 19),
        ),
    ),
    "bodies": ("material", (("bamboo", 29, 29), ("metal", 31, 27), ("plastic", 40, 35))),
    "springs": (
        "material",
        (("chrome_vanadium", 61, 59), ("music_wire", 30, 28), ("stainless_steel", 59, 56)),
    ),
}
_DEFECTS = {
    "refills": "ink_leak",
    "bodies": "surface_defect",
    "springs": "dimension_out_of_spec",
}
SIGNALLING = {"LINE-BODIES-002", "metal"}


def wilson(passed: int, inspected: int) -> tuple[float, float]:
    """The Wilson score interval, 95 % (only for plausible numbers in tests)."""
    z = 1.959964
    rate, z2 = passed / inspected, z * z
    middle = (rate + z2 / (2 * inspected)) / (1 + z2 / inspected)
    half = z / (1 + z2 / inspected)
    half *= (rate * (1 - rate) / inspected + z2 / (4 * inspected**2)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def quality_row(value: str, inspected: int, passed: int) -> QualityRow:
    """Counts of one value, with a rate where there is one."""
    low, high = wilson(passed, inspected) if inspected else (None, None)
    return QualityRow(
        value=value,
        inspected=inspected,
        passed=passed,
        failed=inspected - passed,
        pass_rate=passed / inspected if inspected else None,
        low=low,
        high=high,
    )


PEN_QUALITY = (
    QualityTable(
        source="refills",
        table="refills_production",
        target="raw.refills_production",
        dimension="line_id",
        rows=(quality_row("LINE-REFILLS-001", 56, 53), quality_row("LINE-REFILLS-002", 44, 42)),
        total=quality_row("total", 100, 95),
        baseline="the shown periods",
        newest_unit_at=NOW,
        newest_extracted_at=NOW,
    ),
    QualityTable(
        source="bodies",
        table="bodies_production",
        target="raw.bodies_production",
        dimension="material",
        rows=(
            quality_row("bamboo", 29, 29),
            quality_row("metal", 31, 27),
            quality_row("plastic", 40, 35),
        ),
        total=quality_row("total", 100, 91),
    ),
)


def judged_row(source: str, value: str, inspected: int, passed: int) -> QualityRow:
    """A dimension value over all data."""
    low, high = wilson(passed, inspected)
    rate = passed / inspected
    signal = value in SIGNALLING
    few = inspected <= 30 and not signal
    wobble = (0.0, 0.02, -0.03, 0.01, 0.03, -0.01, 0.0)
    trend = tuple(min(1.0, max(0.0, rate + step * (rate < 1))) for step in wobble)
    if signal:
        trend = (0.96, 0.95, 0.93, 0.90, 0.87, 0.84, 0.80)
    return QualityRow(
        value=value,
        inspected=inspected,
        passed=passed,
        failed=inspected - passed,
        pass_rate=rate,
        low=low,
        high=high,
        center=0.946,
        lcl=0.83,
        ucl=1.0,
        chart="p",
        judged="signal" if signal else "insufficient_n" if few else "in_control",
        rules=(1, 3) if signal else (),
        signal="below the lower limit on 13 Mar; six in a row falling" if signal else None,
        trend=trend,
        change_previous=-0.041 if signal else 0.012,
        change_baseline=-0.062 if signal else 0.004,
        defects_per_million=(inspected - passed) / inspected * 1e6,
        top_defect=_DEFECTS[source] if passed < inspected else None,
        top_defect_share=0.5 if passed < inspected else None,
    )


def quality_table(
    source: str, dimension: str, values: tuple[tuple[str, int, int], ...]
) -> QualityTable:
    """All values of one dimension."""
    return QualityTable(
        source=source,
        table=f"{source}_production",
        target=f"raw.{source}_production",
        dimension=dimension,
        rows=tuple(judged_row(source, *value) for value in values),
        baseline="the shown periods",
        newest_unit_at=before(33),
        newest_extracted_at=before(7),
    )


QUALITY = QualityReport(
    tuple(
        table
        for source in SOURCES
        for table in (
            quality_table(source, "line_id", _LINES[source]),
            quality_table(source, *_OTHERS[source]),
        )
    )
)
_DAYS = (
    (120, 115), (118, 112), (131, 124), (125, 119), (122, 117), (119, 112), (127, 121),
    (124, 117), (121, 116), (126, 119), (123, 118), (120, 113), (128, 104), (44, 41),
)  # fmt: skip


def chart_rows(value: str) -> tuple[QualityRow, ...]:
    """Fourteen days of one value: one out of control, the last not over."""
    rows = []
    for number, (inspected, passed) in enumerate(_DAYS):
        low, high = wilson(passed, inspected)
        center = 0.946
        half = 3 * (center * (1 - center) / inspected) ** 0.5
        bad, last = number == 12, number == 13
        rows.append(
            QualityRow(
                value=value,
                period=(NOW.date() - timedelta(days=13 - number)).isoformat(),
                inspected=inspected,
                passed=passed,
                failed=inspected - passed,
                pass_rate=passed / inspected,
                low=low,
                high=high,
                center=center,
                lcl=max(0.0, center - half),
                ucl=min(1.0, center + half),
                chart="p",
                judged="signal" if bad else "incomplete" if last else "in_control",
                rules=(1,) if bad else (),
                signal="beyond the lower limit" if bad else None,
                top_defect="surface_defect",
                top_defect_share=0.62,
            )
        )
    return tuple(rows)


UNITS = UnitsPage(
    (
        "id",
        "timestamp",
        "line_id",
        "machine_id",
        "shift_id",
        "material",
        "defect_type",
        "_airbyte_raw_id",
    ),
    tuple(
        (
            str(9000 - number * 7),
            f"2026-03-13 {22 - number % 20:02d}:{number * 13 % 60:02d}:07+00",
            "LINE-BODIES-002",
            f"MACHINE-B-0{1 + number % 5}",
            ("SHIFT-MORNING", "SHIFT-NIGHT", "SHIFT-AFTERNOON")[number % 3],
            ("metal", "plastic")[number % 2],
            ("surface_defect", "crack", "surface_defect", "dimensional", "wall_thickness")[
                number % 5
            ],
            f"0190-{number:04d}",
        )
        for number in range(24)
    ),
    truncated=False,
)
