"""A file we are told to write is only ever a file."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from elconsole.core.errors import UsageError
from elconsole.observe.logs import configure_logging
from tests.conftest import RunCli
from tests.hostile.folders import NOBODY, UNREACHABLE, as_root, user_settings

pytestmark = pytest.mark.faults

PROMPT_S = 20
"""A sync that reaches nobody ends in a second; this machine may be busy."""


def zeros_without_end(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))


def full_disk(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 7))


def pipe(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def link(path: Path) -> None:
    path.symlink_to(path.with_name("goal"))
    path.with_name("goal").write_text("precious")


def dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


NO_FILES = [
    pytest.param(zeros_without_end, marks=as_root),
    pytest.param(full_disk, marks=as_root),
    *map(pytest.param, (pipe, folder, link, dangling_link)),
]


@pytest.mark.parametrize("make", NO_FILES)
def test_metrics_go_to_a_regular_file_or_nowhere(
    run_cli: RunCli, home: Path, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    user_settings(home, UNREACHABLE)
    place = tmp_path / "elconsole.prom"
    make(place)
    before, beside = place.lstat(), sorted(tmp_path.iterdir())
    ended = run_cli("--headless", "--metrics-file", str(place), "sync", timeout_s=PROMPT_S)
    assert ended.returncode == 3, ended.stderr
    assert f"metrics: {place} was not written" in ended.stderr
    assert "it is not a regular file" in ended.stderr
    after = place.lstat()
    assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
    assert sorted(tmp_path.iterdir()) == beside
    if make is link:
        assert place.read_text() == "precious"


def test_a_metrics_file_without_end_is_not_read(
    run_cli: RunCli, home: Path, tmp_path: Path
) -> None:
    user_settings(home, UNREACHABLE)
    place = tmp_path / "elconsole.prom"
    with place.open("wb") as file:
        file.truncate(2**40)
    ended = run_cli("--headless", "--metrics-file", str(place), "sync", timeout_s=PROMPT_S)
    assert ended.returncode == 3
    assert "can't be continued: [Errno 27] it is larger than 16 MB" in ended.stderr
    assert "elconsole_sync" in place.read_text()


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x{" * 5000, b"\0" * 100, b'a{b="c} 1\n'])
def test_a_metrics_file_full_of_nonsense_fails_no_sync(
    run_cli: RunCli, home: Path, tmp_path: Path, content: bytes
) -> None:
    user_settings(home, UNREACHABLE)
    place = tmp_path / "elconsole.prom"
    place.write_bytes(content)
    ended = run_cli("--headless", "--metrics-file", str(place), "sync", timeout_s=PROMPT_S)
    assert ended.returncode == 3
    assert "Traceback" not in ended.stderr
    assert "elconsole_sync" in place.read_text()


def test_a_log_is_for_its_owner_alone_and_stays_so_when_it_is_rotated(tmp_path: Path) -> None:
    path = tmp_path / "elconsole.log"
    before = os.umask(0)
    try:
        configure_logging(log_file=path, to_stderr=False)
        logging.getLogger("elconsole").info("first")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.rename(tmp_path / "elconsole.log.1")
        logging.getLogger("elconsole").info("second")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "second" in path.read_text()


def test_a_pipe_in_a_logs_place_stops_nothing(run_cli: RunCli, home: Path, tmp_path: Path) -> None:
    user_settings(home, UNREACHABLE)
    path = tmp_path / "elconsole.log"
    pipe(path)
    ended = run_cli("--headless", "--log-file", str(path), "sync", timeout_s=PROMPT_S)
    assert ended.returncode == 2
    assert "it is not a regular file" in ended.stderr
    path.unlink()
    configure_logging(log_file=path, to_stderr=False)
    path.unlink()
    pipe(path)
    began = time.monotonic()
    logging.getLogger("elconsole").error("put aside")
    assert time.monotonic() - began < PROMPT_S


@as_root
def test_a_link_that_another_user_made_is_no_log(tmp_path: Path) -> None:
    goal, path = tmp_path / "precious", tmp_path / "elconsole.log"
    goal.write_text("precious")
    path.symlink_to(goal)
    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(UsageError, match="it is another user's link"):
        configure_logging(log_file=path, to_stderr=False)
    assert goal.read_text() == "precious"
