"""Which name a mistyped one meant, among however many a server says it has.

`difflib` compares two names in quadratic time, and names of the same letters pass all of its
quicker looks. So it judges only the few that share the longest subsequence with the word.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from functools import cached_property

CUTOFF = 0.6
"""Below it, two words are not alike."""
MOST = 120
"""Among more names, only those that begin or end as the word does are compared."""
CLOSEST = 5
"""The names that are compared in full."""
MOST_ASKED = 50
"""Words that the same names are asked for: who misses more has not mistyped them."""
LONGEST = 256
"""Characters of a word or name that is compared at all."""


class Names:
    """Names of one kind, to be asked for the nearest as often as one is mistyped."""

    def __init__(self, names: Iterable[str]) -> None:
        # Of names that differ in case alone, the first one is meant.
        self._by_fold: dict[str, str] = {}
        self._asked = 0
        for name in names:
            if len(name) <= LONGEST:
                self._by_fold.setdefault(name.casefold(), name)

    def nearest(self, word: str) -> str | None:
        """The name most like a mistyped word, None where none is like it."""
        from difflib import get_close_matches
        from heapq import nlargest

        folded = word.casefold()
        self._asked += 1
        if len(folded) > LONGEST or self._asked > MOST_ASKED:
            return None
        shares = _Shares(folded)
        shared = ((shares.with_(name), name) for name in self._compared(folded))
        # What difflib finds is a part of what they share.
        alike = [each for each in shared if each[0] >= CUTOFF]
        closest = [name for _, name in nlargest(CLOSEST, alike)]
        found = get_close_matches(folded, closest, n=1, cutoff=CUTOFF)
        return self._by_fold[found[0]] if found else None

    def _compared(self, folded: str) -> Iterable[str]:
        if len(self._by_fold) <= MOST:
            return self._by_fold
        backwards = _around(folded[::-1], self._by_end)
        return {*_around(folded, self._by_beginning), *(name[::-1] for name in backwards)}

    @cached_property
    def _by_beginning(self) -> list[str]:
        return sorted(self._by_fold)

    @cached_property
    def _by_end(self) -> list[str]:
        """Backwards."""
        return sorted(name[::-1] for name in self._by_fold)


def _around(word: str, ordered: list[str]) -> list[str]:
    """The names around a word's place in their order."""
    place = bisect_left(ordered, word)
    return ordered[max(0, place - MOST // 4) : place + MOST // 4]


class _Shares:
    """How much of a word other words share, by the bits of Hyyrö's "Bit-parallel LCS-length
    computation revisited" (2004): a step a character, whatever the word's length."""

    def __init__(self, word: str) -> None:
        self._length = len(word)
        self._all = (1 << len(word)) - 1
        self._places: dict[str, int] = {}
        for place, character in enumerate(word):
            self._places[character] = self._places.get(character, 0) | 1 << place

    def with_(self, other: str) -> float:
        """Twice their longest common subsequence's length by the sum of theirs, 0 to 1."""
        unmatched = self._all
        for character in other:
            met = unmatched & self._places.get(character, 0)
            unmatched = (unmatched + met | unmatched - met) & self._all
        shared = self._length - unmatched.bit_count()
        return 2 * shared / max(1, self._length + len(other))
