"""`targets` on the command line: what it takes, when it asks, what it prints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from elconsole.core.targets import TargetInfo, TargetRequest, TargetsReport
from tests.cli.commandline import CommandLine
from tests.fakes.engine import FakeEngine
from tests.fakes.plant import before

pytestmark = pytest.mark.unit

ORDERS = "raw.refills_production"


def test_the_list_fits_eighty_columns_and_says_who_is_not_fed() -> None:
    class Engine(FakeEngine):
        def targets(self) -> TargetsReport:
            first, *rest = super().targets().targets
            gone = replace(first, state="not_selected", reason="settings exclude it")
            never = TargetInfo("raw.x", "refills", "x", "never_synced", "no sync has filled it")
            return TargetsReport((gone, never, *rest))

    lines = CommandLine(Engine()).run("targets").out.splitlines()
    assert max(map(len, lines[: lines.index("")])) <= 80
    assert lines[0].split() == ["table", "source", "state", "rows", "size", "synced"]
    assert lines[2].startswith(f"{ORDERS}  refills  not selected   100")
    since = before(60).strftime("%Y-%m-%d %H:%M:%SZ")
    assert f"{ORDERS}: not selected since {since}: settings exclude it" in lines
    assert "raw.x: never synced: no sync has filled it" in lines


def test_the_list_in_json_has_times_and_sizes() -> None:
    content = CommandLine().run("targets --json").json()
    first = content["targets"][0]
    assert (first["target"], first["state"], first["rows"]) == (ORDERS, "fed", 100)
    assert first["last_synced_at"].endswith("Z")
    assert content["unasked"] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("targets rename a", "targets rename takes OLD and NEW"),
        ("targets rename a b c", "targets rename takes OLD and NEW"),
        ("targets drop", "targets drop takes NAME"),
        ("targets reset", "targets reset takes SOURCE.TABLE"),
        ("targets burn a", "takes rename, move-source, drop or reset, not 'burn'"),
        ("targets --yes", "--yes and --dry-run belong to a change"),
        ("targets --dry-run", "--yes and --dry-run belong to a change"),
        ("--read-only targets rename a b", "--read-only allows no targets rename"),
        ("targets drop a", "here is nobody to ask"),
        ("targets drop a --json", "here is nobody to ask"),
    ],
)
def test_a_wrong_request_changes_nothing_and_exits_2(words: str, told: str) -> None:
    line = CommandLine()
    ended = line.run(words)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert line.engine.target_requests == []


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        ("targets rename OLD NEW", TargetRequest("rename", "OLD", "NEW")),
        ("targets move-source OLD NEW --yes", TargetRequest("move-source", "OLD", "NEW")),
        ("targets reset a.b", TargetRequest("reset", "a.b")),
        ("targets drop NAME --yes", TargetRequest("drop", "NAME")),
        ("targets drop NAME --dry-run", TargetRequest("drop", "NAME", dry_run=True)),
        ("--read-only targets drop NAME --dry-run", TargetRequest("drop", "NAME", dry_run=True)),
    ],
)
def test_a_change_is_passed_on(words: str, request_: TargetRequest) -> None:
    line = CommandLine()
    assert line.run(words).code == 0
    assert line.engine.target_requests == [request_]


def test_what_was_done_is_printed_and_what_would_be_is_marked() -> None:
    assert CommandLine().run(f"targets rename {ORDERS} x").out == f"{ORDERS}: rename done\n"
    said = CommandLine().run(f"targets drop {ORDERS} --dry-run").out
    assert said == f"{ORDERS}: drop done\nnothing was changed (--dry-run)\n"
    content = CommandLine().run(f"targets rename {ORDERS} x --json").json()
    assert content == {
        "action": "rename",
        "dry_run": False,
        "targets": [
            {
                "target": ORDERS,
                "source": "refills",
                "table": "refills_production",
                "change": "rename done",
                "to": "x",
            }
        ],
    }


@pytest.mark.parametrize(("answer", "code"), [("yes\n", 0), ("no\n", 1), ("\n", 1), ("", 1)])
def test_a_drop_asks_whoever_sits_at_the_terminal(answer: str, code: int) -> None:
    line = CommandLine()
    ended = line.run(f"targets drop {ORDERS}", terminal=True, typed=answer)
    assert ended.code == code
    assert f"{ORDERS}: drop done" in ended.err
    assert "Type yes:" in ended.err
    asked = [TargetRequest("drop", ORDERS, dry_run=True)]
    done = [TargetRequest("drop", ORDERS)] if code == 0 else []
    assert line.engine.target_requests == asked + done


def test_only_a_drop_asks() -> None:
    for words in (f"targets rename {ORDERS} x", f"targets drop {ORDERS} --yes"):
        assert "Type yes" not in CommandLine().run(words, terminal=True, typed="no\n").err
