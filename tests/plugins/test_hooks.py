"""Plug-ins: what they may do, and what they can't do to a sync."""

from __future__ import annotations

import logging
import sys
import textwrap
import threading
import time
import types
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from elconsole.core.errors import ConfigurationError
from elconsole.core.events import Event, SyncStarted
from elconsole.core.types import SchemaChange
from elconsole.plugins.hooks import (
    QUEUED_EVENTS,
    HookFailed,
    Hooks,
    RevocableQuery,
    Veto,
    hookimpl,
)
from elconsole.plugins.hooks import __doc__ as documentation
from elconsole.plugins.types import HookResult, HookTask

pytestmark = pytest.mark.unit

TASK = HookTask(
    run_id="r",
    source="bodies",
    table="bodies_production",
    target="raw.bodies_production",
    mode="full",
    strategy="full",
    columns=("id",),
)
RESULT = HookResult(rows_read=100, rows_written=100, bytes=1, extract_seconds=0.1)
EVENT = SyncStarted(
    run_id="r", at=datetime(2026, 3, 1, tzinfo=UTC), run_number=1, mode="full", tables=()
)


def plugin(name: str, **functions: Callable[..., Any]) -> types.ModuleType:
    module = types.ModuleType(name)
    for function_name, function in functions.items():
        setattr(module, function_name, function)
    return module


def hooks(timeout_s: float = 10.0, **functions: Callable[..., Any]) -> Hooks:
    return Hooks({"mine": plugin("mine", **functions)}, timeout_s)


def warehouse(rows: Sequence[tuple[Any, ...]] = ()) -> RevocableQuery:
    return RevocableQuery('"s"."leaf"', lambda _text, _parameters: list(rows))


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Set at the test's end, so that no hung plug-in outlives it."""
    event = threading.Event()
    yield event
    event.set()


def test_without_plug_ins_everything_passes() -> None:
    none = Hooks({})
    assert none.pre_extract(TASK) is None
    assert none.post_load(TASK, RESULT, warehouse()) is None
    assert none.schema_changed(TASK, ()) is None
    none.emit(EVENT)
    none.close()


def test_a_returned_reason_vetoes_by_name() -> None:
    assert hooks(pre_extract=lambda task: f"{task.source} is closed").pre_extract(TASK) == (
        'plug-in "mine": bodies is closed'
    )


def test_a_raised_veto_vetoes_by_name() -> None:
    def post_load(result: HookResult, warehouse: RevocableQuery) -> None:
        [(empty,)] = warehouse.query(f"SELECT count(*) FROM {warehouse.table} WHERE id IS NULL")
        if empty:
            raise Veto(f"{empty} of {result.rows_written} rows without an id")

    checked = hooks(post_load=post_load)
    assert checked.post_load(TASK, RESULT, warehouse([(3,)])) == (
        'plug-in "mine": 3 of 100 rows without an id'
    )
    assert checked.post_load(TASK, RESULT, warehouse([(0,)])) is None


def test_a_schema_change_can_be_vetoed() -> None:
    change = SchemaChange("colour", "dropped", "text", "text", "kept, NULL from now on")

    def schema_changed(changes: tuple[SchemaChange, ...]) -> str:
        return f"{changes[0].column} {changes[0].change}"

    vetoed = hooks(schema_changed=schema_changed).schema_changed(TASK, (change,))
    assert vetoed == 'plug-in "mine": colour dropped'


def test_the_decorator_and_other_functions_of_the_module_do_no_harm() -> None:
    @hookimpl
    def pre_extract(task: HookTask) -> str | None:
        return "no" if task.table == "bodies_production" else None

    asked = hooks(pre_extract=pre_extract, helper=lambda: None)
    assert asked.pre_extract(TASK) == 'plug-in "mine": no'


def test_an_object_with_decorated_methods_is_a_plug_in_too() -> None:
    class Closed:
        @hookimpl
        def pre_extract(self) -> str:
            return "closed"

    assert Hooks({"object": Closed()}).pre_extract(TASK) == 'plug-in "object": closed'


def test_plug_ins_are_asked_in_order_until_one_vetoes() -> None:
    asked: list[str] = []

    def asking(name: str, answer: str | None) -> types.ModuleType:
        def pre_extract() -> str | None:
            asked.append(name)
            return answer

        return plugin(name, pre_extract=pre_extract)

    three = Hooks({"a": asking("a", None), "b": asking("b", "no"), "c": asking("c", "no")})
    assert three.pre_extract(TASK) == 'plug-in "b": no'
    assert asked == ["a", "b"]


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(3), KeyboardInterrupt()])
def test_a_vetoing_hook_that_raises_fails_the_table_by_its_name(error: BaseException) -> None:
    def pre_extract() -> None:
        raise error

    words = f'plug-in "mine" failed in pre_extract: {type(error).__name__}'
    with pytest.raises(HookFailed, match=words):
        hooks(pre_extract=pre_extract).pre_extract(TASK)


def test_a_vetoing_hook_that_hangs_fails_the_table_in_time(released: threading.Event) -> None:
    hung = hooks(0.05, pre_extract=lambda: released.wait())
    with pytest.raises(HookFailed, match='"mine" did not answer pre_extract within'):
        hung.pre_extract(TASK)


