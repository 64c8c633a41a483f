"""The command line, described once: to read it, to explain it and to complete it.

A new command takes two steps: an entry in `COMMANDS`, and the function it names, in the
module of its family. The function takes the context and each argument by name, and returns
the exit code:

    Command(
        "forget",
        "Forget a run.",
        "runs.forget",
        (word("run_id", metavar="RUN_ID", help="The newest if none.", completed_by="runs"),),
        examples=(("elconsole forget 42", "by number"),),
    )

    def forget(context: CommandContext, *, run_id: str | None) -> int: ...

Global options, `-h`, near misses, help and completion come by themselves. A command's
parser is built when the command is given, and no other (`parser`).
"""

from __future__ import annotations

from elconsole.cli.grammar import Command, file, flag, one_of, option, seconds_of_age, whole, word

GLOBAL_OPTIONS = (
    flag("--headless", help="No dashboard: do the work, print, exit."),
    flag("--read-only", help="A dashboard without any key that writes."),
    flag("--demo", help="Use an embedded pen plant instead of your databases."),
    option(
        "--demo-rows", metavar="N", type=whole(1), help="Units in each of the demo's sources."
    ),
    flag("--demo-live", help="Let the demo plant produce while you watch."),
    option(
        "-c", "--config", dest="config_file", metavar="FILE", type=file, completed_by="file",
        help="Settings file.",
    ),
    option("--profile", metavar="NAME", help="Lay a [profiles.NAME] of the file over it."),
    flag("-v", "--verbose", dest="verbosity", action="count", default=0,
         help="More log lines; tracebacks."),
    flag("-q", "--quiet", help="Only failures."),
    option(
        "--log-format", metavar="FORM", choices=("text", "json"), default="text",
        help="Form of the log lines on stderr: text or json.",
    ),
    option(
        "--log-file", metavar="FILE", type=file, completed_by="file", help="Log there too."
    ),
    option(
        "--metrics-file", metavar="FILE", type=file, completed_by="file",
        help="Write Prometheus metrics there after each sync.",
    ),
    option(
        "--metrics-port", metavar="PORT", type=whole(1, 65535),
        help="Serve Prometheus metrics on 127.0.0.1 while running.",
    ),
)  # fmt: skip
"""May stand before or after the command; the fields of `GlobalOptions`."""
VERSION = flag("--version", help="Show the version.")
PRINT_COMPLETION = option(
    "--print-completion", metavar="SHELL", choices=("bash", "zsh", "fish", "tcsh"),
    help="Print what teaches bash, zsh, fish or tcsh to complete.",
)  # fmt: skip

_JSON = flag("--json", dest="as_json", help="Print exactly one JSON document.")
_SELECTION = word(
    "selection", metavar="SOURCE[.TABLE]", nargs="*", completed_by="tables",
    help="Sources or tables; everything if none.",
)  # fmt: skip

PROGRAM = Command(
    "",
    "Copies tables from PostgreSQL databases into a PostgreSQL warehouse, and shows what is "
    "going on.\n\nWithout a command it opens the dashboard.",
    "console.dashboard",
    (*GLOBAL_OPTIONS, VERSION, PRINT_COMPLETION),
    examples=(
        ("elconsole --demo", "the dashboard on a plant of its own"),
        ("elconsole --headless sync", "sync everything and exit (cron)"),
        ("elconsole sync refills --headless", "one source"),
        ("elconsole check --json", "is everything reachable?"),
        ("elconsole init", "write a configuration file"),
    ),
)
"""What is done without a command."""
SHOW_VERSION = Command("", "", "setup.version")
SHOW_COMPLETION = Command("", "", "completion.script")

