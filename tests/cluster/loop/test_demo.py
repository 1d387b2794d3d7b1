"""The demo of the closed loop, as a reader runs it: one command, whose stories must end as told."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor, wait
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow.parquet as pq
import pytest

from ...support import as_in_a_terminal

DEMO = Path(__file__).parents[3] / "examples" / "fraud-scorer" / "demo"
PATIENCE = 900


def command(out: Path, *more: str) -> list[str]:
    return [sys.executable, str(DEMO / "run.py"), "--out", str(out), *more]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that ended as told. A busy machine gets longer days."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    done = subprocess.run(command(folder, "--day", "15"), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return folder


@pytest.fixture(scope="module")
def result(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "result.json").read_text())
    return found


def story(result: dict[str, Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = result["stories"][number - 1]
    return found


def events(result: dict[str, Any], number: int, kind: str) -> list[str]:
    return [one["text"] for one in result["events"] if one["story"] == number and one["kind"] == kind]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_each_story_ends_as_told(result: dict[str, Any], number: int) -> None:
    assert len(story(result, number)["checks"]) >= 5
    assert [one for one in story(result, number)["checks"] if not one["holds"]] == []


def test_normal_traffic_raises_nothing(result: dict[str, Any]) -> None:
    assert events(result, 1, "alert") == []
    assert events(result, 1, "diagnosis")[-1] == "healthy"


def test_broken_data_trains_nothing(result: dict[str, Any]) -> None:
    assert "fix-data: upstream-change" in events(result, 2, "diagnosis")
    assert set(events(result, 2, "request")) == {"POST /retrain: refused"}
    assert events(result, 2, "training") == events(result, 2, "commit") == []


def test_a_changed_world_trains_judges_commits_and_promotes(result: dict[str, Any]) -> None:
    """The alert comes before the request, and the rest in the order of the loop."""
    told = [one["text"] for one in result["events"] if one["story"] == 3]
    order = [
        "ModelQualityLow",
        "retrain: concept-drift",
        "ModelRetrainingDue",
        "gate exits with 0",
        "promote exits with 0",
        "Promote fraud-scorer 2 to production",
        "version 2 answers all requests",
    ]
    assert [told.index(one) for one in order[2:]] == sorted(told.index(one) for one in order[2:])
    assert set(order) <= set(told)
    assert result["commits"] == ["Promote fraud-scorer 2 to production", "Release the first version"]


def test_the_commit_is_in_the_bare_repository(out: Path) -> None:
    show = ["git", "--git-dir", str(out / "work" / "git" / "payments.git"), "show", "--format=%s"]
    commit = subprocess.run([*show, "--stat=200", "main"], capture_output=True, text=True, check=True).stdout
    assert "releases/production.yaml" in commit
    assert "releases/production.evaluation.md" in commit
    assert "out/production/serving/rollout.yaml" in commit
    rollout = subprocess.run(
        [*show, "main:out/production/serving/rollout.yaml"], capture_output=True, text=True, check=True
    )
    assert ":s3:models/fraud/2/model.joblib" in rollout.stdout


def test_the_page_stands_alone_and_is_well_formed(out: Path, result: dict[str, Any]) -> None:
    text = (out / "index.html").read_text()
    page = ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))
    assert len(page.findall(".//svg")) == 4
    assert not re.search(r'(src|href)="(?!#)', text), "nothing is loaded from elsewhere"
    assert "<script" not in text
    words = "".join(page.itertext())
    for one in result["stories"]:
        assert one["verdict"] in words


def test_payments_that_wait_for_their_answer_are_corrected_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a loaded machine, some in cents were written after the correction, and no run could validate the lake."""
    monkeypatch.syspath_prepend(str(DEMO))
    world = import_module("loop.payments").World(1)
    bank = import_module("loop.traffic").Bank(world, tmp_path, rows=100, day=1.0, port=0)
    sent, answered, payments = Event(), Event(), world.payments(20)

    def answer(*_: Any) -> bool:
        sent.set()
        return answered.wait(30)

    monkeypatch.setattr(bank, "_answered", answer)
    bank.cents = True
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(bank.ask, payments)
        assert sent.wait(30)
        bank.cents = False
        corrected = pool.submit(bank.backfill)
        assert wait([corrected], 0.2).not_done, "it waits for the answer"
        answered.set()
        asked.result()
        corrected.result()
    assert pq.read_table(tmp_path / "payments")["amount"].to_pylist() == pytest.approx(payments["amount"], abs=0.01)


def test_another_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    done = subprocess.run(command(tmp_path), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert "is not of this demo" in done.stderr
    assert (tmp_path / "mine").read_text() == "kept"


def test_ctrl_c_ends_every_program(tmp_path: Path) -> None:
    out = tmp_path / "out"
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command(out), preexec_fn=as_in_a_terminal, **pipes) as made:  # noqa: PLW1509
        log = out / "demo.log"
        end = time.monotonic() + 300
        while not (log.exists() and "starting MLServer" in log.read_text()):
            assert made.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        time.sleep(2)
        made.send_signal(signal.SIGINT)
        _, err = made.communicate(timeout=90)
    assert made.returncode == 130, err
    assert err == "interrupted: all programs were ended\n"
    assert [words for words in commands() if str(out) in words] == []


def commands() -> list[str]:
    """The command lines of all processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it has ended
    return found
