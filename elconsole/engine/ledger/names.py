"""Which raw table each source table fills: pure rules, kept once they are applied."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

NAME_BYTES = 63
HASH_LETTERS = 8


def assign_names(
    newcomers: Sequence[TableKey],
    taken: Mapping[TableKey, str],
    others: Collection[str] = (),
) -> dict[TableKey, str]:
    """Target names for tables that have none yet.

    `taken` holds all names assigned so far, `others` more names that are not free. A name
    that one newcomer alone wants, and that is free, is its own table's; else the source's name
    goes before it, and the schema's between them where one source has two of them."""
    wanted = Counter(table for _, _, table in newcomers)
    within_source = Counter((source, table) for source, _, table in newcomers)
    within_source.update((source, table) for source, _, table in taken)
    used = {*taken.values(), *others}
    assigned: dict[TableKey, str] = {}
    for key in newcomers:
        source, schema, table = key
        if wanted[table] == 1 and table not in used:
            name = table
        elif within_source[source, table] > 1:
            name = f"{source}_{schema}_{table}"
        else:
            name = f"{source}_{table}"
        assigned[key] = _unused(fit(name), key, used)
        used.add(assigned[key])
    return assigned


def fit(name: str) -> str:
    """The name itself where PostgreSQL can hold it, else cut and ended by its hash."""
    if len(name.encode()) <= NAME_BYTES:
        return name
    return _cut(name, NAME_BYTES - HASH_LETTERS - 1) + "_" + _digest(name)


def spell(text: str, encoding: str) -> str:
    """The text as a database of this encoding can hold it: other characters as `\\u8868`."""
    try:
        codec = codecs.lookup(encoding.replace("WIN", "cp")).name
    except LookupError:
        return text
    return text.encode(codec, "backslashreplace").decode(codec)


def can_spell(texts: Iterable[str], encoding: str) -> bool:
    return all(spell(text, encoding) == text for text in texts)


def leaf_name(target_id: int, generation: int, target: str, token: str) -> str:
    """The storage table of one generation: `t12_g5_4f0c_refills_production`.

    `token` is random: the tables of a ledger that was lost may still stand."""
    return _cut(f"t{target_id}_g{generation}_{token}_{target}", NAME_BYTES)


def _unused(name: str, key: TableKey, used: Collection[str]) -> str:
    if name not in used:
        return name
    return _cut(name, NAME_BYTES - HASH_LETTERS - 1) + "_" + _digest("\0".join(key))


def _cut(name: str, size: int) -> str:
    return name.encode()[:size].decode(errors="ignore")


def _digest(text: str) -> str:
    import hashlib  # which loads OpenSSL

    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LETTERS]


TableKey = tuple[str, str, str]
"""Source, schema and table name."""
