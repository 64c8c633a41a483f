"""Whether the ledger and the schemas are ours alone, before anything of them is touched.

A role that may create in the database could have made the schema `elconsole` first, or hang a
trigger on a table of it: code of its own, which would run as whoever syncs or only reads."""

from __future__ import annotations

from collections.abc import Sequence

from elconsole.core.errors import TargetTaken
from elconsole.core.quoting import grantee
from elconsole.core.safe_text import clean_text
from elconsole.engine.connect.answers import values_of
from elconsole.engine.connect.session import Session
from elconsole.engine.sql.names import LEDGER_RELATIONS, LEDGER_SCHEMA, STORAGE_SCHEMA
from elconsole.engine.sql.statements import trusting

NAME_CELLS = 120
STRANGER = "who is neither elconsole's role nor the database's owner nor a superuser"
WORDS = {
    "schema": f"the schema {{name}} belongs to {{role}}, {STRANGER}",
    "create": "{role} may create in the schema {name}, which is for elconsole alone",
    "owner": f"{{name}} belongs to {{role}}, {STRANGER}",
    "kind": "{name} is not what elconsole makes of that name; it belongs to {role}",
    "code": "{name} has to do with the {what}, which elconsole did not make",
    "right": "{role} may put triggers on {name}, which would run as elconsole's role",
}
OTHER_WORDS = "{name} has a {trap} that elconsole did not make: {what}"
"""Of a trigger, a rule, a policy, a parent or child."""
HINTS = {
    "schema": "see what is in it; then, as an administrator, drop it or make elconsole's role its"
    " owner (`elconsole grants` prints how it is made beforehand)",
    "create": "REVOKE CREATE ON SCHEMA {name} FROM {grantee}",
    "right": "REVOKE TRIGGER ON {name} FROM {grantee}",
}
OTHER_HINT = "see what it does; then drop it as an administrator, or the whole schema with it"


def has_ledger(
    session: Session, target_schemas: Sequence[str] = (), *, writes: bool = False
) -> bool:
    """Whether elconsole ever ran here: one question to the catalogs, which runs nobody's code.

    Raises TargetTaken where a schema or a table of the ledger belongs to a role that is
    neither this one, nor the database's owner, nor a superuser, or where such a role could
    have laid a trap. Whoever `writes` nothing and can't create schemas, a reader, believes
    whoever made the ledger."""
    schemas = [LEDGER_SCHEMA, STORAGE_SCHEMA, *target_schemas]
    query = trusting("ledger/traps", "%(reads)s")
    asked = {"schemas": schemas, "relations": list(LEDGER_RELATIONS), "reads": not writes}
    is_there, name, trap, what, role = values_of(session.execute(query, asked).fetchone(), 5)
    if trap is not None:
        raise _taken(str(name), str(trap), what, str(role))
    return bool(is_there)


def _taken(name: str, trap: str, what: str | None, role: str) -> TargetTaken:
    texts = {"name": name, "trap": trap, "what": what or "", "role": role}
    shown = {key: clean_text(text, NAME_CELLS) for key, text in texts.items()}
    # Of elconsole's own schemas and tables, whose names need no quotes.
    shown["grantee"] = grantee(role)
    words = WORDS.get(trap, OTHER_WORDS).format(**shown)
    return TargetTaken(
        f"warehouse: {words}; it was left alone", hint=HINTS.get(trap, OTHER_HINT).format(**shown)
    )