COMMANDS = (
    Command(
        "sync",
        "Copy tables into the warehouse.",
        "sync.sync",
        (
            _SELECTION,
            flag("--full", help="Refresh everything, whatever the table's mode."),
            flag("--adopt", help="Convert plain tables that stand in a target's place."),
            flag("--dry-run", help="Print the plan and change nothing."),
            option(
                "--retry", metavar="RUN", nargs="?", const="last", completed_by="runs",
                help="Only what did not succeed in a run; in the newest if none.",
            ),
            flag("--due", help="Only what was last synced longer ago than its `every`."),
            option(
                "--backfill", metavar="CONDITION",
                help="Read the rows of one table again for which this SQL is true.",
            ),
            _JSON,
        ),
        examples=(
            ("elconsole --headless sync", ""),
            ("elconsole --headless sync refills bodies.bodies_production --json", ""),
            ("elconsole sync --full", "open the dashboard, start a full refresh"),
            ("elconsole sync --dry-run", "show the plan, change nothing"),
            ("elconsole --headless sync --due", "what is due (one cron line for all)"),
            ("elconsole --headless sync --retry", "what the last run left undone"),
            ("elconsole --headless sync pens.units --backfill \"line = 'L3'\"", ""),
        ),
    ),
    Command(
        "check",
        "Health of every connection, age of every raw table.",
        "reports.check",
        (_JSON,),
        examples=(("elconsole check", ""), ("elconsole check --json | jq .connections", "")),
    ),
    Command(
        "quality",
        "Pass rates per line, material and other dimensions.",
        "reports.quality",
        (
            word(
                "sources", metavar="SOURCE", nargs="*", completed_by="sources",
                help="Sources; all if none.",
            ),
            option("--by", metavar="DIM", help="One dimension only."),
            option(
                "--period", metavar="PERIOD", choices=("hour", "day", "shift", "batch"),
                help="One row a value and period: hour, day, shift or batch.",
            ),
            flag("--fail-on-signal", help="Exit 5 where a rule fired."),
            flag("--freeze-baseline", help="Keep the present periods as the reference."),
            _JSON,
        ),
        examples=(
            ("elconsole quality", ""),
            ("elconsole quality bodies --by material --period day", ""),
            ("elconsole quality --fail-on-signal --json", ""),
        ),
    ),
    Command(
        "runs",
        "Past and present runs; one of them in detail.",
        "reports.runs",
        (
            word(
                "run_id", metavar="last|RUN_ID|prune", completed_by="runs",
                help="The newest run; or a run by its id, the id's beginning, or its number. "
                "Or remove old runs.",
            ),
            option("--limit", metavar="N", type=whole(1), default=20, help="How many."),
            option(
                "--keep", metavar="AGE", type=seconds_of_age,
                help="With prune: which runs stay, as in 90d; keep_runs of the settings if none.",
            ),
            _JSON,
        ),
        examples=(
            ("elconsole runs", ""),
            ("elconsole runs last", "the newest in detail"),
            ("elconsole runs 42", "one run, by number"),
            ("elconsole runs 3f2a --json", ""),
            ("elconsole runs prune --keep 90d", "remove what ended before"),
        ),
    ),
    Command(
        "cancel",
        "Ask a run, wherever it runs, to stop; exit 1 if it goes on.",
        "sync.cancel",
        (
            word(
                "run_id", metavar="RUN", completed_by="runs",
                help="Its number or id; the one that goes on if none.",
            ),
            _JSON,
        ),
        examples=(("elconsole cancel", "the run that goes on"), ("elconsole cancel 42", "")),
    ),
    Command(
        "targets",
        "Every raw table and who feeds it; rename, drop, reset.",
        "targets.targets",
        (
            word(
                "action", metavar="ACTION",
                type=one_of(["rename", "move-source", "drop", "reset"]),
                completed_by="target_actions",
                help="rename OLD NEW: another name for a raw table. move-source OLD NEW: the "
                "tables of a source that settings renamed. drop NAME: a raw table, for good. "
                "reset SOURCE.TABLE: the next sync is full.",
            ),
            word(
                "names", metavar="NAME", nargs="*", completed_by="targets",
                help="What the action is about.",
            ),
            flag("--yes", help="Don't ask."),
            flag("--dry-run", help="Say what would be done, and change nothing."),
            _JSON,
        ),
        examples=(
            ("elconsole targets", ""),
            ("elconsole targets rename raw.orders raw.sales", ""),
            ("elconsole targets move-source crm sales", "after [sources.crm] was renamed"),
            ("elconsole targets drop raw.orders", "asks; --yes does not"),
            ("elconsole targets reset crm.orders", "the next sync is full"),
        ),
    ),
    Command(
        "schema",
        "Drift between source and raw columns, and what follows.",
        "reports.schema",
        (_JSON,),
        examples=(("elconsole schema", ""),),
    ),
    Command(
        "reconcile",
        "Compare source and raw content; exit 5 if it differs.",
        "reports.reconcile",
        (_SELECTION, _JSON),
        examples=(("elconsole reconcile", ""), ("elconsole reconcile refills --json", "")),
    ),
    Command(
        "advise",
        "What could be better, why, and the command to run.",
        "reports.advise",
        (_JSON,),
        examples=(("elconsole advise", ""),),
    ),
    Command(
        "init",
        "Write a commented configuration file.",
        "setup.init",
        (
            option(
                "--path", metavar="FILE", type=file, default="elconsole.toml",
                completed_by="file", help="Where to write it.",
            ),
        ),
        examples=(("elconsole init", ""), ("elconsole init --path plant.toml", "")),
    ),
    Command(
        "grants",
        "Print the SQL that gives each role the least it needs.",
        "setup.grants",
        (
            word(
                "connections", metavar="SOURCE|warehouse", nargs="*", completed_by="sources",
                help="Whose servers; all if none.",
            ),
            option(
                "--reader", metavar="ROLE",
                help="Let this role of the warehouse read the copies, too.",
            ),
            _JSON,
        ),
        examples=(
            ("elconsole grants | less", ""),
            ("elconsole grants refills | psql refills", "one server at a time"),
            ("elconsole grants warehouse --reader bi", "and who may read"),
        ),
    ),
    Command(
        "config",
        "Print the effective settings and where each came from.",
        "setup.config",
        (
            word(
                "action", metavar="schema", type=one_of(["schema"]),
                help="Print a JSON Schema of the settings file instead.",
            ),
            flag("--check", help="Only say whether they are right; nothing is connected to."),
            _JSON,
        ),
        examples=(
            ("elconsole config", ""),
            ("elconsole config --check -c plant.toml", "exit 2 where something is wrong"),
            ("elconsole config schema", "what an editor can check a file against"),
        ),
    ),
    Command(
        "trust",
        "Let a file of a working folder name plug-ins and commands.",
        "setup.trust",
        (
            word(
                "path", metavar="FILE", type=file, completed_by="file",
                help="elconsole.toml or .env; those of the working folder if none.",
            ),
        ),
        examples=(("elconsole trust", ""), ("elconsole trust ./elconsole.toml", "")),
    ),
    Command(
        "serve",
        "The dashboard in a browser, for whoever has its address.",
        "setup.serve",
        (
            option(
                "--port", metavar="N", type=whole(1, 65535), default=8000, help="Where to listen."
            ),
            option(
                "--host", metavar="NAME", default="127.0.0.1",
                help="What browsers call this machine.",
            ),
            option(
                "--listen", metavar="ADDRESS", help="On which address, if not that of the name."
            ),
            flag("--public", help="Answer other machines, to that name alone."),
        ),
        examples=(("elconsole serve", ""), ("elconsole --demo serve --port 8080", "")),
    ),
    Command("__complete", "", "completion.candidates", (word("kind"), word("line"))),
)  # fmt: skip
