"""What objects look like in a terminal, in a notebook and in the output of pytest: one short line each."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import ismemberdescriptor
from types import MemberDescriptorType

import mlspec
from mlspec.compiler.because import Because, because
from mlspec.compiler.record import LONGEST, Record

from .conftest import pytest_assertrepr_compare
from .support import MINIMAL, ROOT

FRAUD_SCORER = ROOT / "examples" / "fraud-scorer" / "mlspec.yaml"


def reached(thing: object, seen: set[int]) -> Iterator[Record | Because[object]]:
    """Every record and every value with a reason that an object leads to, whatever holds it."""
    waiting = [thing]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, (str, int, float, type)):
            continue
        seen.add(id(one))
        if isinstance(one, (Record, Because)):
            yield one
        waiting += one if isinstance(one, (tuple, list, set, frozenset)) else ()
        waiting += one.values() if isinstance(one, dict) else ()
        if type(one).__module__.startswith("mlspec"):
            waiting += vars(one).values() if hasattr(one, "__dict__") else ()
            slots = (member for cls in type(one).__mro__ for member in vars(cls).values() if ismemberdescriptor(member))
            waiting += [slot.__get__(one) for slot in slots if _is_set(slot, one)]


def _is_set(slot: MemberDescriptorType, thing: object) -> bool:
    try:
        slot.__get__(thing)
    except AttributeError:
        return False
    return True


def test_every_record_of_a_compiled_system_is_one_short_line() -> None:
    result = mlspec.compile(FRAUD_SCORER)
    things = list(reached(result, set()))
    assert {"Compiled", "Layered", "Artifact", "Because", "Diagnostic"} <= {type(thing).__name__ for thing in things}
    long = [text for thing in things if len(text := repr(thing)) > LONGEST or "\n" in text]
    assert long == []


def test_what_people_look_at_says_what_matters() -> None:
    spec = mlspec.load(text=MINIMAL)
    result = mlspec.compile(spec)
    bundle = result.bundles["default"]
    (memo,) = mlspec.plan(result).values()
    assert repr(spec) == "Spec(mlspec.yaml, platform built-in)"
    assert repr(result) == "Result(digit-reader: 1 environment)"
    assert repr(bundle) == f"Bundle(default: {len(bundle.files)} files)"
    assert repr(memo).startswith("Memo(default: ")
    wrong = mlspec.compile(text=MINIMAL.replace("p99: 100ms", "p99: 100"))
    assert repr(wrong) == "Result(digit-reader: 1 environment, 1 error)"
    assert repr(wrong.diagnostics[0]).startswith("Diagnostic(MLS006 at mlspec.yaml:")
    assert len(repr(mlspec.compile("/nowhere" * 100))) <= LONGEST


class Pair(Record):
    """A record like any other."""

    name: str
    items: object = ()


def test_a_record_shows_its_fields_and_how_much_they_hold() -> None:
    assert repr(Pair(name="a", items=("b", "c"))) == "Pair(name='a', items=('b', 'c'))"
    assert repr(Pair(name="a", items=(Pair(name="b"),))) == "Pair(name='a', items=<1 Pair>)"
    assert repr(Pair(name="a", items={"b": 1})) == "Pair(name='a', items=<1 keys>)"
    assert repr(Pair(name="a\nb", items=list(range(1000)))) == "Pair(name='a\\nb', items=<1000 int>)"
    assert len(repr(Pair(name="x" * 1000, items="y" * 1000))) <= LONGEST


def test_pytest_shows_where_two_records_differ() -> None:
    one, other = Pair(name="a", items=("b", "x" * 100)), Pair(name="a", items=("b", "y" * 100))
    shown = pytest_assertrepr_compare("==", one, other)
    assert shown is not None
    assert shown[1:] == [f"items: {one.items!r} != {other.items!r}"]
    assert pytest_assertrepr_compare("in", one, (other,)) is None


def test_a_value_with_a_reason_shows_both() -> None:
    assert repr(because(2, "one can be replaced")) == "Because(2, 'one can be replaced')"
    assert len(repr(because({"spec": {"a" * 1000: 1}}, "why " * 100))) <= LONGEST
