"""What the command line hands to the console."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from elconsole.core.record import record

if TYPE_CHECKING:  # the first frame needs none of them
    from elconsole.core.engine import Engine
    from elconsole.core.results import ConnectionInfo, RunDetail, SyncRequest


def utc_now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


@record(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What a first start without configuration offers."""

    searched: tuple[Path, ...]
    """Where configuration was looked for, first wins."""
    write_configuration: Callable[[], Path]
    """Write a commented file and return where; raises ConfigurationError."""
    open_demo: Callable[[], int]
    """Run the console on the demo plant, after this one has ended; returns its exit code."""


@record(frozen=True, slots=True, kw_only=True)
class ConsoleOptions:
    """Everything the app is told at its start."""

    engine_factory: Callable[[], Engine]
    """Builds the engine; called once, in a thread, after the first frame."""
    connections: tuple[ConnectionInfo, ...]
    """Shown at once, before anything is imported that talks to a database."""
    read: Callable[[], ConsoleOptions] | None = None
    """Reads the settings and returns the full options; called once, in a thread, after the
    first frame. None where these are the full ones."""
    warnings: tuple[str, ...] = ()
    """What the settings gave reason to say."""
    environment: str = ""
    colour: Literal["blue", "green", "amber", "red"] = "blue"
    """Of the badge."""
    config_path: Path | None = None
    read_only: bool = False
    sync_request: SyncRequest | None = None
    """A sync to start as soon as the engine exists."""
    sync_exit_code: Callable[[RunDetail], int] | None = None
    """The exit code of a sync by its result; that of `sync_request` is the console's own."""
    auto_sync_s: float | None = None
    demo: bool = False
    start_demo_live: Callable[[], None] | None = None
    """Lets units appear in the demo plant until the console ends; raises ElconsoleError."""
    demo_live: bool = False
    """Whether they appear from the start."""
    welcome: Welcome | None = None
    """Offered once every connection was found down."""
    on_ready: Callable[[], None] | None = None
    """Called after the first frame (measurements, tests)."""
    preferences_path: Path | None = None
    """Where the chosen theme is kept; None keeps nothing."""
    clock: Callable[[], datetime] = utc_now
    probe_every_s: float = 5.0
    tick_s: float = 1.0
    """How often the clock is drawn; 0 never."""

    def completed(self) -> ConsoleOptions:
        """The full options; raises ConfigurationError."""
        return self if self.read is None else self.read()


DEMO_CHOSEN = "demo"
"""What the app returns when the welcome screen's demo plant was chosen."""
