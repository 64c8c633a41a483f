"""Writing never fails for a character, a closed stream or a reader who left."""

from __future__ import annotations

import io
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elconsole.core.errors import ResultLost
from elconsole.report.streams import Output, encodable, is_terminal

pytestmark = pytest.mark.unit


@given(text=st.text(), encoding=st.sampled_from(["ascii", "latin-1", "utf-8", "cp1252", "none"]))
def test_any_text_fits_any_encoding(text: str, encoding: str) -> None:
    encodable(text, encoding).encode("ascii" if encoding == "none" else encoding)


def test_symbols_become_ascii_before_escapes() -> None:
    assert encodable("a – b … ✓ é", "ascii") == "a - b ... ok \\xe9"
    assert encodable("a – b", "utf-8") == "a – b"


def test_closed_and_missing_streams_are_silent() -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (closed, None):
        output = Output(stream, stream)
        output.result("result")
        output.note("note")
        output.failure("failure")
        assert not is_terminal(stream)


class Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_result_that_can_t_be_stored_is_an_error_but_narration_is_not() -> None:
    output = Output(Full(), Full())
    output.note("nobody hears this")
    assert output.stderr is None
    with pytest.raises(ResultLost, match="stdout: No space left"):
        output.result("lost")
    output.result("nobody reads this")


def test_lines_of_many_threads_stay_whole() -> None:
    stderr = io.StringIO()
    output = Output(None, stderr)

    def talk() -> None:
        for _ in range(50):
            output.note("x" * 50)

    threads = [threading.Thread(target=talk) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(stderr.getvalue().splitlines()) == {"x" * 50}
