"""Records do what frozen data classes do."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from elconsole.core.record import record

Decorator = Callable[..., Any]


def family(decorate: Decorator) -> tuple[type[Any], type[Any]]:
    """A record and one that inherits from it, made by one decorator or the other."""

    @decorate(frozen=True, slots=True)
    class Part:
        name: str
        size: int = 3
        tags: dict[str, int] = field(default_factory=dict)
        secret: str = field(default="s", repr=False, compare=False)

        @property
        def double(self) -> int:
            return self.size * 2

    @decorate(frozen=True, slots=True, kw_only=True)
    class Spring(Part):
        turns: int
        steel: str | None = None

        def __repr__(self) -> str:
            return f"a spring of {self.turns} turns"

    return Part, Spring


@pytest.fixture(params=[record, dataclass], ids=["record", "dataclass"])
def made(request: pytest.FixtureRequest) -> tuple[type[Any], type[Any]]:
    """Every test holds for the standard library's own, or it would prove little."""
    return family(request.param)


def test_fields_come_by_place_by_name_and_by_default(made: tuple[type[Any], type[Any]]) -> None:
    part, spring = made
    assert part("a") == part(name="a", size=3, tags={})
    assert part("a").tags is not part("a").tags
    assert spring("s", 4, turns=2).steel is None
    assert spring("s", turns=2).double == 6
    with pytest.raises(TypeError):
        part()
    with pytest.raises(TypeError):
        spring("s", 4, {}, "x", 2)


def test_the_shape_is_the_same() -> None:
    for ours, theirs in zip(family(record), family(dataclass), strict=True):
        assert _parameters(ours) == _parameters(theirs)
        assert _names(ours) == _names(theirs)
        assert ours.__match_args__ == theirs.__match_args__
    assert not hasattr(family(record)[1]("a", turns=1), "__dict__")


def _parameters(made: type[Any]) -> list[tuple[str, Any, bool]]:
    listed = inspect.signature(made).parameters.values()
    return [(p.name, p.kind, p.default is p.empty) for p in listed]


def _names(made: type[Any]) -> list[str]:
    return [one.name for one in dataclasses.fields(made)]


def test_nothing_can_be_changed(made: tuple[type[Any], type[Any]]) -> None:
    one = made[1]("s", turns=2)
    for name in ("size", "turns", "new"):
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            setattr(one, name, 1)
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        del one.size
    assert one.size == 3


def test_equal_are_those_of_a_class_whose_compared_fields_are(
    made: tuple[type[Any], type[Any]],
) -> None:
    part, spring = made
    assert part("a", secret="x") == part("a", secret="y")
    assert part("a") != part("b")
    assert part("a") != ("a", 3, {})
    assert spring("a", turns=1) != part("a")
    assert hash(part("a", 1, ())) == hash(part("a", 1, (), "other"))
    assert len({part("a", 1, ()), part("a", 1, ()), part("b", 1, ())}) == 2
    with pytest.raises(TypeError):
        hash(part("a"))


def test_shown_are_the_fields_that_may_be(made: tuple[type[Any], type[Any]]) -> None:
    part, spring = made
    assert repr(part("a")).endswith("Part(name='a', size=3, tags={})")
    assert repr(spring("a", turns=2)) == "a spring of 2 turns"


def test_the_standard_librarys_tools_take_it(made: tuple[type[Any], type[Any]]) -> None:
    part, spring = made
    one = spring("a", 4, {"k": 1}, turns=2)
    assert dataclasses.replace(one, turns=5) == spring("a", 4, {"k": 1}, turns=5)
    assert dataclasses.asdict(part("a", tags={"k": 1})) == {
        "name": "a",
        "size": 3,
        "tags": {"k": 1},
        "secret": "s",
    }
    assert copy.copy(one) == one
    assert copy.deepcopy(one).tags is not one.tags
    match part("a"):
        case part(name, size):
            assert (name, size) == ("a", 3)


@record(frozen=True, slots=True)
class Sent:
    value: int
    note: str = ""


def test_it_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(Sent(3, "n"))) == Sent(3, "n")


def test_a_record_is_never_mutable() -> None:
    with pytest.raises(TypeError, match="frozen"):
        record(frozen=False, slots=True)


def test_a_record_without_a_docstring_gets_none_made_of_its_signature() -> None:
    assert Sent.__doc__ is None
