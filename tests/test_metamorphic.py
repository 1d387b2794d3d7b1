"""Every field of every example does something, and whatever it changes says so.

For a leaf of each field, in one of the examples that have it, another valid value is compiled. It must change an
artifact, a decision or a verdict, unless the compiler warns that it does not read it yet; and each line of output and
of the memo that changes must name the leaf in its chain of reasons, or `mlspec explain` and `mlspec plan` would not
lead their reader back to the cause. `make leaves` tries all leaves of all examples.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import pytest

import mlspec
from mlspec.compiler.answer.design.bundle import document
from mlspec.compiler.answer.memo import Area, Decided, Decision, Memo, decided, memo
from mlspec.compiler.answer.memo.change import Change as Told
from mlspec.compiler.answer.memo.change import changes as told
from mlspec.compiler.because import Because, Unavailable
from mlspec.compiler.check.effects import reached
from mlspec.compiler.check.not_yet import NOT_YET_READ, SHOWN
from mlspec.compiler.check.patterns import selected, values
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.emit.dump import Lines, plain
from mlspec.compiler.finding import Refusal
from mlspec.compiler.inputs import Input
from mlspec.compiler.link import File
from mlspec.compiler.part import Part
from mlspec.compiler.pipeline import Compiled, compile_system
from mlspec.compiler.tree import Node
from mlspec.targets.registry import BACKENDS

from . import batch, retraining
from .leaves import Change, Leaf, changed, changes, leaves, misnamed, one_of_each
from .online import RUNTIMES, spec
from .shared import Shared
from .support import EXAMPLES, ROOT, dumped
from .support import changed as edited

pytestmark = pytest.mark.exhaustive

PARTS = 12
"""The number of tests that share the leaves of each example, so that no single test takes long."""

EACH = pytest.mark.parametrize(
    ("example", "part"),
    [(example, part) for example in EXAMPLES for part in range(PARTS)],
    ids=[f"{example.name}-{part}" for example in EXAMPLES for part in range(PARTS)],
    scope="module",  # run all tests of one part before those of the next one
)

EVERY_LEAF = "MLSPEC_EVERY_LEAF" in os.environ
"""Whether every leaf of every example is tried, as `make leaves` does, rather than one leaf of each field."""

SAMPLE = 7
"""One leaf in so many is also tried on the unit tests of the alerts, which are longer than all else together, and on
the whole memo.
"""

PLATFORM = str(ROOT / "examples" / "mlspec.platform.yaml")

ENOUGH = 8
"""How many other values of a leaf are tried before it counts as one without effect."""

NOT_VALID = {"MLS003", "MLS004", "MLS005", "MLS006", "MLS007", "MLS008", "MLS010", "MLS011"}
"""Findings that make another value invalid: it proves nothing, and the test tries the next one."""

WITHOUT_EFFECT = {
    "PlatformFile:metadata.*": "whom to ask about the file",
    "PlatformFile:platform.kubernetes": "only models in images need a certain version, and no example has one",
    "evidence.*": "what `mlspec score` counts",
    "releases.*.previous.*": "what `mlspec rollback` goes back to",
    "releases.*.shadow.since": "what `mlspec promote` waits for",
    "releases.fraud-scorer.profile": "staging measures no drift",
    "models.*.candidates.2.cost": "of a naive baseline only the quality is compared",
    "models.*.candidates.2.latency.p99": "of a naive baseline only the quality is compared",
}
"""Leaves that no compiled output can show, with the reason why they are in the language."""

TITLES = (
    *("*#", "metadata.name", "*.candidates.*.name", "*.selected", "data.columns.*.name"),
    *("features.views.*.name", "evaluation.gates.*.metric", "evaluation.gates.*.segment"),
    *("constraints.fairness.*.metric", "constraints.fairness.*.between"),
)
"""Leaves that appear in the titles of a memo. And without a selected candidate, there is no candidate to name."""


class Outcome(NamedTuple):
    """The result of one compilation."""

    compiled: Compiled
    files: dict[str, File]
    verdicts: frozenset[tuple[str, ...]]

    @property
    def valid(self) -> bool:
        return not {id_ for id_, *_ in self.verdicts} & NOT_VALID

    def proofs(self) -> dict[str, File]:
        """The unit tests of the alerts."""
        files = ((index, file) for index, e in enumerate(self.compiled.environments) for file in e.bundle.files())
        found = {f"{index}/{file.path}": file for index, file in files}
        return {path: file for path, file in found.items() if path not in self.files}

    def shown(self) -> str:
        """The design document, which is for readers."""
        body = document(self.compiled).body
        assert isinstance(body, Lines)
        return body.text()

    def decisions(self) -> dict[str, str]:
        """Every value of the plans, as text."""
        return dict(pair for e in self.compiled.environments for pair in _decided(e.plan, e.name))


def outcome(input_: Input) -> Outcome:
    compiled = compile_system(input_, BACKENDS, RULES)
    environments = enumerate(compiled.environments)  # which may get another name
    files = {f"{index}/{file.path}": file for index, e in environments for file in e.bundle.own_files()}
    verdicts = frozenset((d.id, d.severity, d.message, d.note, d.help) for d in compiled.found)
    return Outcome(compiled, files, verdicts)


def _for_readers(leaf: Leaf) -> bool:
    """Whether it is in the language to be shown: no object depends on it."""
    return any(fnmatchcase(leaf.path, found) for pattern in SHOWN for found in (pattern, f"{pattern}.*"))


def _decided(thing: Any, path: str) -> Iterator[tuple[str, str]]:
    """The decisions that a plan holds; what is refused here has been said as a finding."""
    if isinstance(thing, Because):
        yield path, str(plain(thing.value))
    elif isinstance(thing, dict):
        for key, child in thing.items():
            yield from _decided(child, f"{path}.{key}")
    elif isinstance(thing, (tuple, list)):
        for index, child in enumerate(thing):
            yield from _decided(child, f"{path}.{index}")
    elif type(thing).__module__.startswith("mlspec.compiler.plan") and not isinstance(thing, Part):
        for name in _properties(type(thing).__mro__):
            try:
                child = getattr(thing, name)
            except (Unavailable, Refusal):
                continue
            yield from _decided(child, f"{path}.{name}")


@cache
def _properties(bases: tuple[type, ...]) -> tuple[str, ...]:
    return tuple(name for base in bases for name, kind in vars(base).items() if isinstance(kind, cached_property))


Choose = Callable[[list[Leaf]], list[Leaf]]
"""Which of the leaves of a system are tried."""


def those(*paths: str) -> Choose:
    """One leaf of each field whose path contains one of these texts."""
    return lambda all_: [leaf for leaf in one_of_each(all_) if any(text in leaf.path for text in paths)]


class Examined:
    """One system, compiled as it is and with each of some of its leaves changed."""

    def __init__(
        self, folder: Path, choose: Choose = one_of_each, part: slice = slice(None), decisions: bool = False
    ) -> None:
        self.input, self.base, memos = _base(folder)
        self.memos = memos if decisions else {}
        self.texts = texts(self.base)
        self.decisions = self.base.decisions()
        self.leaves = leaves(self.input)
        self.warned = _warned(self.base.compiled)
        self.silent: list[str] = []
        self.unnamed: list[str] = []
        self.lively: list[str] = []
        tried = choose(self.leaves)
        self.sampled = {id(leaf.node) for leaf in tried[::SAMPLE]}
        self.idle = [leaf for leaf in tried[part] if not self._has_effect(leaf) and not self._is_a_name(leaf)]

    @cached_property
    def proofs(self) -> dict[str, File]:
        """The unit tests of the system as it is."""
        return self.base.proofs()

    def _has_effect(self, leaf: Leaf) -> bool:
        """Try other values until one has an effect."""
        tried = 0
        for change in changes(leaf, self.leaves, self.input):
            made = outcome(changed(self.input, change))
            if not made.valid and not leaf.tag:
                continue
            tried += 1
            if not made.compiled.failed:
                self._examine(leaf, change, made)
            if self._differs(made) or (_for_readers(leaf) and made.shown() != self.base.shown()):
                return True
            if tried == (1 if id(leaf.node) in self.warned else ENOUGH):
                break
        return False

    def _is_a_name(self, leaf: Leaf) -> bool:
        """Whether it is there to be found by: another name, with all that use it, is the same system."""
        change = misnamed(leaf, self.leaves)
        return change is not None and outcome(changed(self.input, change)).verdicts != self.base.verdicts

    def _differs(self, made: Outcome) -> bool:
        same = made.verdicts == self.base.verdicts and texts(made) == self.texts
        return not same or made.decisions() != self.decisions

    def _examine(self, leaf: Leaf, change: Change, made: Outcome) -> None:
        """Hold what changed against what was changed."""
        trial = f"{leaf.path}: {leaf.node.text} -> {change[id(leaf.node)]}"
        if id(leaf.node) in self.warned and len(change) == 1 and texts(made) != self.texts:
            self.lively.append(trial)
        touched = [other for other in self.leaves if id(other.node) in change]
        causes = {span_of(node) for one in touched for node in (one.node, one.value) if node is not None}
        self.silent += [f"{trial}: {line}" for line in silent_lines(causes, self.base.files, made.files)]
        if id(leaf.node) in self.sampled:
            self.silent += [f"{trial}: {line}" for line in silent_lines(causes, self.proofs, made.proofs())]
            assert all(memo(environment).summary for environment in made.compiled.environments)
        if self.memos and not any(fnmatchcase(leaf.path, pattern) for pattern in TITLES):
            self.unnamed += [f"{trial}: {title}" for title in unnamed_decisions(span_of(leaf.node), self.memos, made)]


@cache
def _base(folder: Path) -> tuple[Input, Outcome, dict[str, Memo]]:
    """A system without changes, and what it compiles to. Every part is compared with it."""
    input_ = mlspec.load(folder / "mlspec.yaml")._input
    made = outcome(input_)
    return input_, made, {e.name: worded(e.name, decided(e.plan)) for e in made.compiled.environments}


def worded(environment: str, of: list[Decided]) -> Memo:
    """Decisions without what each rests on: enough to compare two memos."""
    areas = (
        Area(
            title=area.title,
            decisions=tuple(
                Decision(title=x.title, value=x.text, why=x.why, field=x.field, grounds=()) for x in area.lines
            ),
            undecided=area.undecided,
        )
        for area in of
    )
    return Memo(environment=environment, areas=tuple(areas), assumptions=())


def texts(made: Outcome) -> dict[str, str]:
    return {path: file.text for path, file in made.files.items()}


def _warned(compiled: Compiled) -> set[int]:
    """The leaves that a warning says are not supported yet, by the identity of their nodes."""
    artifacts = [artifact for e in compiled.environments for artifact in e.emitted.artifacts]
    used = {id(node) for node in reached(*((artifact.body, artifact.why) for artifact in artifacts))}
    trees = [e.layered.tree for e in compiled.environments]
    places = [at for tree in trees for pattern in NOT_YET_READ for _, _, at in selected(tree, pattern)]
    return {id(node) for at in places for _, node in values(at)} - used


class Idle(NamedTuple):
    """A leaf that has no effect, although no warning says so."""

    file: str
    path: str
    text: str
    type: str

    def excused(self, pattern: str) -> bool:
        """Whether a pattern in `WITHOUT_EFFECT`, such as `PlatformFile:metadata.*`, matches it."""
        type_, _, path = pattern.rpartition(":")
        return type_ in ("", self.type) and fnmatchcase(self.path, path)


class Found(NamedTuple):
    """The result of one part of the leaves of an example."""

    idle: frozenset[Idle]
    lively: list[str]
    silent: list[str]
    unnamed: list[str]


Examine = Callable[[Path, int], Found]


@pytest.fixture(scope="module")
def examined(shared: Shared) -> Examine:
    """Examine a part, or read the result if another test already did."""
    return lambda example, part: shared.once(f"{example.name}-{part}", lambda: _found(example, part))


def _found(example: Path, part: int) -> Found:
    return found_in(Examined(example, lambda all_: in_turn(example, all_), slice(part, None, PARTS), decisions=True))


def in_turn(example: Path, all_: list[Leaf]) -> list[Leaf]:
    """All leaves, or those of the fields whose turn it is here: each is tried in one of the examples that have it."""
    return all_ if EVERY_LEAF else [leaf for leaf in one_of_each(all_) if tried_in(leaf.file, leaf.field) == example]


@cache
def tried_in(file: str, field: str) -> Path:
    """The example in which a field is tried. Its name decides, so other fields that come and go change nothing."""
    having = [example for example in EXAMPLES if (file, field) in _fields(example)]
    return having[crc32(field.encode()) % len(having)]


@cache
def _fields(example: Path) -> frozenset[tuple[str, str]]:
    return frozenset((leaf.file, leaf.field) for leaf in leaves(_base(example)[0]))


def found_in(here: Examined) -> Found:
    left = [leaf for leaf in here.idle if id(leaf.node) not in here.warned]
    idle = frozenset(Idle(leaf.node.file.name, leaf.path, leaf.node.text, leaf.file) for leaf in left)
    return Found(idle, here.lively, here.silent, here.unnamed)


def unexcused(found: Found) -> set[Idle]:
    """The leaves without effect that no pattern excuses."""
    return {leaf for leaf in found.idle if not any(leaf.excused(pattern) for pattern in WITHOUT_EFFECT)}


def whole(example: Path, examined: Examine) -> list[Found]:
    """All parts of an example, last one first, because another worker may be working from the first one."""
    return [examined(example, part) for part in reversed(range(PARTS))]


@EACH
def test_every_leaf_has_an_effect(example: Path, part: int, examined: Examine) -> None:
    assert {leaf for leaf in unexcused(examined(example, part)) if leaf.file != PLATFORM} == set()


@EACH
def test_what_is_said_to_be_not_compiled_changes_no_output(example: Path, part: int, examined: Examine) -> None:
    assert examined(example, part).lively == []


@EACH
def test_every_line_that_changes_names_its_cause(example: Path, part: int, examined: Examine) -> None:
    assert examined(example, part).silent == []


@EACH
def test_every_decision_that_changes_names_its_cause(example: Path, part: int, examined: Examine) -> None:
    assert examined(example, part).unnamed == []


def test_every_leaf_of_the_platform_file_has_an_effect(examined: Examine) -> None:
    """On one of the systems: none has need of all that a platform offers."""
    idle = {leaf for example in EXAMPLES[::-1] for found in whole(example, examined) for leaf in unexcused(found)}
    assert {leaf for leaf in idle if leaf.file == PLATFORM and all(_idle_in(leaf, one) for one in EXAMPLES)} == set()


def _idle_in(leaf: Idle, example: Path) -> bool:
    """Whether a leaf of the platform file has no effect on an example."""
    here = found_in(Examined(example, lambda all_: [one for one in all_ if one.path == leaf.path]))
    return leaf in here.idle


def test_every_excuse_is_needed(examined: Examine) -> None:
    left = [leaf for example in EXAMPLES[::-1] for found in whole(example, examined) for leaf in found.idle]
    assert [pattern for pattern in WITHOUT_EFFECT if not any(leaf.excused(pattern) for leaf in left)] == []


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_line_of_a_runtime_that_changes_names_its_cause(tmp_path: Path, runtime: str) -> None:
    """What most runtimes have in no example; and only a signature is idle, because not every runtime receives it."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.yaml").write_text(dumped(spec(runtime)))
    found = Examined(tmp_path)
    assert not found.base.compiled.failed
    assert found.silent == []
    left = {".".join(leaf.path.split(".")[:3]) for leaf in found.idle if id(leaf.node) not in found.warned}
    assert left <= {"models.fraud.signature"}


