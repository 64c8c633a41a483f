"""What a set of processes costs, read from /proc: time, processor, memory, and who disturbed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SAMPLE_EVERY_S = 0.02
SETTLE_S = 3.0
BUSY_FIELDS = (1, 2, 3, 6, 7, 8)
"""user, nice, system, irq, softirq, steal of the first line of /proc/stat (proc(5))."""

Pipeline = Sequence[Sequence[str]]
"""Commands, each reading what the one before wrote."""


class CommandFailed(Exception):
    """A measured command ended badly; carries the end of what it wrote to stderr."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run cost."""

    wall_s: float
    client_cpu_s: float
    """User and system time of the commands and of all they started."""
    server_cpu_s: Mapping[str, float]
    """By server: its whole process tree, to the end of its last backend."""
    peak_bytes: int
    """Sum of the high-water marks (VmHWM) of the processes that lived at one time."""
    foreign_share: float
    """Share of the machine's processors that was busy with something else."""
    output: str
    """The commands' stdout."""

    @property
    def cpu_s(self) -> float:
        """Clients and servers together."""
        return self.client_cpu_s + sum(self.server_cpu_s.values())


def measure(
    pipelines: Sequence[Pipeline], servers: Mapping[str, int], env: Mapping[str, str]
) -> Cost:
    """Run pipelines side by side to their end. `servers` are postmasters' process ids.

    Raises CommandFailed where one of the commands ends with another code than 0."""
    server_before = {name: tree_cpu_s(pid) for name, pid in servers.items()}
    children_before = {name: _children(pid) for name, pid in servers.items()}
    busy_before, own_before = machine_busy_s(), _own_cpu_s()
    began = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        processes = [p for one in pipelines for p in _start(one, out.fileno(), err.fileno(), env)]
        with _PeakSampler([process.pid for process in processes]) as sampler:
            client_cpu_s, codes = _wait(processes)
        wall_s = time.monotonic() - began
        own_s = _own_cpu_s() - own_before
        for name, pid in servers.items():
            _wait_for_backends(pid, children_before[name])
        server_cpu_s = {n: tree_cpu_s(pid) - server_before[n] for n, pid in servers.items()}
        elapsed_s = time.monotonic() - began
        busy_s = machine_busy_s() - busy_before
        for file in (out, err):
            file.seek(0)
        output, errors = out.read().decode(), err.read().decode()
    if any(codes):
        raise CommandFailed(f"exit codes {codes}: {errors[-2000:]}")
    foreign_s = max(0.0, busy_s - own_s - client_cpu_s - sum(server_cpu_s.values()))
    return Cost(
        wall_s=wall_s,
        client_cpu_s=client_cpu_s,
        server_cpu_s=server_cpu_s,
        peak_bytes=sampler.peak_bytes,
        foreign_share=foreign_s / elapsed_s / (os.cpu_count() or 1),
        output=output,
    )


def _start(
    pipeline: Pipeline, out: int, err: int, env: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    before: subprocess.Popen[bytes] | None = None
    for number, command in enumerate(pipeline, 1):
        process = subprocess.Popen(
            list(command),
            stdin=before.stdout if before else subprocess.DEVNULL,
            stdout=out if number == len(pipeline) else subprocess.PIPE,
            stderr=err,
            env=dict(env),
        )
        if before and before.stdout:
            before.stdout.close()
        yield process
        before = process


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> tuple[float, list[int]]:
    """Processor seconds of the processes and their children, and their exit codes."""
    cpu_s, codes = 0.0, []
    for process in processes:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu_s += usage.ru_utime + usage.ru_stime
        codes.append(process.returncode)
    return cpu_s, codes


class _PeakSampler:
    """Watches process trees for the memory they held."""

    def __init__(self, pids: Sequence[int]) -> None:
        self.peak_bytes = 0
        self._pids = pids
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _PeakSampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_EVERY_S):
            held = sum(_high_water_bytes(p) for pid in self._pids for p in _tree(pid))
            self.peak_bytes = max(self.peak_bytes, held)


def _high_water_bytes(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0
    marks = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(marks[0]) * 1024 if marks else 0


def _children(pid: int) -> set[int]:
    """Of all its threads; a process may end at any moment."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for thread in (PROC / str(pid) / "task").iterdir():
            with contextlib.suppress(OSError):
                found.update(int(child) for child in (thread / "children").read_text().split())
    return found


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for child in _children(pid):
        yield from _tree(child)


def tree_cpu_s(pid: int) -> float:
    """Processor seconds of a process, its living descendants and those it waited for."""
    return sum(_cpu_s(one) for one in _tree(pid))


def _cpu_s(pid: int) -> float:
    """utime, stime, cutime and cstime of proc(5); the name before them may hold blanks."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS_PER_S


def _wait_for_backends(pid: int, before: set[int]) -> None:
    """Wait until the server's backends of this run have ended and were counted."""
    deadline = time.monotonic() + SETTLE_S
    while _children(pid) - before and time.monotonic() < deadline:
        time.sleep(SAMPLE_EVERY_S)


def machine_busy_s() -> float:
    """Processor seconds that the whole machine spent working since it started."""
    fields = (PROC / "stat").read_text().splitlines()[0].split()
    return sum(int(fields[n]) for n in BUSY_FIELDS) / TICKS_PER_S


def _own_cpu_s() -> float:
    """This process alone: what it measures is counted apart."""
    usage = os.times()
    return usage.user + usage.system


def describe_machine() -> str:
    """Processors, memory and kernel; no names."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in (PROC / "cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        os.uname().machine,
    )
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    kernel = os.uname().release.split("-")[0]
    return f"{os.cpu_count()} × {model}, {memory_bytes / 2**30:.0f} GiB, Linux {kernel}"
