"""The composition root's working part: settings, logs, the plant and the engine of one
command, and what becomes of its errors.

Nothing heavy is imported before a command needs it: `--help` and `--version` never do.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elconsole.cli import start
from elconsole.core import errors
from elconsole.core.invocation import repeated, started_with
from elconsole.core.record import record
from elconsole.core.safe_text import clean_lines, clean_text
from elconsole.report.streams import Output, takes_escapes

if TYPE_CHECKING:
    from elconsole.config.load import LoadedSettings
    from elconsole.config.models import Settings
    from elconsole.core.engine import Engine
    from elconsole.core.types import ErrorInfo
    from elconsole.demo.plant import Plant
    from elconsole.observe.logs import LogFormat
    from elconsole.ui.console.options import ConsoleOptions


Failed = Callable[["ErrorInfo"], str]
"""Makes the JSON document of a command that could not do its work."""


@record(frozen=True, slots=True)
class GlobalOptions:
    """Options that stand before or after any command."""

    headless: bool = False
    read_only: bool = False
    demo: bool = False
    demo_rows: int | None = None
    demo_live: bool = False
    config_file: Path | None = None
    profile: str | None = None
    verbosity: int = 0
    quiet: bool = False
    log_format: LogFormat = "text"
    log_file: Path | None = None
    metrics_file: Path | None = None
    metrics_port: int | None = None


def _make_engine(settings: Settings) -> Engine:
    from elconsole.engine.service import PostgresEngine

    return PostgresEngine(settings)


def _open_plant(rows: int | None, narrate: Callable[[str], None]) -> AbstractContextManager[Plant]:
    from elconsole.demo.plant import open_plant

    return open_plant(rows, narrate=narrate)


def _load_settings(
    config_file: Path | None,
    overrides: Mapping[str, Any] | None,
    cwd: Path | None,
    profile: str | None,
) -> LoadedSettings:
    from elconsole.config.load import load_settings

    return load_settings(config_file, overrides, cwd=cwd, profile=profile)


def _run_console(options: ConsoleOptions) -> int:
    from elconsole.ui.app.launch import run_console

    return run_console(options)


@record(frozen=True, slots=True)
class Parts:
    """What a command is put together from; tests put in their own."""

    load_settings: Callable[
        [Path | None, Mapping[str, Any] | None, Path | None, str | None], LoadedSettings
    ] = _load_settings
    make_engine: Callable[[Settings], Engine] = _make_engine
    open_plant: Callable[[int | None, Callable[[str], None]], AbstractContextManager[Plant]] = (
        _open_plant
    )
    run_console: Callable[[ConsoleOptions], int] = _run_console


@dataclass
class CommandContext:
    """One invocation of elconsole."""

    options: GlobalOptions
    parts: Parts
    output: Output = field(default_factory=Output)
    plant: Plant | None = None
    """The running plant, with `--demo`, once the settings are loaded."""
    _secrets: tuple[str, ...] = ()
    _secret_names: frozenset[str] = frozenset()
    """Variables of the environment that hold secrets, besides those known by name."""
    _for_console: bool = False
    _looked_for: tuple[Path, ...] = ()
    """Where settings were looked for, if nobody gave any."""

    def load(
        self, overrides: Mapping[str, Any] | None = None, *, for_console: bool = False
    ) -> LoadedSettings:
        """Read the settings, set up logging, and pass on the settings' warnings.

        The demo heeds no file but one named on the command line: a newcomer's own
        `elconsole.toml` or `.env` would mix other databases into the plant.
        """
        nowhere = Path(os.devnull) if self.options.demo else None
        config_file = self.options.config_file or nowhere
        profile = "" if self.options.demo else self.options.profile
        loaded = self.parts.load_settings(config_file, overrides, nowhere, profile)
        self._for_console, self._secret_names = for_console, loaded.secret_names
        self._keep(loaded.settings.secrets())
        _log_files(loaded)
        if all(origin == "default" for origin in loaded.origins.values()):
            self._looked_for = loaded.files
        for warning in () if for_console else loaded.warnings:  # the console shows them
            self.output.note(f"warning: {clean_text(warning)}")
        return loaded

    def _keep(self, secrets: tuple[str, ...]) -> None:
        """Set up logs and errors that repeat none of the secrets."""
        from elconsole.observe.logs import configure_logging

        self._secrets = (*secrets, os.environ.get("PGPASSWORD", ""))
        configure_logging(
            verbosity=self.options.verbosity,
            quiet=self.options.quiet,
            log_format=self.options.log_format,
            log_file=self.options.log_file,
            secrets=self._secrets,
            to_stderr=not self._for_console,
        )
        if self.options.log_file is not None:
            self.output.record = _log_narration()

    @contextmanager
    def loaded(self, *, for_console: bool = False) -> Iterator[LoadedSettings]:
        """The effective settings; with `--demo` those of the embedded plant, which runs
        until the end of the block."""
        if not self.options.demo:
            yield self.load(for_console=for_console)
            return
        start.interrupt_again()
        with self.parts.open_plant(self.options.demo_rows, self.output.note) as plant:
            self.plant = plant
            yield self.load(plant.overrides(), for_console=for_console)

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """The engine on the effective settings, closed at the end of the block."""
        with self.loaded() as loaded, self.made_engine(loaded.settings) as engine:
            yield engine

    @contextmanager
    def made_engine(self, settings: Settings) -> Iterator[Engine]:
        """The engine, watched by the metrics and notifications that are asked for."""
        from elconsole.config.contradictions import runs_commands

        if runs_commands(settings):
            # Only whoever connects runs them.
            self._keep(settings.secrets(of_commands=True))
        try:
            engine = self.parts.make_engine(settings)
        finally:
            start.collect_again()
        try:
            with self._observed(engine, settings) as observed:
                yield observed
        finally:
            engine.close()

    @contextmanager
    def _observed(self, engine: Engine, settings: Settings) -> Iterator[Engine]:
        file, port, wanted = self.options.metrics_file, self.options.metrics_port, settings.notify
        if file is None and port is None and not wanted.given():
            yield engine
            return
        from elconsole.observe.metrics import Metrics
        from elconsole.observe.notify import Notifier
        from elconsole.observe.observed import ObservedEngine

        metrics = Metrics() if file or port else None
        if metrics is not None and file is not None:
            metrics.continue_file(file)
        stop = metrics.serve(port) if metrics is not None and port is not None else None
        notifier = Notifier(wanted, hidden=self._secret_names) if wanted.given() else None
        try:
            yield ObservedEngine(engine, metrics=metrics, metrics_file=file, notifier=notifier)
        finally:
            if stop is not None:
                stop()

    def report(
        self,
        key: str,
        as_json: bool,
        work: Callable[[Engine, Output], int],
        *,
        takes_signals: bool = False,
    ) -> int:
        """Do a command's work on the engine; `key` names its list in JSON. `takes_signals` says
        that the work has handlers of its own."""

        def run() -> int:
            # What a plug-in prints is narration: stdout is the result's alone.
            with redirect_stdout(self.output.stderr), self.engine() as engine:
                if not takes_signals:
                    start.interrupt_again()
                return work(engine, self.output)

        return self.run(run, _failure(key) if as_json else None)

    def has_live_progress(self) -> bool:
        """Whether stderr takes a moving table that log lines won't tear."""
        plain = self.options.verbosity or self.options.log_format != "text"
        return not plain and takes_escapes(self.output.stderr, os.environ)

    def run(self, work: Callable[[], int], failed: Failed | None = None) -> int:
        """Do a command's work; turn what it raises into lines and an exit code."""
        code = self._attempt(work, failed)
        if code == errors.EXIT_UNREACHABLE and self._looked_for:
            places, self._looked_for = ", ".join(map(str, self._looked_for)), ()
            self.output.failure(
                "note: there are no settings, so the pen plant's default addresses were asked;"
                f" looked for: {places}"
            )
            self.output.failure(
                "hint: `elconsole init` writes a file to fill in; `elconsole --demo` brings a plant"
            )
        return code

    def _attempt(self, work: Callable[[], int], failed: Failed | None) -> int:
        try:
            return work()
        except errors.ElconsoleError as error:
            return self._explain(error, failed)
        except KeyboardInterrupt:
            return self._explain(errors.Interrupted("stopped by SIGINT"), failed)
        except Exception as error:  # noqa: BLE001 - the last line of defence of the process
            words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            hint = None if self.options.verbosity else "-v shows the traceback"
            return self._explain(errors.ElconsoleError(f"unexpected {words}", hint=hint), failed)

    def _explain(self, error: errors.ElconsoleError, failed: Failed | None) -> int:
        """Say on stderr what failed and what to do, and in JSON where that was asked for."""
        from elconsole.core.types import ErrorInfo

        message = self._safe(error.message, lines=error.exit_code == errors.EXIT_USAGE)
        hint = self._safe(repeated(error.hint)) if error.hint else None
        code = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
        self.output.failure_lines(f"error: {message}{code}")
        if hint:
            self.output.failure(f"hint: {hint}")
        if self.options.verbosity and not isinstance(error, errors.Cancelled):
            lines = self._redacted(traceback.format_exc().rstrip()).split("\n")
            self.output.failure_lines("\n".join(f"  {line}" for line in lines))
        if failed is not None and error.exit_code != errors.EXIT_USAGE:
            self.output.result(failed(ErrorInfo(error.kind, message, hint, error.sqlstate)))
        return error.exit_code

    def _safe(self, text: str, *, lines: bool = False) -> str:
        """Foreign words without secrets and control characters; `lines` says that the
        line breaks are ours."""
        clean = clean_lines if lines else clean_text
        return clean(self._redacted(text))

    def _redacted(self, text: str) -> str:
        from elconsole.core.safe_text import redact

        return redact(text, self._secrets)


