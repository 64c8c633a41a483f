"""Questions asked in threads."""

from __future__ import annotations

import threading

import pytest
from textual.message import Message

from elconsole.ui.console.messages import Told
from elconsole.ui.console.threads import Background

pytestmark = pytest.mark.unit
PATIENCE_S = 30.0


class Asked:
    """A question that is answered only when a test lets it be; counts its answers."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)
        self.heard = threading.Semaphore(0)
        self.background = Background(self._hear)

    def ask(self, *, anew: bool) -> bool:
        """Ask it."""
        return self.background.ask(
            "quality", self._work, lambda error: Told("refused", error.message), anew=anew
        )

    def _work(self) -> Message:
        self.begun.release()
        self.let_go.acquire(timeout=PATIENCE_S)
        return Told("answered", "")

    def _hear(self, _: Message) -> None:
        self.heard.release()


def test_a_question_asked_anew_is_asked_once_more_after_the_one_under_way() -> None:
    question = Asked()
    assert question.ask(anew=False)
    assert question.begun.acquire(timeout=PATIENCE_S)
    assert not question.ask(anew=True)
    assert not question.ask(anew=True)
    question.let_go.release()
    assert question.begun.acquire(timeout=PATIENCE_S)
    question.let_go.release()
    for _ in range(2):
        assert question.heard.acquire(timeout=PATIENCE_S)
    while question.background.waiting():
        assert not question.begun.acquire(timeout=0.01)


def test_a_question_under_way_is_not_asked_again_without_need() -> None:
    question = Asked()
    assert question.ask(anew=False)
    assert not question.ask(anew=False)
    question.let_go.release()
    assert question.heard.acquire(timeout=PATIENCE_S)
    while question.background.waiting():
        pass
    assert question.begun.acquire(timeout=PATIENCE_S)
    assert not question.begun.acquire(blocking=False)
