"""Typical mistakes: each is answered in a few lines with the thing, its place and the next step.

docs/errors.md shows these very answers."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elconsole.cli.compose import Parts
from tests.cli.commandline import CommandLine, Ended
from tests.conftest import REPOSITORY
from tests.fakes.engine import FakeEngine
from tests.fakes.plant import unreachable
from tests.link import Link
from tests.postgres import PostgresServer

pytestmark = pytest.mark.integration

DOCUMENT = REPOSITORY / "docs" / "errors.md"
PASSWORD = "right"


class RealLine(CommandLine):
    """The command line on the real engine."""

    def parts(self) -> Parts:
        return Parts()


Write = Callable[..., None]


@pytest.fixture
def write(link: Link, server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes elconsole.toml: a warehouse and the source crm, over TCP, with passwords."""
    link.source.sql(
        "CREATE TABLE customers (id int PRIMARY KEY, email text, updated_at timestamptz);"
        "CREATE TABLE payroll (id int PRIMARY KEY)"
    )
    link.tables[link.name] = ["customers"]
    link.grant(link.settings())
    for role in link.roles.values():
        server.admin.sql(f"ALTER ROLE \"{role}\" PASSWORD '{PASSWORD}'")

    def block(head: str, values: dict[str, Any]) -> str:
        lines = (f"{key} = {json.dumps(value)}" for key, value in values.items())
        return "\n".join((f"[{head}]", *lines, ""))

    def address(name: str) -> dict[str, Any]:
        database = link.warehouse if name == "warehouse" else link.sources[name]
        return {
            "host": "127.0.0.1",
            "port": server.tcp_port,
            "dbname": database.name,
            "user": link.roles[name],
            "password": PASSWORD,
        }

    def write_file(more: str = "", mode: int = 0o600, **source: Any) -> None:
        crm = {**address(link.name), "tables": ["customers"], **source}
        path = Path("elconsole.toml")
        path.write_text(block("warehouse", address("warehouse")) + block("sources.crm", crm) + more)
        path.chmod(mode)

    return write_file


MISTAKES: dict[str, tuple[dict[str, Any], str, int]] = {
    "a wrong password": ({"password": "wrong"}, "--headless sync -q", 3),
    "a wrong port": ({"port": 1}, "--headless sync -q", 3),
    "a database that is not there": ({"dbname": "nowhere"}, "--headless sync -q", 3),
    "a misspelt key": ({"tabels": ["customers"]}, "check", 2),
    "a file that is no TOML": ({"more": "[sources.erp\n"}, "check", 2),
    "a source written twice": ({"more": "[sources.crm]\n"}, "check", 2),
    "an unknown strategy": ({"strategy": "xmax"}, "check", 2),
    "a misspelt table": ({"tables": ["custmers"]}, "sync --dry-run", 1),
    "a glob that matches nothing": ({"tables": ["crm_*"]}, "sync --dry-run", 1),
    "a block for a misspelt table": (
        {"more": '[sources.crm.table.custmers]\nexclude_columns = ["email"]\n'},
        "sync --dry-run",
        1,
    ),
    "a misspelt column": ({"exclude_columns": ["*.emial"]}, "sync --dry-run", 1),
    "a condition that can't be read": (
        {"more": "[sources.crm.table.customers]\nwhere = \"emial <> ''\"\n"},
        "sync --dry-run",
        1,
    ),
    "a misspelt cursor": (
        {
            "more": '[sources.crm.table.customers]\nmode = "incremental"\nstrategy = "cursor"\n'
            'cursor = "updatd_at"\n'
        },
        "sync --dry-run",
        1,
    ),
    "a table that may not be read": ({"tables": ["payroll"]}, "--headless sync -q", 1),
    "a password that others can read": ({"mode": 0o644}, "config --check", 0),
}


def shown(ended: Ended, link: Link, server: PostgresServer) -> str:
    """What was said on stderr, with the names of this test's databases as a user has them."""
    text = ended.err.replace(str(Path.cwd()), "/home/ada/plant")
    for name, role in link.roles.items():
        plain = "warehouse" if name == "warehouse" else "crm"
        database = link.warehouse if name == "warehouse" else link.sources[name]
        text = text.replace(role, f"{plain}_user").replace(database.name, plain)
    return re.sub(rf"\b{server.tcp_port}\b", "5432", text).rstrip()


def assert_answered(name: str, text: str) -> None:
    assert "Traceback" not in text
    answer = f"## {name[0].upper()}{name[1:]}\n\n```\n{text}\n```\n"
    assert answer in DOCUMENT.read_text(encoding="utf-8"), answer


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_as_the_document_says(
    name: str, write: Write, link: Link, server: PostgresServer
) -> None:
    values, words, code = MISTAKES[name]
    write(**values)
    ended = RealLine().run(words)
    assert ended.code == code, ended
    assert_answered(name, shown(ended, link, server))


def test_no_settings_at_all_are_answered_as_the_document_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/ada/.config")
    ended = CommandLine(FakeEngine(unreachable())).run("--headless sync -q")
    assert ended.code == 3
    told = ended.err.replace(str(Path.cwd()), "/home/ada/plant").rstrip()
    assert_answered("no settings at all", told[told.index("note: ") :])


def test_a_missing_extra_is_answered_as_the_document_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    ended = CommandLine().run("serve")
    assert ended.code == 2
    assert_answered("a missing extra", ended.err.rstrip())


def test_every_answer_has_a_next_step() -> None:
    answers = DOCUMENT.read_text(encoding="utf-8").split("\n## ")[1:]
    assert len(answers) >= 15
    for answer in answers:
        assert re.search(r"^hint: |: run chmod", answer, re.MULTILINE), answer
