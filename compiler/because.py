"""Values that carry their reason.

Every value in an output file that is not part of a target's own structure is a `Because`: an opaque leaf that holds
the value, the reason in words, and the sources of the value. You cannot lose the reason by accident: a `Because` cannot
be formatted or compared. It can only be unwrapped by a decision (which makes its sources complete by construction),
composed by `text`, or written by the dumper, which therefore knows where every line of output came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, ParamSpec, TypeVar, Union

from .record import brief, one_line
from .tree import Node

__all__ = [
    "SENTENCES",
    "Because",
    "Derived",
    "Kind",
    "Source",
    "Unavailable",
    "because",
    "because_of",
    "decision",
    "first",
    "fixed",
    "literal",
    "roots",
    "text",
    "sources_of",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
P = ParamSpec("P")

Source = Union["Because[Any]", "Node"]


class Holder:
    """Anything that holds values with reasons: a part of a system."""

    __slots__ = ()

    def leaves(self) -> Iterator[object]:
        """The values."""
        raise NotImplementedError  # no ABC: `isinstance` with one is slow, and every decision gathers its sources


class Unavailable(Exception):  # noqa: N818 - not an error: what needs the value is skipped
    """A value was read that the spec leaves invalid or missing; the mistake itself has been reported."""


Kind = Literal["", "default", "assumed", "patched", "measured", "chosen"]
"""What a value is based on besides its sources: nothing else, the language's default, a planner's assumption, a patch,
a measurement, or a target's own choice. Code checks the kind; only people read the words of a reason.
"""

SENTENCES: dict[Kind, str] = {
    "default": "the default of {path}: {why}",
    "assumed": "assumed until `{path}` is set: {why}",
    "patched": "patched: {why}",
}
"""How a reason of each kind is worded; a kind that is not listed adds nothing."""


class Because(Generic[T_co]):
    """A value with its reason and its sources: nodes of the spec, or other values with theirs.

    `path` is the field of the spec or of the platform file that overrides the value, if its kind has one.
    """

    __slots__ = ("_find", "kind", "path", "sources", "value", "why")

    sources: tuple[Source, ...]
    _find: Callable[[], object]

    def __init__(
        self, value: T_co, why: str = "", sources: tuple[Source, ...] = (), kind: Kind = "", path: str = ""
    ) -> None:
        self.value = value
        self.why = why
        self.sources = sources
        self.kind = kind
        self.path = path

    @property
    def reason(self) -> str:
        """The full reason in words: the kind of the value, and why it is this one."""
        sentence = SENTENCES.get(self.kind)
        return self.why if sentence is None else sentence.format(path=self.path, why=self.why)

    def __repr__(self) -> str:
        return one_line(self, f"{brief(self.value)}, {self.reason!r}")

    if not TYPE_CHECKING:  # a misspelled attribute stays an error

        def __getattr__(self, name: str) -> tuple[Source, ...]:
            """The sources, if they are found only when they are first read: see `because_of`."""
            if name != "sources":
                raise AttributeError(f"a Because has no {name}")
            self.sources = tuple(sources_of(self._find()))
            return self.sources

    def _opaque(self, *_: object) -> NoReturn:
        raise TypeError("a Because is opaque: use text(), a decision, or .value in a condition")

    __str__ = __format__ = __bool__ = __eq__ = __hash__ = __iter__ = __len__ = _opaque

    def map(self, change: Callable[[T_co], T]) -> Because[T]:
        """The same fact in another form, such as a duration in whole seconds; keeps the reason."""
        return Because(change(self.value), self.why, (self,), self.kind, self.path)

    def also(self, *sources: object) -> Because[T_co]:
        """The same value for the same reason, which also depends on these sources."""
        found: list[Source] = [self]
        _gather_all(sources, found)
        return Because(self.value, self.why, tuple(found), self.kind, self.path)


class Derived(Generic[T_co]):
    """A field that the planner decides if the author leaves it out. Only the planner reads `given`."""

    __slots__ = ("given",)

    def __init__(self, given: Because[T_co] | None = None) -> None:
        self.given = given


def because(value: T, why: str, *sources: object) -> Because[T]:
    """Attach a reason to a value or to a whole piece of an object. `sources` takes whatever `sources_of` reads."""
    found: list[Source] = []
    _gather_all(sources, found)
    return Because(value, why, tuple(found))


def because_of(value: T, why: str, find: Callable[[], object]) -> Because[T]:
    """The same with sources that are found when they are first read, which writing the value never does."""
    made = Because(value, why)
    del made.sources
    made._find = find
    return made


def first(*values: T | None) -> T | None:
    """The first value that is not None. `or` does not work here: a `Because` has no truth value."""
    return next((value for value in values if value is not None), None)


def fixed(value: T, why: str) -> Because[T]:
    """Mark a target's own choice, which does not depend on any line of the spec."""
    return Because(value, why, (), "chosen")


def sources_of(thing: object) -> list[Source]:
    """Every value with a reason in `thing`: itself, or the contents of lists, mappings, and parts of a system."""
    found: list[Source] = []
    _gather(thing, found)
    return found


def _gather(thing: object, found: list[Source]) -> None:
    if thing is None or type(thing) is str:
        return  # the most common things without a reason
    if isinstance(thing, (Because, Node)):
        found.append(thing)
    elif isinstance(thing, (tuple, list)):
        _gather_all(thing, found)
    elif isinstance(thing, dict):
        _gather_all(thing.values(), found)
    elif isinstance(thing, Derived):
        if thing.given is not None:
            found.append(thing.given)
    elif isinstance(thing, Holder):
        _gather_all(thing.leaves(), found)


def _gather_all(things: Iterable[object], found: list[Source]) -> None:
    for thing in things:
        if type(thing) is Because:  # most of them are, and need no call
            found.append(thing)
        else:
            _gather(thing, found)


def roots(*things: object) -> tuple[Source, ...]:
    """What values depend on in the end, each once: nodes of the spec, defaults, and assumptions.

    For a choice among many attempts: a reader asks what it depends on, not how each attempt came about.
    """
    found: dict[int, Source] = {}
    seen: set[int] = set()
    stack = sources_of(things)[::-1]
    while stack:
        source = stack.pop()
        if id(source) in seen:
            continue
        seen.add(id(source))
        if isinstance(source, Because) and source.sources:
            stack += source.sources[::-1]
        elif isinstance(source, Node) or source.kind != "chosen":
            found[id(source)] = source
    return tuple(found.values())


def decision(decide: Callable[P, tuple[T, str]]) -> Callable[P, Because[T]]:
    """Turn a function that returns a value and its reason in words into one that returns a `Because`.

    The sources are the arguments, so they are complete by construction: a decision sees nothing else.
    """

    @wraps(decide)
    def decided(*args: P.args, **kwargs: P.kwargs) -> Because[T]:
        value, why = decide(*args, **kwargs)
        found: list[Source] = []
        _gather_all(args, found)
        _gather_all(kwargs.values(), found)
        return Because(value, why, tuple(found))

    return decided


def literal(words: str) -> str:
    """Words from a spec as part of a template of `text`, in which a brace would be a placeholder."""
    return words.replace("{", "{{").replace("}", "}}")


def text(template: str, why: str = "", /, **parts: Because[Any]) -> Because[str]:
    """Build a string from values with reasons: `text("{name}-stable", name=plan.name)`. `{{` and `}}` escape braces."""
    values = {key: part.value for key, part in parts.items()}
    return Because(template.format_map(values), why, tuple(parts.values()))
