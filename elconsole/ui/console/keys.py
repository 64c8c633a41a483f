"""Keys typed ahead reach what the keys before them open.

Textual forwards a key at once to whatever has the focus; of two keys typed quickly, the
second one goes to the screen that the first one is about to cover.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App
    from textual.events import Key
    from textual.message_pump import MessagePump

LONGEST_S = 0.5
"""A key that takes longer holds the next ones up no more."""


class TypedKeys:
    """Lets one key on its way at a time: the next when the last has done its work."""

    def __init__(self, app: App[Any], deliver: Callable[[Key], Awaitable[None]]) -> None:
        self._app = app
        self._deliver = deliver
        self._waiting: deque[Key] = deque()
        self._under_way: Key | None = None

    def busy(self) -> bool:
        """Whether a key is on its way or waits for its turn."""
        return self._under_way is not None or bool(self._waiting)

    async def take(self, key: Key) -> None:
        """Deliver a key, or keep it until the one before is done."""
        self._waiting.append(key)
        if self._under_way is None:
            await self._next()

    async def _next(self) -> None:
        self._under_way = None
        if not self._waiting:
            return
        key = self._under_way = self._waiting.popleft()
        first = self._app.focused or self._app.screen
        await self._deliver(key)
        if key.is_forwarded:
            self._follow(key, first)
            self._app.set_timer(LONGEST_S, lambda: self._done(key))
        else:
            await self._next()

    def _follow(self, key: Key, node: MessagePump) -> None:
        """Go after the key, from node to node, until it is used up or was the app's."""

        def passed() -> None:
            parent = node._parent
            if key._stop_propagation or parent is None or node is self._app:
                self._app.call_later(self._done, key)
            else:
                self._follow(key, parent)

        if not node.call_later(passed):
            self._app.call_later(self._done, key)

    async def _done(self, key: Key) -> None:
        if key is self._under_way:
            await self._next()