def test_a_hung_check_can_not_query_after_its_table_failed(released: threading.Event) -> None:
    late: list[BaseException] = []
    done = threading.Event()

    def post_load(warehouse: RevocableQuery) -> None:
        released.wait()
        try:
            warehouse.query("SELECT 1")
        except RuntimeError as error:
            late.append(error)
        done.set()

    with pytest.raises(HookFailed, match="did not answer"):
        hooks(0.05, post_load=post_load).post_load(TASK, RESULT, warehouse([(1,)]))
    released.set()
    assert done.wait(10)
    assert "over" in str(late[0])


def test_an_answer_that_is_no_reason_fails_the_table_and_says_so() -> None:
    words = 'plug-in "mine" returned bool from pre_extract, not None or a reason'
    with pytest.raises(HookFailed, match=words):
        hooks(pre_extract=lambda: False).pre_extract(TASK)


def test_observers_see_every_event_in_order_on_a_thread_of_their_own() -> None:
    seen: list[tuple[Event, str]] = []
    observing = hooks(on_event=lambda event: seen.append((event, threading.current_thread().name)))
    for _ in range(50):
        observing.emit(EVENT)
    observing.close(10)
    assert len(seen) == 50
    assert seen[0] == (EVENT, 'on_event plug-in "mine"')


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(3)])
def test_an_observer_that_raises_is_logged_and_sees_the_next_event(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Event] = []

    def on_event(event: Event) -> None:
        seen.append(event)
        raise error

    observing = hooks(on_event=on_event)
    observing.emit(EVENT)
    observing.emit(EVENT)
    observing.close(10)
    assert len(seen) == 2
    assert 'plug-in "mine" failed in on_event (sync_started)' in caplog.text


def test_an_observer_that_hangs_loses_events_but_delays_nobody(
    released: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    hung = hooks(on_event=lambda event: released.wait())
    started = time.monotonic()
    for _ in range(QUEUED_EVENTS + 10):
        hung.emit(EVENT)
    hung.close(0.05)
    assert time.monotonic() - started < 5
    assert caplog.text.count("some are lost") == 1
    assert 'plug-in "mine" hangs in on_event' in caplog.text


def test_a_hung_observer_leaves_the_others_alone(released: threading.Event) -> None:
    seen: list[Event] = []
    both = Hooks(
        {
            "hung": plugin("hung", on_event=lambda event: released.wait()),
            "well": plugin("well", on_event=lambda event: seen.append(event)),
        }
    )
    both.emit(EVENT)
    both.close(0.5)
    assert seen == [EVENT]


def test_modules_of_the_settings_are_imported_by_name(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plant_checks.py").write_text(
        "from elconsole.hooks import Veto, hookimpl\n\n"
        "@hookimpl\n"
        "def pre_extract(task):\n"
        "    raise Veto('not on Sundays')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    loaded = Hooks.load(["plant_checks"])
    assert loaded.names == ("plant_checks",)
    assert loaded.pre_extract(TASK) == 'plug-in "plant_checks": not on Sundays'
    sys.modules.pop("plant_checks")


def test_installed_plug_ins_are_found_by_their_entry_point(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "installed_checks.py").write_text("def pre_extract():\n    return 'closed'\n")
    information = tmp_path / "installed_checks-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: installed-checks\n")
    (information / "entry_points.txt").write_text("[elconsole]\nchecks = installed_checks\n")
    monkeypatch.syspath_prepend(tmp_path)
    # Named in the settings as well, it is asked once.
    loaded = Hooks.load(["installed_checks"])
    assert loaded.names == ("checks",)
    assert loaded.pre_extract(TASK) == 'plug-in "checks": closed'
    sys.modules.pop("installed_checks")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def pre_extract(taks): pass\n", "taks"),
        (
            "from elconsole.hooks import hookimpl\n@hookimpl\ndef post_laod(task): pass\n",
            "post_laod",
        ),
        ("import sys\nsys.exit(4)\n", "SystemExit: 4"),
        ("1 / 0\n", "ZeroDivisionError"),
    ],
)
def test_a_plug_in_that_does_not_fit_is_a_configuration_error_with_its_name(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    (tmp_path / "unfit_checks.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match=words) as caught:
        Hooks.load(["unfit_checks"])
    assert "unfit_checks" in str(caught.value)
    sys.modules.pop("unfit_checks", None)


def test_a_missing_plug_in_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match=r'plug-in "no_such_module"'):
        Hooks.load(["no_such_module"])


def test_the_example_in_the_documentation_works_as_it_stands() -> None:
    lines = (documentation or "").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("    from "))
    end = next(i for i in range(start, len(lines)) if lines[i].startswith("It is found"))
    example = types.ModuleType("example")
    exec(textwrap.dedent("\n".join(lines[start:end])), example.__dict__)
    checked = Hooks({"example": example})
    assert checked.post_load(TASK, RESULT, warehouse([(2,)])) == (
        'plug-in "example": 2 rows without an id'
    )
    assert checked.post_load(TASK, RESULT, warehouse([(0,)])) is None


def test_a_reason_of_any_size_and_shape_becomes_one_short_line() -> None:
    reason = hooks(pre_extract=lambda task: "\x1b[31mred\nlines " + "A" * 100_000).pre_extract(TASK)
    assert reason is not None
    assert reason.startswith('plug-in "mine": red lines AAA')
    assert len(reason) < 1100


def test_an_observer_that_fails_again_and_again_is_told_once_a_kind_of_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def on_event(event: Event) -> None:
        raise ValueError(event.kind)

    failing = hooks(on_event=on_event)
    for _ in range(50):
        failing.emit(EVENT)
    failing.close(10)
    warned = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warned) == 1
