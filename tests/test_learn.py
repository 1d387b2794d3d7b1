"""Online learning with real processes: checkpoints, freezing, and what is left when it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from mlspec.runtime.conditions import Unreadable
from mlspec.runtime.learn import exported
from mlspec.runtime.learn.checkpoints import KEPT, Store
from mlspec.runtime.learn.command import Learner, Request
from mlspec.runtime.learn.frozen import why_frozen

from .captures import AT, DAY, Captured
from .prometheus import free_port
from .support import run

NOW = AT + DAY / 2

COUNT = """
import json, os, pathlib, sys
import pyarrow.parquet as pq
own, given = pathlib.Path(os.environ["MLSPEC_OUTPUT"]), pathlib.Path(os.environ["MLSPEC_INPUT"])
before = given / "checkpoint" / "model.json"
state = json.loads(before.read_text()) if before.exists() else {"rows": 0, "ids": [], "positives": 0}
batch = pq.read_table(given / "batch.parquet").to_pydict()
state["rows"] += len(batch["payment_id"])
state["ids"] += batch["payment_id"]
state["positives"] += sum(batch["fraud"])
(own / "model.json").write_text(json.dumps(state))
"""
"""A learner that counts what it has seen."""


class Diagnosis:
    """A process that measures, and the signals that it raises; None while it does not answer."""

    def __init__(self) -> None:
        self.signals: list[str] | None = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if outer.signals is None:
                    self.send_error(503)
                    return
                body = json.dumps({"version": 1, "verdict": "watch", "signals": outer.signals}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/diagnosis"


@pytest.fixture
def diagnosis() -> Iterator[Diagnosis]:
    made = Diagnosis()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Made(Captured):
    """Captured predictions, and a learner of them."""

    def __init__(self, folder: Path, url: str, **online: Any) -> None:
        super().__init__(folder)
        self.config |= {"features": [], "model": {"outputs": [{"name": "score"}]}}
        self.config["online"] = {
            "to": str(folder / "checkpoints"),
            "version": "14",
            "diagnosis": url,
            "checkpoint": DAY,
            "trainedAt": AT - 3 * DAY,
            **online,
        }
        # labels take a day, so the first new ones are of the predictions of four days before
        for before, name in ((5, "a"), (4, "b"), (3, "c"), (2, "d"), (1, "e")):
            self.day(before, [f"{name}1", f"{name}2"], [0.9, 0.1])
        names = [f"{name}{index}" for name in "abcde" for index in (1, 2)]
        self.labels([*names, "d2"], [*([True, False] * 5), True])  # d2 has two labels
        self.store = Store(str(folder / "checkpoints"), "14")

    def learner(self, script: str = COUNT) -> Learner:
        request = Request(
            config=self.written(), state=str(self.folder / "state"), command=(sys.executable, "-c", script)
        )
        return Learner(request, self.config, lambda: NOW)

    def written(self) -> str:
        path = self.folder / "online.json"
        path.write_text(json.dumps(self.config))
        return str(path)

    def learned(self) -> dict[str, Any]:
        newest = self.store.newest()
        assert newest is not None
        folder = self.folder / "fetched"
        self.store.fetch(newest, folder)
        found: dict[str, Any] = json.loads((folder / "model.json").read_text())
        return found


@pytest.fixture
def made(tmp_path: Path, diagnosis: Diagnosis) -> Made:
    return Made(tmp_path, diagnosis.url)


def test_it_learns_what_the_live_version_was_not_trained_on(made: Made) -> None:
    """Three days are new, and their labels complete: 4, 3, and 2 days before. One prediction has two labels."""
    learner = made.learner()
    assert learner.step()
    assert not learner.step()
    assert made.learned() == {"rows": 5, "ids": ["b1", "b2", "c1", "c2", "d1"], "positives": 3.0}
    assert (learner.state.checkpoint, learner.state.caught_up) == (AT - DAY, NOW)


def test_each_prediction_is_learned_once_in_the_order_of_time(made: Made) -> None:
    """A batch has at most a day of hours. Six hours ago, the label of `e1` became complete; that of `e2` is not."""
    made.config["online"]["checkpoint"] = DAY / 24
    for _ in range(2):
        learner = made.learner()
        while learner.step():
            pass
        assert made.learned()["ids"] == ["b1", "b2", "c1", "c2", "d1", "e1"]


@pytest.mark.parametrize(
    "raised", [["feature-drift"], ["prediction-drift"], ["data-violation"], ["monitor-silent"], ["quality-drop"], None]
)
def test_it_is_frozen_on_every_signal_and_without_an_answer(
    made: Made, diagnosis: Diagnosis, raised: list[str] | None
) -> None:
    diagnosis.signals = raised
    learner = made.learner()
    assert not learner.step()
    assert (made.store.newest(), learner.state.frozen) == (None, NOW)
    diagnosis.signals = []
    assert learner.step()
    assert learner.state.frozen is None
    assert made.learned()["rows"] == 5, "what came meanwhile is learned once it is no longer frozen"


def test_trap_a_frozen_learner_fills_the_log(
    made: Made, diagnosis: Diagnosis, capsys: pytest.CaptureFixture[str]
) -> None:
    """It asks every few seconds, for days. So it says once why it is frozen, and once that it no longer is."""
    learner = made.learner()
    for signals in (["feature-drift"], ["feature-drift"], ["feature-drift"], [], []):
        diagnosis.signals = signals
        learner.step()
    said = [line for line in capsys.readouterr().out.splitlines() if "frozen" in line]
    assert len(said) == 2
    assert said[1] == "no longer frozen"


def test_the_ports_are_those_that_the_bundle_opens() -> None:
    from mlspec.compiler.plan import learning, measuring
    from mlspec.runtime.exporter import command

    assert exported.PORT == learning.METRICS
    assert (command.METRICS, command.REQUESTS) == (measuring.METRICS, measuring.REQUESTS)


def test_trap_what_was_learned_while_drift_began_is_not_kept(made: Made) -> None:
    """The process that measures is asked again before the result is kept."""
    learner = made.learner()
    answers = iter([False, True])
    learner._freezes = lambda: next(answers)  # type: ignore[method-assign]
    assert not learner.step()
    assert made.store.newest() is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"verdict": "healthy"}, "does not say which signals are raised"),
        ({"signals": "none"}, "does not say which signals are raised"),
        ([], "does not say which signals are raised"),
    ],
)
def test_an_answer_without_signals_freezes(monkeypatch: pytest.MonkeyPatch, answer: Any, words: str) -> None:
    class Answer:
        def __enter__(self) -> Answer:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self, _: int) -> bytes:
            return json.dumps(answer).encode()

    monkeypatch.setattr("mlspec.runtime.learn.frozen.urlopen", lambda *_, **__: Answer())
    assert words in str(why_frozen("http://x/diagnosis"))


@pytest.mark.parametrize(
    "script",
    [
        "raise SystemExit(1)",
        "import os; open(os.environ['MLSPEC_OUTPUT'] + '/half', 'w').write('x'); os.kill(os.getpid(), 9)",
    ],
)
def test_a_command_that_fails_leaves_no_checkpoint(made: Made, script: str) -> None:
    assert not made.learner(script).step()
    assert made.store.newest() is None


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("pass", "left no file"),
        ("import os; os.symlink('/etc/passwd', os.environ['MLSPEC_OUTPUT'] + '/m')", "is a link"),
        ("import os; open(os.environ['MLSPEC_OUTPUT'] + '/checkpoint.json', 'w')", "left a file checkpoint.json"),
    ],
)
def test_output_that_is_no_checkpoint_is_refused(made: Made, script: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        made.learner(script).step()
    assert made.store.newest() is None


def test_a_new_live_version_starts_without_a_checkpoint(made: Made) -> None:
    assert made.learner().step()
    made.config["online"] |= {"version": "15", "trainedAt": AT - 2 * DAY}
    made.learner().step()
    assert Store(made.config["online"]["to"], "15").newest() is not None
    made.store = Store(made.config["online"]["to"], "15")
    assert made.learned()["ids"] == ["c1", "c2", "d1"]


# Checkpoints


def files(folder: Path, **content: str) -> Path:
    folder.mkdir()
    for name, text in content.items():
        (folder / name).write_text(text)
    return folder


def test_an_incomplete_checkpoint_is_none(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "to"), "1")
    store.publish(files(tmp_path / "out", model="x"), 100)
    (tmp_path / "to" / "1" / "200").mkdir()
    (tmp_path / "to" / "1" / "200" / "model").write_text("half")
    (tmp_path / "to" / "1" / "300").mkdir()
    (tmp_path / "to" / "1" / "300" / "checkpoint.json").write_text('{"files": ')
    newest = store.newest()
    assert newest is not None
    assert newest.end == 100
    store.publish(files(tmp_path / "more", weights="y"), 200)
    assert sorted(path.name for path in (tmp_path / "to" / "1" / "200").iterdir()) == ["checkpoint.json", "weights"]


def test_a_file_that_changed_is_not_used(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "to"), "1")
    made = store.publish(files(tmp_path / "out", model="x"), 100)
    (tmp_path / "to" / "1" / "100" / "model").write_text("y")
    with pytest.raises(Unreadable, match="differs from its digest"):
        store.fetch(made, tmp_path / "fetched")


def test_old_checkpoints_are_removed(tmp_path: Path) -> None:
    store, out = Store(str(tmp_path / "to"), "1"), files(tmp_path / "out", model="x")
    for end in range(1, KEPT + 4):
        store.publish(out, end)
    assert sorted(int(path.name) for path in (tmp_path / "to" / "1").iterdir()) == [*range(4, KEPT + 4)]


@pytest.mark.parametrize("version", ["", "../14", ".14", "a/b"])
def test_a_version_is_one_folder(tmp_path: Path, version: str) -> None:
    with pytest.raises(Unreadable, match="cannot be the name of a folder"):
        Store(str(tmp_path), version)


# The commands


def started(made: Made, port: int, script: str) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", "mlspec", "runtime", "learn", "--config", made.written(), "--host", "127.0.0.1"]
    line += ["--state", str(made.folder / "state"), "--port", str(port), "--", sys.executable, "-c", script]
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def until(condition: Any, seconds: float = 120.0) -> Any:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            if found := condition():
                return found
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError("it took too long")


def scraped(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


@pytest.mark.slow
def test_killed_at_any_time_it_leaves_whole_checkpoints(made: Made) -> None:
    """The command writes slowly, and the process is killed before, while, and after it writes."""
    slow = COUNT + "\nfor part in range(20):\n    (own / f'part{part}').write_text('x' * 9999)\n"
    slow += "    import time; time.sleep(0.02)\n"
    made.config["online"]["checkpoint"] = DAY / 24
    for pause in (0.3, 0.6, 0.8, 1.0, 1.2):
        child = started(made, free_port(), slow)
        time.sleep(pause)
        child.send_signal(signal.SIGKILL)
        child.wait()
        newest = made.store.newest()
        if newest is not None:
            assert len(newest.files) == 21
            assert made.learned()["rows"] == len(made.learned()["ids"])
    port = free_port()
    child = started(made, port, COUNT)
    try:
        until(lambda: "caught_up" in scraped(port) and (found := made.store.newest()) and found.end >= AT - DAY)
        assert len(made.learned()["ids"]) == len(set(made.learned()["ids"]))
    finally:
        child.terminate()
        assert child.wait(30) == 0


@pytest.mark.slow
def test_it_ends_with_its_command_and_says_that_it_is_frozen(made: Made, diagnosis: Diagnosis, tmp_path: Path) -> None:
    port, mark = free_port(), tmp_path / "mark"
    forever = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    diagnosis.signals = ["feature-drift"]
    child = started(made, port, forever)
    try:
        until(lambda: "mlspec_learner_frozen_timestamp_seconds{" in scraped(port))
        assert not mark.exists()
        diagnosis.signals = []
        pid = int(until(lambda: mark.exists() and mark.read_text()))
        assert "mlspec_learner_frozen_timestamp_seconds{" not in scraped(port)
    finally:
        child.terminate()
        assert child.wait(30) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert made.store.newest() is None


def test_a_checkpoint_is_fetched_whole(made: Made) -> None:
    out = str(made.folder / "candidate")
    none = run("runtime", "checkpoint", "--config", made.written(), "--out", out)
    assert (none.status, Path(out).exists()) == (42, False)
    made.learner().step()
    ran = run("runtime", "checkpoint", "--config", made.written(), "--out", out)
    assert (ran.status, ran.out) == (0, f"checkpoint {AT - DAY}\n")
    assert json.loads((Path(out) / "model.json").read_text())["rows"] == 5


@pytest.mark.parametrize(
    ("online", "words"),
    [
        ({"checkpoint": 0}, "`checkpoint`, `trainedAt`, or `delay`"),
        ({"trainedAt": "monday"}, "`checkpoint`, `trainedAt`, or `delay`"),
        ({"to": ""}, "`online.to` in the configuration is not a text"),
        ({"version": 3}, "`online.version` in the configuration is not a text"),
        ({"to": "ftp://x"}, "not ftp://"),
    ],
)
def test_a_bad_configuration_is_one_clear_line(made: Made, online: dict[str, Any], words: str) -> None:
    made.config["online"] |= online
    line = ("--config", made.written(), "--state", str(made.folder), "--", "true")
    ran = run("runtime", "learn", *line)
    assert ran.status == 1
    assert words in ran.err
    assert len(ran.err.splitlines()) == 1


def test_wrong_usage(made: Made) -> None:
    assert run("runtime", "learn", "--config", made.written(), "--state", str(made.folder)).status == 2
