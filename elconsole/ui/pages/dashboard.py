"""Page 1: everything at a glance."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from elconsole.ui.pages.page import PageScreen
from elconsole.ui.tables import activity, connections, quality_panels, raw, sync
from elconsole.ui.widgets.grid import Grid
from elconsole.ui.widgets.line_bar import LineBar, Part
from elconsole.ui.words.cells import Table
from elconsole.ui.words.text import clock, safe


class DashboardScreen(PageScreen):
    """Connections, sync, pass rates, activity."""

    main_grid = "activity"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,up,enter,j,k", "enter_panels", "Into the panels", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._sync_rows = sync.KeptRows()
        self._drawn_from: dict[str, tuple[object, ...]] = {}

    def compose_page(self) -> ComposeResult:
        """The panels, and the line that replaces them where there is no room."""
        nothing = Table(())
        yield LineBar(id="summary")
        with Vertical(id="panels"):
            with Horizontal(id="top"):
                yield Grid(nothing, glance=True, id="connections", header=False)
                yield Grid(nothing, glance=True, id="sync", header=False)
            with Horizontal(id="rates"):
                yield Grid(nothing, glance=True, id="first")
                yield Grid(nothing, glance=True, id="others")
            with Horizontal(id="bottom"):
                yield Grid(nothing, glance=True, id="activity", header=False)
                with Vertical(id="stored"):
                    yield Grid(nothing, glance=True, id="raw")
                    yield Grid(nothing, glance=True, id="recent")

    def paint_page(self) -> None:
        """Redraw the panels that changed."""
        state, now = self.console.shown_state, self.console.shown_now()
        read_only = self.console.options.read_only
        compact, wide = self.has_class("-narrow"), self.has_class("-wide")
        self.query_one("#connections", Grid).show(
            connections.table(state, now, compact=compact or wide)
        )
        self.query_one("#sync", Grid).show(
            sync.table(state, now, read_only=read_only, compact=compact, kept=self._sync_rows)
        )
        if self._changed("rates", state.quality, state.problems, now.date()):
            self.query_one("#first", Grid).show(quality_panels.first(state, now))
            self.query_one("#others", Grid).show(quality_panels.others(state, now))
        if self._changed("activity", state.log, now.date()):
            self.query_one("#activity", Grid).show(activity.panel(state, now))
        if wide:
            self._paint_wide()
        self._arrange()
        self._paint_summary()

    def _paint_wide(self) -> None:
        from elconsole.ui.tables import runs

        state, now = self.console.shown_state, self.console.shown_now()
        self.query_one("#raw", Grid).show(raw.panel(state, now))
        if self._changed("recent", state.history, state.runs, state.problems, now.date()):
            self.query_one("#recent", Grid).show(runs.recent(state, now))

    def _changed(self, panel: str, *inputs: object) -> bool:
        """Whether a panel must be drawn anew: its inputs are others than last time."""
        before = self._drawn_from.get(panel)
        self._drawn_from[panel] = inputs
        return before is None or any(
            old is not new and old != new for old, new in zip(before, inputs, strict=True)
        )

    def _arrange(self) -> None:
        """Give every panel the lines it needs, the activity the rest."""
        grids = {grid.id: grid.line_count for grid in self.query(Grid)}
        narrow = self.has_class("-narrow")
        frame = 1 if narrow else 2
        room = max(6, self.app.size.height - 2)
        tops = [min(grids[name], room // 3) + frame for name in ("connections", "sync")]
        rates = max(grids["first"], grids["others"]) + frame
        top = sum(tops) if narrow else max(tops)
        left = room - top - (4 if narrow else 6)
        self.query_one("#top").styles.height = top
        self.query_one("#rates").styles.height = max(3 + frame, min(rates, left))
        for name, lines in zip(("connections", "sync"), tops, strict=True):
            self.query_one(f"#{name}").styles.height = lines if narrow else "100%"

    def _paint_summary(self) -> None:
        """The one line that stands for all panels where the terminal is tiny."""
        summary = self.query_one("#summary", LineBar)
        if not summary.display:
            return
        state, now = self.console.shown_state, self.console.shown_now()
        health = connections.overall(state, now)
        name = safe(self.console.options.environment, 20) or "elconsole"
        parts = [Part(f"{name}  ", "strong"), Part(f"{health.symbol} {health.word}", health.tone)]
        run = state.shown_run()
        if run is not None:
            mark, tone = sync.MARKS[run.run.status]
            rows = sum(item.rows() for item in run.tables)
            parts.append(Part(f"  {mark} {run.run.status} {rows:,} rows", tone))
        room = self.app.size.width - 2 - sum(cell_len(part.text) for part in parts)
        if room < 0:  # the state matters more than the name
            room += cell_len(parts.pop(0).text)
        time_of_day = Part(f"  {clock(now)}", "dim")
        right = (time_of_day,) if room >= cell_len(time_of_day.text) else ()
        summary.show(tuple(parts), right)

    def action_enter_panels(self) -> None:
        """Put the cursor into the first panel."""
        self.set_focus(self.query_one("#connections", Grid))
