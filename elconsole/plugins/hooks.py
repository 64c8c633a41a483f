"""Plug-ins: pluggy hooks that validate, check and observe syncs.

A plug-in is a module with functions of these names, taking any of their arguments:

    from elconsole.hooks import Veto, hookimpl

    @hookimpl
    def post_load(task, result, warehouse):
        [(empty,)] = warehouse.query(f"SELECT count(*) FROM {warehouse.table} WHERE id IS NULL")
        if empty:
            raise Veto(f"{empty} rows without an id")

It is found by the entry-point group `elconsole` or by `plugins = ["module"]`. To veto, raise
`Veto("reason")` or return the reason. A vetoing hook that fails, hangs or returns something
else vetoes too, by its name; an observer that does is logged and stops nothing.
"""

from __future__ import annotations

import importlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from elconsole.core.errors import ConfigurationError
from elconsole.core.events import Event
from elconsole.core.safe_text import clean_text
from elconsole.core.types import SchemaChange
from elconsole.plugins.types import HookResult, HookTask, QueryOnly

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PROJECT = "elconsole"
DEFAULT_TIMEOUT_S = 30.0
"""How long a vetoing hook may take."""
QUEUED_EVENTS = 1000
"""How many events an observer may lag behind before it loses some."""
LONGEST_REASON = 1000
"""Letters of a veto that are told and kept in the ledger."""

LOG = logging.getLogger("elconsole.hooks")
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Veto(Exception):
    """Raised by a plug-in to refuse a table; its text is the reason."""


class HookFailed(Exception):
    """A plug-in raised, exited, answered nonsense, or did not answer: whether it would have
    refused the table, nobody knows."""


class Hookspecs:
    """What plug-ins may implement."""

    @hookspec
    def pre_extract(self, task: HookTask) -> str | None:
        """Before the source is read. A reason skips the table."""

    @hookspec
    def post_load(self, task: HookTask, result: HookResult, warehouse: QueryOnly) -> str | None:
        """After the rows are stored, before anyone sees them. A reason fails the table."""

    @hookspec
    def schema_changed(self, task: HookTask, changes: tuple[SchemaChange, ...]) -> str | None:
        """The source's columns differ from the raw table's. A reason skips the table."""

    @hookspec
    def on_event(self, event: Event) -> None:
        """Something happened; called on a thread of this plug-in's own."""


_HOOK_NAMES = ("pre_extract", "post_load", "schema_changed", "on_event")


class _PluginManager(pluggy.PluginManager):
    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        """Module functions with a hook's name count without the decorator."""
        options = super().parse_hookimpl_opts(plugin, name)
        found = getattr(plugin, name, None) if isinstance(plugin, ModuleType) else None
        if options is None and name in _HOOK_NAMES and isinstance(found, FunctionType):
            return pluggy.HookimplOpts(
                wrapper=False,
                hookwrapper=False,
                optionalhook=False,
                tryfirst=False,
                trylast=False,
                specname=None,
            )
        return options


