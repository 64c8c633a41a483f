"""Which columns of a source's tables its own indexes keep unique."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from elconsole.engine.connect.answers import LARGEST_OID, several, values_of, whole, words
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.sql.statements import statement

UniqueKeys = Mapping[int, Sequence[frozenset[str]]]
"""By a relation's OID, sets of columns whose values no two of its rows share."""


def read_unique_keys(session: Session, oids: Sequence[int]) -> UniqueKeys:
    found: dict[int, list[frozenset[str]]] = defaultdict(list)
    with session.within(CATALOG_TIMEOUT_S):
        rows = session.execute(statement("catalog/source_keys"), [list(oids)]).fetchall()
    for row in rows:
        oid, columns = values_of(row, 2)
        found[whole(oid, 1, LARGEST_OID)].append(frozenset(map(words, several(columns))))
    return found