PLACED: dict[str, Any] = {
    "scheduling": {
        "nodeSelector": {"example.com/pool": "models"},
        "nodeAffinity": [{"key": "topology.kubernetes.io/zone", "values": ["eu-central-1a", "eu-central-1b"]}],
        "tolerations": [{"key": "example.com/models", "value": "yes", "effect": "NoExecute"}],
        "runtimeClass": "gvisor",
        "spot": True,
    },
    "podLabels": {"sidecar.istio.io/inject": "false"},
    "podAnnotations": {"example.com/note": "own"},
    "env": {"A": {"secret": "keys", "key": "a"}, "B": {"configMap": "settings", "key": "b"}, "C": "text"},
}
"""Every field that the pods of all kinds have."""

ON_ALL: dict[str, Any] = {
    "platform__cloud": "aks",
    "platform__scheduling": {"nodeSelector": {"example.com/disk": "ssd"}},
    "platform__podLabels": {"example.com/cost": "7"},
    "platform__podAnnotations": {"example.com/contact": "models"},
    "platform__caBundle": {"configMap": "company", "key": "ca.pem"},
    "platform__security": {"users": "image"},
    "platform__images__runtime": "registry.example.com/mlspec-runtime:1",
}


@pytest.mark.parametrize(
    ("made", "part"),
    [
        (spec(), "serving"),
        (batch.spec(serving__resources__accelerator=None), "serving"),
        (retraining.spec(), "training"),
    ],
    ids=["online", "batch", "training"],
)
def test_every_line_of_a_pod_field_that_changes_names_its_cause(tmp_path: Path, made: Any, part: str) -> None:
    (tmp_path / ".git").mkdir()
    whole = edited(made, **ON_ALL, **{f"{part}__{key}": value for key, value in PLACED.items()})
    (tmp_path / "mlspec.yaml").write_text(dumped(whole))
    found = Examined(tmp_path, those("platform.", "scheduling", "podLabels", "podAnnotations", "env."))
    assert found.silent == []
    assert [leaf.path for leaf in found.idle] == []


