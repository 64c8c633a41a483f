"""A sync in a process of its own: settings as JSON on stdin, its peak memory on stdout."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path


def main() -> None:
    from elconsole.config.models import Settings
    from elconsole.core.results import SyncRequest
    from elconsole.engine.service import PostgresEngine

    engine = PostgresEngine(Settings(**json.load(sys.stdin)))
    print("ready", flush=True)
    detail = engine.sync(SyncRequest(), emit=lambda event: None, stop=threading.Event())
    engine.close()
    peak = next(
        int(line.split()[1])
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    )
    print(json.dumps({"status": detail.run.status, "peak_kb": peak}), flush=True)


if __name__ == "__main__":
    main()
