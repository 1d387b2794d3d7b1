"""What online learning compiles to: a process in the shadow of the live version, and what freezes it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.runtime.learn.exported import HELP, PORT
from mlspec.runtime.learn.settings import settings_of

from .scenes import proves_each
from .support import ROOT, files
from .validation import load

FRAUD = ROOT / "examples" / "fraud-scorer" / "mlspec.yaml"

ONLINE = """  online:
    algorithm: sgd
    command: [python, -m, fraud.learn]
    to: s3://models/fraud-scorer/online
    access: learner
"""
ACCESS = "  learner: {kind: s3, region: eu-central-1, serviceAccount: fraud-learner}\n"


def compiled(*changes: tuple[str, str]) -> Any:
    text = (
        FRAUD.read_text()
        .replace("  cooldown: 3d\n", f"{ONLINE}  cooldown: 3d\n")
        .replace("  git: {", f"{ACCESS}  git: {{")
    )
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return mlspec.compile(mlspec.load(FRAUD, text=text), today="2026-11-23")


@cache
def made() -> dict[str, Any]:
    found = compiled()
    assert [one.message for one in found.diagnostics if one.severity == "error"] == []
    return {name: load(text) for name, text in files(found).items() if name.startswith("production/")}


def of(kind: str, folder: str = "learning") -> Any:
    (body,) = [one for name, one in made().items() if f"/{folder}/" in name and one.get("kind") == kind]
    return body


def configuration() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(of("ConfigMap")["data"]["online.json"])
    return found


def test_one_process_learns_and_starts_the_command_itself() -> None:
    spec = of("Deployment")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert container["command"][:3] == ["mlspec", "runtime", "learn"]
    assert container["command"][-1] == "--"
    assert container["args"] == ["python", "-m", "fraud.learn"]
    assert container["image"].startswith("registry.example.com/fraud/train:")
    assert container["ports"] == [{"name": "metrics", "containerPort": PORT}]


def test_its_configuration_is_what_the_runtime_reads() -> None:
    settings = settings_of(configuration())
    assert (settings.checkpoint, settings.delay, settings.version) == (3600, 45 * 86400, "13")
    assert settings.diagnosis == "http://fraud-scorer-monitor.fraud:9465/diagnosis"
    assert settings.trained == 1793592720
    assert configuration()["online"]["algorithm"] == "sgd"


def test_trap_it_has_no_right_to_change_what_is_served() -> None:
    """It has an identity of its own, and no token of the API server."""
    pod = of("Deployment")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == "fraud-learner"
    bound = [one for one in made().values() if one.get("kind") == "RoleBinding"]
    assert all(subject["name"] != "fraud-learner" for one in bound for subject in one["subjects"])


def test_it_can_ask_for_the_diagnosis() -> None:
    out = of("NetworkPolicy")["spec"]["egress"][-1]
    labels = {"app.kubernetes.io/name": "fraud-scorer", "app.kubernetes.io/instance": "fraud-scorer-monitor"}
    assert out == {
        "to": [{"podSelector": {"matchLabels": labels}}],
        "ports": [{"protocol": "TCP", "port": 9465}],
    }
    asked = of("NetworkPolicy", "measuring")["spec"]["ingress"][1]
    pods = [one["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] for one in asked["from"][:2]]
    assert pods == ["fraud-scorer-retrain", "fraud-scorer-learner"]
    assert of("Service", "measuring")["spec"]["ports"][0]["port"] == 9465


def test_a_training_run_knows_where_the_checkpoints_are() -> None:
    text = of("ConfigMap", "retraining")["data"]["training.json"]
    assert json.loads(text)["online"] == configuration()["online"]
    assert settings_of(json.loads(text)).to == "s3://models/fraud-scorer/online"


def test_it_must_not_share_the_account_that_may_start_runs() -> None:
    found = compiled((", serviceAccount: fraud-learner}", ", serviceAccount: fraud-monitor}"))
    assert "the process that measures cannot run as the ServiceAccount `fraud-monitor`" in [
        one.message for one in found.diagnostics
    ]


def test_trap_one_identity_for_both_accesses_is_one_that_other_pods_have() -> None:
    """The first help must not lead to the next error: the process gets an access of its own."""
    found = [one for one in compiled(("  access: monitor  ", "  # ")).diagnostics if one.severity == "error"]
    assert found
    for one in found:
        assert one.message.startswith(("one pod cannot have two values", "the process that measures cannot run as"))
        assert "name it in `monitoring.access`" in one.help


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("  drift: {window: 2d, features: {method: psi, threshold: 0.2}, prediction: {method: psi, threshold: 0.2}}\n",
         "", "has nothing that freezes it when inputs drift"),
        ("runs: [serving, monitoring, training]", "runs: [serving, training]", "has no process here that says when"),
    ],
)  # fmt: skip
def test_without_a_guard_it_is_refused(before: str, after: str, words: str) -> None:
    found = compiled((before, after), ("[data-drift, quality-drop]", "[quality-drop]"))
    (refused,) = [one.message for one in found.diagnostics if one.id == "MLS717"]
    assert words in refused


def rule(name: str) -> dict[str, Any]:
    groups = made()["production/monitoring/rules-learner.yaml"]["groups"]
    found: list[dict[str, Any]] = [one for group in groups for one in group["rules"] if one["alert"] == name]
    (only,) = found
    return only


@pytest.mark.slow
def test_its_alerts(tmp_path: Path) -> None:
    """A checkpoint is due every hour, so it is late after three and a quarter; frozen is too long after a day."""
    own = '{namespace="fraud",service="fraud-scorer"}'
    caught_up, frozen = (f"mlspec_learner_{one}_timestamp_seconds{own}" for one in ("caught_up", "frozen"))
    late, freezes, absent = (rule(name) for name in ("LearnerLate", "LearnerFrozen", "LearnerAbsent"))
    waits = "fraud-scorer-learner: new labels have waited for 3h 16m 0s to be learned"
    stays = "fraud-scorer-learner: learning has been frozen for 1d 0h 1m 0s"
    unseen = "fraud-scorer-learner: Prometheus sees no learner, so no other alert on it can fire"
    gone = {**absent, "labels": {**absent["labels"], "namespace": "fraud", "service": "fraud-scorer-learner"}}
    proves_each(
        tmp_path,
        [late, freezes, absent],
        [
            ({caught_up: "0x1500"}, [(195, late, None), (196, late, waits)]),
            ({caught_up: "0+60x1500"}, [(196, late, None), (1441, freezes, None), (100, gone, None)]),
            (
                {caught_up: "0x1500", frozen: "0x1500"},
                [(196, late, None), (1440, freezes, None), (1441, freezes, stays)],
            ),
            ({}, [(29, gone, None), (30, gone, unseen)]),
        ],
    )


def test_the_alerts_read_what_the_learner_exports() -> None:
    text = json.dumps(made()["production/monitoring/rules-learner.yaml"])
    read = {word for word in text.replace("{", " ").replace("(", " ").split() if word.startswith("mlspec_learner_")}
    assert read
    assert read <= set(HELP)


def test_without_the_section_there_is_no_learner() -> None:
    found = files(mlspec.compile(FRAUD, today="2026-11-23"))
    assert not [name for name in found if "learn" in name]
