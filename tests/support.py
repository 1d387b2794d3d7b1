"""What tests share: compiling a text, the examples, and the tools that must be there."""

from __future__ import annotations

import copy
import io
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import pytest
import yaml

import mlspec
from mlspec.api import Result
from mlspec.cli import cli
from mlspec.compiler.because import fixed
from mlspec.compiler.emit.dump import plain
from mlspec.compiler.plan.serving.capacity import Care, Demand
from mlspec.compiler.plan.serving.promises import Promise, Promises
from mlspec.compiler.plan.serving.queueing import work
from mlspec.schema.units import Duration, Percent

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/mlspec.yaml"))
ADOPTERS = sorted(path.parent for path in (ROOT / "tests" / "adopters").glob("*/mlspec.yaml"))

CARE = Care(
    utilization=fixed(Percent.parse("70%"), ""),
    spare_from=fixed(Percent.parse("99.9%"), ""),
    zones_from=fixed(Percent.parse("99.99%"), ""),
    zones=fixed(3, ""),
)
"""How careful the planner is where the platform file does not say otherwise."""


def demand(
    time: str, slots: int, bounds: dict[str, str], queues: str = "random", tail: tuple[float, str] | None = None
) -> Demand:
    """What a replica does with a request: its mean time, its slots, and the bounds by percentile. `tail` is a share of
    the requests, and the time that they exceed.
    """
    mean = fixed(Duration.parse(time), "")
    of = work(float(mean.value)) if tail is None else work(float(mean.value), tail[0], float(Duration.parse(tail[1])))
    bounded = tuple(Promise(name, fixed(Duration.parse(bound), "")) for name, bound in bounds.items())
    promises = Promises(bounded, fixed(of, ""), None, fixed(Percent.parse("80%"), ""))
    return Demand(mean, fixed(slots, ""), fixed(queues, ""), promises)


KEPT_BY_ARGO_CD = {
    "argocd.argoproj.io/sync-options": "Prune=false",
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
}
KEPT_BY_FLUX = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
KEPT = [("argocd", KEPT_BY_ARGO_CD), ("flux", KEPT_BY_FLUX), ("kustomize", {**KEPT_BY_ARGO_CD, **KEPT_BY_FLUX})]
"""The annotations of an object that outlives its place in Git, by the tool that the platform names."""

MINIMAL = (ROOT / "examples" / "minimal" / "mlspec.yaml").read_text()


DOMAIN: dict[str, object] = {"serving__endpoint": {}, "platform__gateway__domain": "models.example.com"}
"""Changes that give each environment a host of its own, for specs with several."""


def compile_text(tmp_path: Path, text: str = MINIMAL, *, platform: str | None = None, **more: object) -> Result:
    """Compile a spec that is given as text."""
    (tmp_path / "mlspec.yaml").write_text(dedent(text))
    if platform is not None:
        (tmp_path / "mlspec.platform.yaml").write_text(dedent(platform))
    (tmp_path / ".git").mkdir(exist_ok=True)  # the platform file is looked for up to here
    return mlspec.compile(tmp_path / "mlspec.yaml", **more)  # type: ignore[arg-type]


def minimal(**changes: object) -> str:
    """The minimal spec with some of its sections replaced."""
    return dumped(changed(loaded(MINIMAL), **changes))


def loaded(text: str) -> Any:
    """What a YAML text says, read ten times as fast as in pure Python."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def dumped(value: object) -> str:
    """A value as YAML, in the order of its keys."""
    made: str = yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False)
    return made


def changed(base: dict[str, Any], /, **changes: object) -> dict[str, Any]:
    """A copy with some values changed; `a__b` is the path `a.b`, and None leaves one out."""
    made: dict[str, Any] = copy.deepcopy(base)
    for path, value in changes.items():
        *steps, last = path.split("__")
        at = made
        for step in steps:
            at = at.setdefault(step, {})
        if value is None:
            at.pop(last, None)
        else:
            at[last] = copy.deepcopy(value)
    return made


class Ran(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str


def run(*arguments: str | Path, stdin: str = "", program: Callable[[], int] | None = None) -> Ran:
    """Run `mlspec` with arguments; an exception that a user would see as a fault of mlspec fails the test. With
    `program`, the whole program runs, which also prints what is wrong with the arguments.
    """
    out, err = _stream(), _stream()
    with pytest.MonkeyPatch.context() as patch:
        for name, stream in (("stdin", _stream(stdin)), ("stdout", out), ("stderr", err)):
            patch.setattr(sys, name, stream)
        given = [str(argument) for argument in arguments]
        if program is not None:
            patch.setattr(sys, "argv", ["mlspec", *given])
            return Ran(program(), _written(out), _written(err))
        with pytest.raises(SystemExit) as left:
            cli(given, prog_name="mlspec")
    status = left.value.code
    assert isinstance(status, int)
    return Ran(status, _written(out), _written(err))


def _stream(text: str = "") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")


def _written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def files(result: Result) -> dict[str, str]:
    """The text of each YAML file, by its environment and path, without the unit tests of alerts: they are large, and
    few tests are about them.
    """
    return {
        f"{bundle.environment}/{one.path}": bundle.files[one.path]
        for bundle in result.bundles.values()
        for one in sorted(bundle._linked.made, key=lambda one: one.path)
        if one.path.endswith(".yaml")
    }


def objects(result: Result, kind: str | None = None) -> list[dict[str, object]]:
    """The objects of all environments as an API server would read them, in the order of their files."""
    from .validation import load

    return [
        load(bundle.files[one.path])
        for bundle in result.bundles.values()
        for one in sorted(bundle._linked.made, key=lambda one: one.path)
        if one.object is not None and (kind is None or plain(one.object["kind"]) == kind)
    ]


def ids(result: Result) -> list[str]:
    """The ids of all findings, in order."""
    return [diagnostic.id for diagnostic in result.diagnostics]


def as_in_a_terminal() -> None:
    """A shell lets what it starts in the background ignore SIGINT, and every program below inherits that.

    For `preexec_fn` of a process that a test interrupts.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def tool(name: str) -> str:
    """A program that a test needs. Its absence is a failure, unless MLSPEC_WITHOUT_TOOLS=1 is set."""
    path = shutil.which(name)
    if path is not None:
        return path
    package = "prometheus-alertmanager" if name == "amtool" else "prometheus"
    message = f"{name} is not installed: on Debian, apt-get install {package}"
    if os.environ.get("MLSPEC_WITHOUT_TOOLS") == "1":
        pytest.skip(message)
    pytest.fail(message)
