"""Many systems by all cores: what is written and said is what one core writes and says, in the same order."""

from __future__ import annotations

import gc
import json
import os
import sys
import weakref
from pathlib import Path

import pytest

from mlspec.terminal.commands import spread
from mlspec.terminal.commands.spread import FEWEST
from mlspec.terminal.render import FORMATS

from .support import Ran, minimal, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere one core does it all")

MANY = FEWEST + 5


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    """Systems in folders of their own, one of them wrong and one that cannot be read."""
    (tmp_path / ".git").mkdir()
    for number in range(MANY):
        (tmp_path / f"s{number:02}").mkdir()
        text = minimal(metadata__name=f"system-{number}", serving__endpoint={"hosts": [f"{number}.example.com"]})
        if number == 3:
            text = minimal(metadata__name="wrong", constraints__availability=99.5)
        if number == 5:
            text = "a: [\n"
        (tmp_path / f"s{number:02}" / "mlspec.yaml").write_text(text)
    return tmp_path


def both(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[Ran, Ran]:
    """What one core does, and what four do."""
    found = []
    for many in (1, 4):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, many=many: set(range(many)), raising=False)
        found.append(run(*arguments))
    return found[0], found[1]


@pytest.mark.parametrize("form", [form.name for form in FORMATS])
def test_lint_says_the_same(specs: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, four = both(monkeypatch, "lint", f"{specs}/*/mlspec.yaml", "--format", form)
    assert one == four
    assert one.status == 2
    assert "s03" in one.out + one.err


@pytest.mark.exhaustive
def test_compile_writes_and_says_the_same(specs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, four = both(monkeypatch, "compile", f"{specs}/*/mlspec.yaml", "--dry-run")
    assert one == four
    written = run("compile", f"{specs}/*/mlspec.yaml")
    assert written.status == 2
    assert sorted(path.parent.name for path in specs.glob("*/out")) == [
        f"s{n:02}" for n in range(MANY) if n not in (3, 5)
    ]
    again_one, again_four = both(monkeypatch, "check", f"{specs}/*/mlspec.yaml")
    assert again_one == again_four
    assert "files are up to date" in again_four.err


def test_two_systems_that_claim_one_folder_are_found_in_order(specs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (specs / "s09" / "mlspec.yaml").write_text(minimal(metadata__name="system-1"))
    one, four = both(monkeypatch, "compile", f"{specs}/*/mlspec.yaml", "--out", str(specs / "all"), "--dry-run")
    assert one == four
    assert "s01/mlspec.yaml and " in four.err


def test_the_work_is_really_done_elsewhere_and_comes_back_in_order() -> None:
    paths = [str(number) for number in range(50)]
    came = list(spread.spread(lambda path: (path, os.getpid()), paths))
    assert [path for path, _ in came] == paths
    assert len({process for _, process in came} | {os.getpid()}) > 1 or len(os.sched_getaffinity(0)) == 1


def test_a_fault_in_another_process_is_a_fault_here() -> None:
    def faulty(path: str) -> str:
        raise RuntimeError(path)

    with pytest.raises(RuntimeError, match="0"):
        list(spread.spread(faulty, [str(number) for number in range(50)]))


class System:
    """Refers to itself, as the parts of a real one refer to each other."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize("cores", [1, 4])
def test_the_memory_of_a_system_is_free_before_the_next(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    earlier: list[weakref.ref[System]] = []

    def left(_: str) -> int:
        found = sum(one() is not None for one in earlier)
        earlier.append(weakref.ref(System()))
        return found

    assert list(spread.spread(left, [str(number) for number in range(MANY)])) == [0] * MANY


def test_no_object_of_the_tests_is_frozen() -> None:
    """Hypothesis 6.120 asks the garbage collector who refers to a generator, and it does not find frozen objects. The
    tests with the lowest versions would fail, much later than this one.
    """
    assert gc.get_freeze_count() == 0


def test_json_is_one_document(specs: Path) -> None:
    assert {"MLS001", "MLS005"} & {
        d["id"] for d in json.loads(run("lint", f"{specs}/*/mlspec.yaml", "--format", "json").out)["diagnostics"]
    }