def open_context(options: GlobalOptions, parts: Parts | None) -> CommandContext:
    """The context of one invocation, on the process's own streams."""
    named: tuple[str, ...] = ("-c", str(options.config_file)) if options.config_file else ()
    named += ("--profile", options.profile) if options.profile else ()
    started_with(("--demo",) if options.demo else named)
    output = Output(quiet=options.quiet, json_lines=options.log_format == "json")
    return CommandContext(options, parts or Parts(), output)


def _log_files(loaded: LoadedSettings) -> None:
    """Name every file in use, for -v and the log file."""
    import logging

    from elconsole.observe.logs import LOGGER

    for path in loaded.used:
        logging.getLogger(f"{LOGGER}.settings").info("settings are read from %s", path)


def _failure(key: str) -> Failed:
    """The JSON document of a command that could not do its work."""

    def document(error: ErrorInfo) -> str:
        from elconsole.report import documents

        return documents.document(documents.failure(key, error))

    return document


def _log_narration() -> Callable[[str, str], None]:
    """Writes narration to the log file alone: on stderr it has been said already."""
    import logging

    from elconsole.observe.logs import LOGGER

    levels = {"info": logging.INFO, "error": logging.ERROR}
    narrated = f"{LOGGER}.narration"
    for handler in logging.getLogger(LOGGER).handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.addFilter(lambda record: record.name != narrated)
    return lambda level, text: logging.getLogger(narrated).log(levels[level], "%s", text)
