"""Logs go where they should, never with a secret, and never stop a sync."""

from __future__ import annotations

import io
import json
import logging
import pickle
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elconsole.core.errors import UsageError
from elconsole.core.safe_text import MASK, redact
from elconsole.observe.logs import configure_logging

pytestmark = pytest.mark.unit

SECRET = 'hunter2 "ö%'


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


log = logging.getLogger("elconsole.test")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password=x rest", f"password={MASK} rest"),
        ("Password = 'a b\\'c' rest", f"Password = {MASK} rest"),
        ('{"password": "a b", "x": 1}', f'{{"password": {MASK}, "x": 1}}'),
        ("ELCONSOLE_WAREHOUSE__PASSWORD=x", f"ELCONSOLE_WAREHOUSE__PASSWORD={MASK}"),
        ("PGPASSWORD=x psql", f"PGPASSWORD={MASK} psql"),
        ("postgresql://u:p@h/d", f"postgresql://u:{MASK}@h/d"),
        ("postgresql://u:p:w@x@h/d", f"postgresql://u:{MASK}@h/d"),
        ("postgres://:p@h", f"postgres://:{MASK}@h"),
        ("postgresql://h/d?user=u&password=p&x=1", f"postgresql://h/d?user=u&password={MASK}&x=1"),
        ("https://hc.example.com:8000/x", "https://hc.example.com:8000/x"),
        ("password authentication failed for user", "password authentication failed for user"),
    ],
)
def test_what_looks_like_a_password_is_masked(text: str, expected: str) -> None:
    assert redact(text) == expected


@given(st.text(min_size=4), st.text(), st.text())
def test_a_known_secret_never_passes(secret: str, before: str, after: str) -> None:
    if secret not in MASK and secret not in before and secret not in after:
        told = redact(f"{before}\n{secret}\n{after}", [secret, secret[:2]])
        assert secret not in told.replace(MASK, "\0")


def test_the_longest_secret_goes_first() -> None:
    assert redact("abcdefgh", ["abcd", "abcdefgh"]) == MASK


def test_a_short_secret_is_masked_as_a_word_only() -> None:
    assert redact("the key pw is not spwx", ["pw", "s", ""]) == f"the key {MASK} is not spwx"


def test_a_secret_is_known_in_each_of_its_spellings() -> None:
    text = f"{SECRET} {SECRET!r} {json.dumps(SECRET)} hunter2%20%22%C3%B6%25"
    assert "hunter2" not in redact(text, [SECRET])


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_secret_reaches_a_log_not_even_in_a_traceback(
    stream: io.StringIO, tmp_path: Path, log_format: str
) -> None:
    path = tmp_path / "x.log"
    configure_logging(
        verbosity=2,
        quiet=False,
        log_format="json" if log_format == "json" else "text",
        log_file=path,
        secrets=[SECRET],
        stream=stream,
    )
    log.info("connecting with %s", {"password": SECRET})
    try:
        try:
            raise ValueError(f"inner {SECRET}")
        except ValueError as error:
            raise RuntimeError(f"postgresql://u:{SECRET}@h") from error
    except RuntimeError:
        log.exception("failed: %r", SECRET)
    for text in (stream.getvalue(), path.read_text("utf-8")):
        assert "hunter2" not in text
        assert "Traceback" in text
        assert "RuntimeError" in text


def test_a_traceback_that_another_handler_formatted_is_redacted_too(
    stream: io.StringIO, tmp_path: Path
) -> None:
    """The standard formatter keeps its text on the record, for every handler after it."""
    configure_logging(verbosity=1, secrets=[SECRET], stream=stream)
    logger = logging.getLogger("elconsole")
    foreign = logging.StreamHandler(io.StringIO())
    logger.handlers.insert(0, foreign)
    try:
        raise ValueError(SECRET)
    except ValueError:
        log.exception("failed")
    assert "Traceback" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_stderr_has_no_traceback_unless_asked(
    stream: io.StringIO, tmp_path: Path, log_format: Literal["text", "json"]
) -> None:
    file = tmp_path / "log"
    configure_logging(log_format=log_format, log_file=file, secrets=[SECRET], stream=stream)
    try:
        raise ValueError(f"no luck with {SECRET}")
    except ValueError:
        log.exception("failed in %s", "springs")
    assert "Traceback" not in stream.getvalue()
    assert "failed in springs: ValueError: no luck with" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()
    assert "Traceback" in file.read_text()


