"""A `.env` file of a folder costs nobody memory or time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from elconsole.config import found
from elconsole.config.load import load_settings
from elconsole.core.errors import ConfigurationError
from tests.conftest import RunCli
from tests.hostile.folders import NOBODY, as_root, write

pytestmark = pytest.mark.faults

OURS = "ELCONSOLE_NAME=${A30}\n"
LAUGHS = "A0=xxxxxxxxxxxxxxxx\n" + "".join(
    f"A{n}=${{A{n - 1}}}${{A{n - 1}}}\n" for n in range(1, 31)
)
COSTLY = {
    "doubled thirty times": (LAUGHS + OURS, "fill in more than 1 MB"),
    "too long": (OURS + "#" * 70_000, "longer than 64 kB"),
    "no assignments": (OURS + "a b\n" * 15_000, "lines 2, 3, 4,"),
    "open quotes": (OURS + "".join(f'A{n}="\\"\n' for n in range(5_000)), "no NAME=value"),
}


@pytest.mark.parametrize(("text", "words"), COSTLY.values(), ids=COSTLY)
def test_a_costly_dotenv_is_left_out_and_told_in_one_line(
    here: Path, capfd: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    write(here / ".env", text)
    started = time.process_time()
    loaded = load_settings(environ={})
    assert time.process_time() - started < 5
    assert loaded.settings.name == "pen plant"
    assert [words in warning for warning in loaded.warnings] == [True]
    assert capfd.readouterr() == ("", "")


def test_references_without_an_end_cost_their_length(here: Path) -> None:
    write(here / ".env", "A=" + "${" * 30_000 + "\nELCONSOLE_NAME=a\n")
    started = time.process_time()
    assert load_settings(environ={}).settings.name == "a"
    assert time.process_time() - started < 5


@as_root
@pytest.mark.parametrize("text", [LAUGHS + OURS, "ELCONSOLE_NAME=a\n"])
def test_a_strangers_dotenv_is_not_parsed_at_all(
    here: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    path = write(here / ".env", text)
    os.chown(path, NOBODY, NOBODY)
    monkeypatch.setattr(found, "_text", lambda content: pytest.fail("it was read"))
    with pytest.raises(ConfigurationError, match=r"belongs to .*, so what it says is not heeded"):
        load_settings(environ={})


@pytest.mark.parametrize("text", [LAUGHS, "a b\n" * 100_000, "A=" + "${" * 300_000])
def test_one_that_says_nothing_to_us_is_not_parsed_either(
    here: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    write(here / ".env", text)
    monkeypatch.setattr(found, "_text", lambda content: pytest.fail("it was read"))
    assert load_settings(environ={}).warnings == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ELCONSOLE_NAME=a", "a"),
        ("  export ELCONSOLE_NAME=a", "a"),
        ("'ELCONSOLE_NAME'=a", "a"),
        ("x=1\relconsole_name=a", "a"),
        ("B=b\nELCONSOLE_NAME=${B}${C:-c}${D:?}${E}", "bc${D:?}"),
        ('B=1\nB=2\nELCONSOLE_NAME="${B}\nx"', "2\nx"),
        ("B='${C}'\nELCONSOLE_NAME=${B}${", "${C}${"),
    ],
)
def test_what_python_dotenv_reads_is_read(line: str, expected: str) -> None:
    content = line.encode()
    assert found.names_ours(content, "ELCONSOLE_")
    ours = found.our_variables(content, "ELCONSOLE_", {"B": "0"})
    assert list(ours.values.values()) == [expected]


def test_a_line_that_is_none_is_told_and_not_by_the_library(run_cli: RunCli, here: Path) -> None:
    write(here / ".env", "ELCONSOLE_NAME=a\nnonsense here\n")
    ended = run_cli("config", "--check")
    assert ended.returncode == 0
    assert "line 2 is no NAME=value" in ended.stderr
    assert "dotenv" not in ended.stderr.replace("/.env", "")
