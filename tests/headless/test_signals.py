"""The first signal stops cleanly, the second at once."""

from __future__ import annotations

import signal
import threading

import pytest

from elconsole.headless.signals import StopSignals, handled, stoppable

pytestmark = pytest.mark.unit


class Recorder:
    """A handler with everything it did."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.said: list[str] = []
        self.left: list[int] = []
        self.interrupted = threading.Event()
        self.handler = StopSignals(
            self.stop,
            interrupt=self.interrupted.set,
            say=self.said.append,
            leave=self.left.append,
        )


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_the_first_signal_stops_and_interrupts(number: signal.Signals, code: int) -> None:
    recorder = Recorder()

    def work() -> str:
        signal.pthread_kill(threading.main_thread().ident or 0, number)
        assert recorder.stop.wait(10)
        assert recorder.interrupted.wait(10)
        return "stopped"

    assert stoppable(work, recorder.handler) == "stopped"
    assert recorder.handler.exit_code == code
    assert recorder.left == []
    assert number.name in recorder.said[0]


def test_the_second_signal_leaves_with_its_own_code() -> None:
    recorder = Recorder()
    recorder.handler(signal.SIGINT, None)
    recorder.handler(signal.SIGTERM, None)
    assert recorder.left == [143]


def test_handlers_are_restored() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with handled(Recorder().handler):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_ignored_hangup_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with handled(Recorder().handler):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_error_of_the_work_reaches_the_caller() -> None:
    def work() -> None:
        raise ValueError("from the thread")

    with pytest.raises(ValueError, match="from the thread"):
        stoppable(work, Recorder().handler)