def test_no_other_handler_gets_our_text_in_its_traceback(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    record = logging.LogRecord("elconsole", logging.ERROR, "", 0, "m", None, None)
    record.exc_text = "kept by another formatter: hunter2"
    logging.getLogger("elconsole").handle(record)
    assert "hunter2" not in stream.getvalue()
    assert record.exc_text is None


def test_json_lines_are_one_object_each(stream: io.StringIO) -> None:
    configure_logging(verbosity=1, log_format="json", secrets=['a"b\\c'], stream=stream)
    log.info('line\nbreak %s password="x"', 'a"b\\c')
    log.warning("second")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first["message"] == f"line\nbreak {MASK} password={MASK}"
    assert first["level"] == "info"
    assert first["logger"] == "elconsole.test"
    assert first["time"].endswith("Z")
    assert second["message"] == "second"


@pytest.mark.parametrize(
    ("verbosity", "quiet", "expected"),
    [
        (0, False, ["warning", "error"]),
        (1, False, ["info", "warning", "error"]),
        (2, False, ["debug", "info", "warning", "error"]),
        (0, True, ["error"]),
        (2, True, ["error"]),
    ],
)
def test_verbosity_chooses_what_is_told(
    stream: io.StringIO, verbosity: int, quiet: bool, expected: list[str]
) -> None:
    configure_logging(verbosity=verbosity, quiet=quiet, stream=stream)
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)(level)
    assert [line.rsplit(" ", 1)[1] for line in stream.getvalue().splitlines()] == expected


def test_the_file_keeps_what_happened_whatever_stderr_shows(tmp_path: Path) -> None:
    stream = io.StringIO()
    configure_logging(quiet=True, log_file=tmp_path / "x.log", stream=stream)
    log.info("told")
    assert stream.getvalue() == ""
    assert "told" in (tmp_path / "x.log").read_text("utf-8")


def test_the_console_can_keep_stderr_out_of_it(tmp_path: Path, stream: io.StringIO) -> None:
    configure_logging(log_file=tmp_path / "x.log", to_stderr=False, stream=stream)
    log.error("told")
    assert stream.getvalue() == ""
    configure_logging(to_stderr=False, stream=stream)
    log.error("nobody listens")
    assert stream.getvalue() == ""


def test_a_second_call_replaces_the_first(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    configure_logging(stream=stream)
    log.warning("once")
    assert stream.getvalue().count("once") == 1


def test_the_file_survives_logrotate(tmp_path: Path, stream: io.StringIO) -> None:
    path = tmp_path / "x.log"
    configure_logging(log_file=path, stream=stream)
    log.info("first")
    path.rename(tmp_path / "x.log.1")
    log.info("second")
    assert "second" in path.read_text("utf-8")
    assert "second" not in (tmp_path / "x.log.1").read_text("utf-8")


def test_a_log_folder_that_vanishes_and_returns_is_told_once(
    tmp_path: Path, stream: io.StringIO
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    path = folder / "x.log"
    configure_logging(log_file=path, stream=stream)
    path.unlink()
    folder.rmdir()
    log.info("lost")
    log.info("lost again")
    assert stream.getvalue().count("can't write the log") == 1
    folder.mkdir()
    log.info("back")
    assert "back" in path.read_text("utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_once_and_stops_nothing(stream: io.StringIO) -> None:
    configure_logging(log_file=Path("/dev/full"), stream=stream)
    for number in range(3):
        log.info("line %d", number)
    configure_logging(stream=stream)
    assert stream.getvalue().count("can't write the log to /dev/full") == 1
    assert "No space left on device" in stream.getvalue()
    assert "Traceback" not in stream.getvalue()


def test_a_closed_stderr_stops_nothing(stream: io.StringIO, tmp_path: Path) -> None:
    configure_logging(log_file=tmp_path / "x.log", stream=stream)
    stream.close()
    log.error("told to the file")
    assert "told to the file" in (tmp_path / "x.log").read_text("utf-8")


def test_a_broken_message_stops_nothing(stream: io.StringIO, tmp_path: Path) -> None:
    configure_logging(log_file=tmp_path / "x.log", stream=stream)
    log.error("%d", "no number")
    log.error("\udcff")
    log.error("after")
    assert "after" in (tmp_path / "x.log").read_text("utf-8")


def test_a_file_that_cannot_be_opened_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be opened") as caught:
        configure_logging(log_file=tmp_path / "none" / "x.log")
    assert caught.value.hint
    assert caught.value.__context__ is None
    assert pickle.loads(pickle.dumps(caught.value)).message == caught.value.message