def silent_lines(causes: set[Any], base: dict[str, File], made: dict[str, File]) -> Iterator[str]:
    """Lines that differ and do not say that they rest on what was changed."""
    chains = Chains()
    for path in sorted({*base, *made}):
        old, new = base.get(path), made.get(path)
        before, after = lines(old), lines(new)
        for file, numbers in _differing(old, new, before, after):
            text = before if file is old else after
            unnamed = [number for number in numbers if not causes & chains.of(file, number)]
            if unnamed and not any(_named(file, slid, causes, chains) for slid in _slides(text, numbers)):
                yield from (f"{path}:{number + 1}: {text[number]}" for number in unnamed)


def unnamed_decisions(cause: Any, before: dict[str, Memo], made: Outcome) -> Iterator[str]:
    """Decisions of a memo that change, but do not depend on the leaf that we changed."""
    for environment in made.compiled.environments:
        if environment.name in before:
            after = decided(environment.plan)
            differing = told(before[environment.name], worded(environment.name, after))
            yield from (change.title for change in differing if not _rests_on(cause, after, change))


def _rests_on(cause: Any, after: list[Decided], change: Told) -> bool:
    """Whether a changed decision depends on the place of a leaf, or no longer exists."""
    lines = (line for area in after if area.title == change.area for line in area.lines)
    line = next((line for line in lines if line.title == change.title), None)
    return line is None or any(span_of(at) == cause for at in reached(line.value))


