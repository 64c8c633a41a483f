"""Syncs in a process of their own: settings as JSON on stdin's first line, one sync for each
further line; what became of each on stdout, with the process's peak memory."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
from pathlib import Path
from types import TracebackType

from elconsole.engine.connect import session

TRACEBACKS: list[str] = []


class _Tracebacks(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            _keep(record.exc_info[1])


def _keep(error: BaseException, _trace: TracebackType | None = None) -> None:
    TRACEBACKS.append("".join(traceback.format_exception(error))[-3000:])


def peak_kb() -> int:
    """The most memory this process ever had."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def main() -> None:
    values = json.loads(sys.stdin.readline())
    # The modules below take it as they are imported.
    session.CATALOG_TIMEOUT_S = values.pop("catalog_timeout", session.CATALOG_TIMEOUT_S)
    from elconsole.config.models import Settings
    from elconsole.core.errors import ElconsoleError
    from elconsole.core.results import SyncRequest
    from elconsole.engine.service import PostgresEngine

    logging.getLogger().addHandler(_Tracebacks())
    threading.excepthook = lambda told: _keep(told.exc_value or Exception("unknown"))
    engine = PostgresEngine(Settings(**values))
    for _line in sys.stdin:
        TRACEBACKS.clear()
        began, errors, status = time.monotonic(), [], "none"
        try:
            detail = engine.sync(SyncRequest(), emit=lambda event: None, stop=threading.Event())
            status = detail.run.status
            errors = [(one.error.kind, one.error.message) for one in detail.tables if one.error]
        except ElconsoleError as error:
            errors.append((error.kind, error.message))
        except Exception as error:  # noqa: BLE001 - what the test looks for
            _keep(error)
        told = {"status": status, "errors": errors, "seconds": time.monotonic() - began}
        told |= {"peak_kb": peak_kb(), "tracebacks": TRACEBACKS}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
