"""What stored values depend on beside their bytes, which can change without a new row version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from elconsole.engine.connect.answers import LARGEST_OID, several, values_of, whole, words
from elconsole.engine.connect.session import CATALOG_TIMEOUT_S, Session
from elconsole.engine.sql.statements import statement

Meanings = Mapping[str, Sequence[str]]
"""By column, digests of the labels, attributes or expression that its values are made of."""


def read_meanings(session: Session, oids: Sequence[int]) -> Mapping[int, Meanings]:
    """By relation, the columns whose values could change by themselves."""
    found: dict[int, dict[str, Sequence[str]]] = defaultdict(dict)
    with session.within(CATALOG_TIMEOUT_S):
        rows = session.execute(
            statement("catalog/source_meanings"), {"relations": list(oids)}
        ).fetchall()
    for row in rows:
        oid, column, digests = values_of(row, 3)
        found[whole(oid, 1, LARGEST_OID)][words(column)] = sorted(map(words, several(digests)))
    return found