class RevocableQuery:
    """A query-only facade over the load's session that a late plug-in can't use any more."""

    def __init__(
        self, table: str, run: Callable[[str, Sequence[object]], list[tuple[Any, ...]]]
    ) -> None:
        self._table = table
        self._run = run
        self._revoked = threading.Event()

    @property
    def table(self) -> str:
        return self._table

    def query(self, text: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        if self._revoked.is_set():
            raise RuntimeError("this load is over: its rows can't be queried any more")
        return self._run(text, parameters)

    def revoke(self) -> None:
        """Refuse every further query."""
        self._revoked.set()


class Hooks:
    """The plug-ins of one process; thread-safe."""

    def __init__(self, plugins: Mapping[str, object], timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """`plugins` by name, in the order in which they are asked."""
        self._timeout_s = timeout_s
        self._manager = _PluginManager(PROJECT)
        self._manager.add_hookspecs(Hookspecs)
        for name, plugin in plugins.items():
            self._register(name, plugin)
        self._observers = [
            _Observer(implementation) for implementation in self._implementations("on_event")
        ]

    @classmethod
    def load(cls, modules: Iterable[str] = (), *, timeout_s: float = DEFAULT_TIMEOUT_S) -> Hooks:
        """Installed plug-ins (entry points), then the modules that settings name.

        Raises ConfigurationError, naming the plug-in, where one can't be loaded: a sync
        without its validator would be worse than none.
        """
        found: dict[str, object] = {}
        for entry in _entry_points():
            found[entry.name] = _loaded(f'installed plug-in "{entry.name}"', entry.load)
        for module in modules:
            plugin = _loaded(f'plug-in "{module}"', partial(_import, module))
            if not any(plugin is known for known in found.values()):
                found[module] = plugin
        return cls(found, timeout_s)

    @property
    def names(self) -> tuple[str, ...]:
        """The plug-ins, in the order in which they are asked."""
        return tuple(name for name, _ in self._manager.list_name_plugin())

    def pre_extract(self, task: HookTask) -> str | None:
        """The first veto, with the plug-in's name; None to go on. Raises HookFailed."""
        return self._first_veto("pre_extract", {"task": task})

    def schema_changed(self, task: HookTask, changes: tuple[SchemaChange, ...]) -> str | None:
        """The first veto, with the plug-in's name; None to go on. Raises HookFailed."""
        return self._first_veto("schema_changed", {"task": task, "changes": changes})

    def post_load(
        self, task: HookTask, result: HookResult, warehouse: RevocableQuery
    ) -> str | None:
        """The first veto, with the plug-in's name; None to publish. Raises HookFailed.

        `warehouse` is revoked on return; after a veto throw its session away, since a hung
        plug-in may still be inside a query.
        """
        arguments = {"task": task, "result": result, "warehouse": warehouse}
        try:
            return self._first_veto("post_load", arguments)
        finally:
            warehouse.revoke()

    def emit(self, event: Event) -> None:
        """Hand an event to every observer; never blocks, never raises."""
        for observer in self._observers:
            observer.offer(event)

    def close(self, timeout_s: float = 2.0) -> None:
        """Let observers see what is queued, no longer than this."""
        deadline = time.monotonic() + timeout_s
        for observer in self._observers:
            observer.end()
        for observer in self._observers:
            observer.join(max(0.0, deadline - time.monotonic()))

    def _register(self, name: str, plugin: object) -> None:
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise ConfigurationError(
                f'plug-in "{name}" does not fit: {error}',
                hint=f"hooks are {', '.join(_HOOK_NAMES)}",
            ) from error

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        # In the order of registration, which reads better in a list of checks than pluggy's.
        return sorted(caller.get_hookimpls(), key=lambda impl: impl.trylast - impl.tryfirst)

    def _first_veto(self, hook: str, arguments: Mapping[str, object]) -> str | None:
        for implementation in self._implementations(hook):
            reason = _boxed_veto(hook, implementation, arguments, self._timeout_s)
            if reason is not None:
                return reason
        return None


def _boxed_veto(
    hook: str,
    implementation: pluggy.HookImpl,
    arguments: Mapping[str, object],
    timeout_s: float,
) -> str | None:
    """One implementation's veto; raises HookFailed for whatever else goes wrong in it."""
    name = f'plug-in "{implementation.plugin_name}"'
    outcome: list[str | HookFailed | None] = []

    def call() -> None:
        try:
            outcome.append(_veto(hook, name, implementation, arguments))
        except HookFailed as failed:
            outcome.append(failed)

    thread = threading.Thread(target=call, name=f"{hook} {name}", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if not outcome:
        raise HookFailed(f"{name} did not answer {hook} within {timeout_s:g} s")
    if isinstance(outcome[0], HookFailed):
        raise outcome[0]
    return outcome[0]


def _veto(
    hook: str, name: str, implementation: pluggy.HookImpl, arguments: Mapping[str, object]
) -> str | None:
    try:
        answer = _call(implementation, arguments)
    except Veto as veto:
        return f"{name}: {_reason(veto)}"
    # The plug-in may also try to exit: it has its own thread, and takes nothing down.
    except BaseException as error:
        LOG.debug("%s failed in %s", name, hook, exc_info=True)
        raise HookFailed(f"{name} failed in {hook}: {_words(error)}") from error
    if answer is None or answer == "":
        return None
    if isinstance(answer, str):
        return f"{name}: {_reason(answer)}"
    returned = type(answer).__name__
    raise HookFailed(f"{name} returned {returned} from {hook}, not None or a reason")


class _Observer:
    """One `on_event` implementation on a thread of its own."""

    def __init__(self, implementation: pluggy.HookImpl) -> None:
        self.name = f'plug-in "{implementation.plugin_name}"'
        self._implementation = implementation
        self._queue: queue.Queue[Event | None] = queue.Queue(QUEUED_EVENTS)
        self._losing = False
        self._failures: set[str] = set()
        self._thread = threading.Thread(target=self._run, name=f"on_event {self.name}", daemon=True)
        self._thread.start()

    def offer(self, event: Event) -> None:
        try:
            self._queue.put_nowait(event)
            # Not at the first free place, or a slow observer would be named again and again.
            if self._queue.qsize() < QUEUED_EVENTS // 2:
                self._losing = False
        except queue.Full:
            if not self._losing:
                LOG.warning("%s is too slow for its events: some are lost", self.name)
            self._losing = True

    def end(self) -> None:
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            LOG.warning("%s hangs in on_event: it is left behind", self.name)

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            LOG.warning("%s did not finish its events in time: it is left behind", self.name)

    def _run(self) -> None:
        while (event := self._queue.get()) is not None:
            try:
                _call(self._implementation, {"event": event})
            except BaseException as error:  # noqa: BLE001
                self._tell(event, _words(error))

    def _tell(self, event: Event, words: str) -> None:
        """Warn of a failure once a kind of event: progress comes twice a second."""
        level = logging.DEBUG if event.kind in self._failures else logging.WARNING
        self._failures.add(event.kind)
        LOG.log(level, "%s failed in on_event (%s): %s", self.name, event.kind, words)


def _call(implementation: pluggy.HookImpl, arguments: Mapping[str, object]) -> object:
    given = [arguments[name] for name in implementation.argnames]
    return implementation.function(*given)


def _reason(said: object) -> str:
    return clean_text(said, LONGEST_REASON) or "no reason given"


def _words(error: BaseException) -> str:
    text = clean_text(error, LONGEST_REASON)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _entry_points() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points

    return entry_points(group=PROJECT)


def _import(name: str) -> ModuleType:
    return importlib.import_module(name)


def _loaded(what: str, load: Callable[[], object]) -> object:
    try:
        return load()
    # A module that calls sys.exit() while it is imported must not end the sync silently.
    except (Exception, SystemExit) as error:
        raise ConfigurationError(
            f"{what} can't be loaded: {_words(error)}",
            hint="correct plugins in the settings, or install or remove the plug-in",
        ) from error