def lines(file: File | None) -> list[str]:
    """The lines of a file; of two entries of a JSON list the comma between them is the second one's."""
    return [line.removesuffix(",") for line in file.text.split("\n")[:-1]] if file is not None else []


def _named(file: File, numbers: range, causes: set[Any], chains: Chains) -> bool:
    return all(causes & chains.of(file, number) for number in numbers)


def span_of(node: Node) -> tuple[str, int, int]:
    return (node.file.name, node.line, node.column)


def _differing(old: File | None, new: File | None, before: list[str], after: list[str]) -> Iterator[tuple[File, range]]:
    """Lines that only one of two versions has, in blocks."""
    same = next((n for n, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), None)
    skip = min(len(before), len(after)) if same is None else same  # what is equal needs no comparing
    matcher = SequenceMatcher(None, before[skip:], after[skip:], autojunk=False)
    for tag, start, end, first, last in matcher.get_opcodes():
        if tag != "equal" and old is not None and end > start:
            yield old, range(skip + start, skip + end)
        if tag != "equal" and new is not None and last > first:
            yield new, range(skip + first, skip + last)


def _slides(text: list[str], numbers: range) -> Iterator[range]:
    """The same difference, begun at other lines: two equal lines do not show which one is new."""
    up = down = numbers
    while up.start and text[up.start - 1] == text[up.stop - 1]:
        up = range(up.start - 1, up.stop - 1)
        yield up
    while down.stop < len(text) and text[down.stop] == text[down.start]:
        down = range(down.start + 1, down.stop + 1)
        yield down


class Chains:
    """The places of the spec that each value rests on, by its sources alone: what `mlspec explain` shows."""

    def __init__(self) -> None:
        self.known: dict[int, frozenset[Any]] = {}

    def of(self, file: File, number: int) -> frozenset[Any]:
        return frozenset().union(*(self._of(reason) for reason in file.reasons[number]))

    def _of(self, source: Because[Any] | Node) -> frozenset[Any]:
        if isinstance(source, Node):
            return frozenset((span_of(source),))
        if id(source) not in self.known:
            self.known[id(source)] = frozenset().union(*(self._of(one) for one in source.sources))
        return self.known[id(source)]
