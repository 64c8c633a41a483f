"""The public name of what a plug-in imports: `from elconsole.hooks import Veto`."""

from elconsole.plugins.hooks import Veto, hookimpl
from elconsole.plugins.types import HookResult, HookTask, QueryOnly

__all__ = ["HookResult", "HookTask", "QueryOnly", "Veto", "hookimpl"]
