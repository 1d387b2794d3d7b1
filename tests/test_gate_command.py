"""The command that judges a model: exit statuses, files, the model's digest, and hostile input."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlspec.runtime.digest import digest_of, size_of
from mlspec.targets.pod.download import DIGEST

from .gates import config, measured
from .support import ROOT, Ran, run

# The command


class Job:
    """The folders of a run, as the gate finds them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for step in ("train", "evaluate", "gate"):
            (folder / step).mkdir()
        self.model = folder / "train" / "model.onnx"
        self.model.write_bytes(b"a model")
        self.write("config.json", config({"metric": "recall", "min": 0.6}))
        self.write("train/model.json", {"version": 1, "path": "model.onnx", "format": "onnx"})
        self.write("evaluate/metrics.json", measured(recall={"value": 0.7}))

    def write(self, path: str, content: Any) -> None:
        (self.folder / path).write_text(content if isinstance(content, str) else json.dumps(content))

    def run(self, monkeypatch: pytest.MonkeyPatch) -> Ran:
        for name, path in (("CONFIG", "config.json"), ("INPUT", "."), ("OUTPUT", "gate")):
            monkeypatch.setenv(f"MLSPEC_{name}", str(self.folder / path))
        return run("runtime", "gate", "--in-job")

    def by_hand(self, *more: str | Path) -> Ran:
        files = ("--config", self.folder / "config.json", "--metrics", self.folder / "evaluate" / "metrics.json")
        return run("runtime", "gate", *files, *more)

    @property
    def verdict(self) -> Any:
        return json.loads((self.folder / "gate" / "verdict.json").read_text())


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_trap_the_model_before_it_was_made_smaller_would_be_judged(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a step `compress`, `evaluate` measured its model, and `register` publishes the files with this digest."""
    (job.folder / "compress").mkdir()
    smaller = job.folder / "compress" / "model.onnx"
    smaller.write_bytes(b"small")
    job.write("compress/model.json", {"version": 1, "path": "model.onnx", "format": "onnx"})
    assert job.run(monkeypatch).status == 0
    assert job.verdict["model"]["digest"] == digest_of(smaller) != digest_of(job.model)


@pytest.mark.parametrize(("recall", "by_hand", "passed"), [(0.7, 0, True), (0.5, 42, False), (None, 42, False)])
def test_a_rejected_model_does_not_fail_the_job(
    job: Job, monkeypatch: pytest.MonkeyPatch, recall: object, by_hand: int, passed: bool
) -> None:
    job.write("evaluate/metrics.json", measured(recall={"value": recall}))
    assert job.by_hand().status == by_hand
    assert job.run(monkeypatch).status == 0
    assert job.verdict["pass"] is passed


def test_the_verdict_identifies_the_model(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    job.run(monkeypatch)
    digest = f"sha256:{hashlib.sha256(b'a model').hexdigest()}"
    assert job.verdict["model"] == {"path": "model.onnx", "format": "onnx", "digest": digest, "size": 7}
    assert job.verdict["version"] == 1
    assert job.verdict["reasons"] == [
        {
            "metric": "recall",
            "segment": None,
            "wanted": {"min": 0.6},
            "found": 0.7,
            "verdict": "pass",
            "words": "0.7; at least 0.6",
        }
    ]


def test_by_hand_nothing_is_written_unless_asked(job: Job) -> None:
    before = sorted(job.folder.rglob("*"))
    assert job.by_hand().out == "pass     recall: 0.7; at least 0.6\npass\n"
    assert sorted(job.folder.rglob("*")) == before
    job.by_hand("--verdict", job.folder / "gate" / "verdict.json")
    assert job.verdict["model"] is None


def test_a_verdict_is_whole_or_not_there(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader finds the previous verdict while a new one is written. Leftovers of a crash do no harm."""
    job.run(monkeypatch)
    before = job.verdict

    def crash(_: int) -> None:
        raise OSError("the disk is full")

    job.write("evaluate/metrics.json", measured(recall={"value": 0.1}))
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", crash)
        assert job.run(monkeypatch).status == 1
    assert job.verdict == before
    assert job.run(monkeypatch).status == 0
    assert job.verdict["pass"] is False
    assert os.listdir(job.folder / "gate") == ["verdict.json"]


DEEP = "[" * 100_000
HOSTILE = [
    "",
    "{",
    "[]",
    "null",
    "7",
    '"text"',
    "{}",
    '{"version": 2}',
    '{"version": 1}',
    '{"version": 1, "metrics": []}',
    '{"version": 1, "metrics": {}, "segments": 7}',
    '{"version": 1, "metrics": {}, "rivals": 7}',
    '{"version": true, "metrics": {"recall": {"value": 0.7}}}',
    '{"version": 1, "metrics": {"recall": {"value": 0.1, "value": 0.7}}}',
    '{"version": 1, "metrics": {"recall": {"value": 0.1}}, "metrics": {"recall": {"value": 0.7}}}',
    DEEP,
    "1" * 10_000,
    " " * (8 * 2**20 + 1),
]


@pytest.mark.parametrize("content", HOSTILE, ids=lambda content: content[:40])
def test_hostile_metrics_are_one_line(job: Job, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    """The status is 1 outside a job, and 42 in a job, because in a retry the same code would write the same file."""
    job.write("evaluate/metrics.json", content)
    for done, status in ((job.by_hand(), 1), (job.run(monkeypatch), 42)):
        assert (done.status, done.err.count("\n"), done.out) == (status, 1, "")
        assert done.err.startswith("mlspec runtime gate: ")
    assert not (job.folder / "gate" / "verdict.json").exists()


@pytest.mark.parametrize(
    "model",
    [
        {"version": 1, "path": "/etc/passwd", "format": "onnx"},
        {"version": 1, "path": "../evaluate/metrics.json", "format": "onnx"},
        {"version": 1, "path": "a\0b", "format": "onnx"},
        {"version": 1, "path": "model.onnx"},
        {"version": 1, "path": 7, "format": "onnx"},
        {"path": "model.onnx", "format": "onnx"},
        {"version": True, "path": "model.onnx", "format": "onnx"},
        {"version": 1.0, "path": "model.onnx", "format": "onnx"},
        {"version": 1, "path": "link", "format": "onnx"},
        {"version": 1, "path": "folder/file", "format": "onnx"},
        {"version": 1, "path": "pipe", "format": "onnx"},
        {"version": 1, "path": "model.onnx", "format": "onnx", "digest": f"sha256:{'0' * 64}"},
        [],
    ],
    ids=str,
)
def test_a_model_that_does_not_match_its_description_gets_no_verdict(
    job: Job, monkeypatch: pytest.MonkeyPatch, model: object
) -> None:
    (job.folder / "elsewhere").mkdir()
    (job.folder / "elsewhere" / "file").write_bytes(b"another model")
    (job.folder / "train" / "link").symlink_to("model.onnx")
    (job.folder / "train" / "folder").symlink_to(job.folder / "elsewhere")
    os.mkfifo(job.folder / "train" / "pipe")
    job.write("train/model.json", model)
    assert job.run(monkeypatch).status == 42
    assert not (job.folder / "gate" / "verdict.json").exists()


def test_an_unreadable_model_is_an_error(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    job.model.unlink()
    assert job.run(monkeypatch).status == 1
    assert job.by_hand("--model", job.folder / "nowhere").status == 1


@pytest.mark.parametrize("arguments", [(), ("--config", "x"), ("--metrics", "x"), ("--in-job",), ("--nonsense",)])
def test_wrong_usage(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    for name in ("CONFIG", "INPUT", "OUTPUT"):
        monkeypatch.delenv(f"MLSPEC_{name}", raising=False)
    assert run("runtime", "gate", *arguments).status == 2


def test_names_from_inputs_stay_on_their_line(job: Job) -> None:
    """Terminals obey control characters, and logs are read by line."""
    name = "a\n\x1b[31m\ud800" + "x" * 100
    job.write("config.json", config({"metric": name, "min": 0.6}))
    done = job.by_hand()
    assert done.status == 42
    assert done.out.count("\n") == 2
    assert "\x1b" not in done.out


# The digest


def test_the_digest_of_a_folder(tmp_path: Path) -> None:
    """SHA-256 over the sorted lines `path NUL sha256`, of regular files only."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "weights").write_bytes(b"2")
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "link").symlink_to("/etc/passwd")
    lines = "".join(
        f"{path}\0{hashlib.sha256(content).hexdigest()}\n" for path, content in (("a", b"1"), ("b/weights", b"2"))
    )
    assert digest_of(tmp_path) == f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
    assert size_of(tmp_path) == 2


def test_the_digest_is_the_one_that_a_download_verifies(tmp_path: Path) -> None:
    """Otherwise, a model would be judged and published, and then every pod that should serve it would reject it."""
    model, volume = tmp_path / "model", tmp_path / "volume"
    volume.mkdir()
    for name in ("a", "a.b", "c/b", "A", "with blank", "ä", "\U0001f600", os.fsdecode(b"\xff")):
        path = model / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name.encode("utf-8", "replace").decode())
    program = (
        f"set -eu\nwork={shlex.quote(str(volume / 'model'))}\n{DIGEST}\ndigest_of_folder {shlex.quote(str(model))}"
    )
    done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=True)
    assert digest_of(model) == f"sha256:{done.stdout.strip()}"


def test_the_gate_runs_without_the_compiler() -> None:
    """So a job starts quickly, and its image needs no compiler."""
    code = "import sys, mlspec.runtime.gate; print(*sorted(m for m in sys.modules if m.startswith('mlspec')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = {name for name in done.stdout.split() if name.count(".") > 1}
    assert loaded == {
        "mlspec.compiler.record",
        "mlspec.runtime.conditions",
        "mlspec.runtime.digest",
        "mlspec.runtime.gaps",
        "mlspec.runtime.lines",
        "mlspec.runtime.gate",
        "mlspec.runtime.verdict",
    }
