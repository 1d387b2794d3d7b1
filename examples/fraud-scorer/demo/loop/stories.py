"""The four stories. Each ends with checks, and a check that fails fails the demo."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from .canary import measured, replayed, since
from .cluster import Run
from .stage import Stage
from .system import mlspec
from .watch import post

__all__ = ["Story", "told"]

BREAKS, SHIFTS = 4.0, 7.0
"""The days on which the data breaks, and on which the world changes."""

NEW = 0.8
"""The share of payments from the new market, once it has grown for half a day."""

ALERT = {"alertname": "ModelRetrainingDue", "namespace": "fraud", "system": "fraud-scorer"}
NOTIFICATION = {"version": "4", "status": "firing", "alerts": [{"status": "firing", "labels": ALERT}]}


class Story:
    """One story, from one day to another, and what was checked."""

    def __init__(self, number: int, title: str, told: str, begin: float) -> None:
        self.number, self.title, self.told, self.begin, self.end = number, title, told, begin, begin
        self.checks: list[dict[str, Any]] = []
        self.verdict = ""

    def check(self, says: str, holds: bool, found: object = None) -> None:
        """Note whether something that the story says is so."""
        self.checks.append({"says": says, "holds": bool(holds), **({"found": str(found)} if found is not None else {})})

    @property
    def holds(self) -> bool:
        """Whether all of it is so."""
        return bool(self.checks) and all(check["holds"] for check in self.checks)


def told(stage: Stage) -> list[Story]:
    """Tell all stories, in one timeline."""
    assert stage.observed is not None
    stage.wait(1.05)
    stage.measure()
    stage.watch_it()
    stories = [normal(stage), broken(stage)]
    shifted, run = shift(stage)
    stories.append(shifted)
    stories.append(worse(stage))
    recovered(stage, shifted, run)
    return stories


def normal(stage: Stage) -> Story:
    """Nothing happens."""
    observed = stage.observed
    assert observed is not None
    story = Story(1, "Normal traffic", "Payments look as they did in training. Labels arrive a day later.", 0.0)
    stage.until(lambda: observed.newest("drift") is not None, "the first drift", 3)
    early = observed.newest("quality")
    value = _value(early, "mlspec_quality", role="live")
    story.check("Before the first labels arrive, the quality is unknown", value is None, value)
    stage.wait(BREAKS)
    later = _value(observed.newest("quality"), "mlspec_quality", role="live")
    story.check("Once they have arrived, it is measured", later is not None, later)
    estimate = _value(observed.newest("quality"), "mlspec_quality_estimate")
    story.check("Payments whose labels are on the way have an estimate", estimate is not None, estimate)
    story.check("No alert fires", not observed.fired(), ", ".join(sorted(observed.fired())))
    story.check("The diagnosis is healthy", observed.verdict() == "healthy", observed.verdict())
    story.check("No training run starts", not stage.cluster.runs)
    story.end, story.verdict = observed.days(), "healthy: no alert, and no training"
    return story


def broken(stage: Stage) -> Story:
    """Amounts arrive in cents."""
    observed, bank = stage.observed, stage.bank
    assert observed is not None
    assert bank is not None
    observed.story = 2
    story = Story(2, "A producer breaks the data", "A new release of the checkout sends amounts in cents.", BREAKS)
    observed.event("world", "amounts arrive in cents")
    bank.cents = True
    alerted = stage.until(lambda: "ModelDataViolations" in observed.fired(), "the alert", BREAKS + 3)
    story.check("The alert ModelDataViolations fires", alerted)
    stage.until(lambda: observed.verdict() == "fix-data", "the diagnosis", BREAKS + 3)
    diagnosis = observed.diagnoses[-1][1]
    story.check("The diagnosis says: fix the data", observed.verdict() == "fix-data", diagnosis["action"])
    story.check("It names the cause", diagnosis["cause"] == "upstream-change", diagnosis["cause"])
    answer = _request(stage)
    story.check("A request to train is refused", answer["outcome"] == "refused", answer["why"])
    ticket = stage.until(lambda: _received(stage, "ModelDataViolations"), "the ticket", BREAKS + 3)
    story.check("Alertmanager sends a ticket to the team", ticket)
    observed.event("fix", "the producer sends euros again, and the lake is corrected")
    bank.cents = False
    bank.backfill()
    low = stage.until(lambda: "ModelQualityLow" in observed.fired(), "labels of the broken day", SHIFTS)
    story.check("A day later, labels show how bad the scores of the broken payments were", low)
    stage.wait(SHIFTS - 0.4)
    again = _request(stage)
    story.check("Those rows are no reason to train, either", again["outcome"] == "refused", again["why"])
    stage.wait(SHIFTS)
    story.check("No training run starts", not stage.cluster.runs, len(stage.cluster.runs))
    story.check("Nothing is committed", len(stage.system.commits()) == 1)
    story.end, story.verdict = observed.days(), "fix-data: no training, until the data is fixed"
    return story


def shift(stage: Stage) -> tuple[Story, Run | None]:
    """The world changes."""
    observed, bank = stage.observed, stage.bank
    assert observed is not None
    assert bank is not None
    observed.story = 3
    story = Story(3, "The world changes", "The bank enters a new market, where fraud looks different.", SHIFTS)
    observed.event("world", "payments of a new market arrive, with fraud of another kind")
    while observed.days() < SHIFTS + 0.5:
        bank.new = NEW * min(1.0, (observed.days() - SHIFTS) / 0.5)
        time.sleep(0.05)
    bank.new = NEW
    drifts = stage.until(lambda: _drifts(observed.newest("drift"), SHIFTS, stage), "drift", SHIFTS + 3)
    story.check(
        "Features drift within a day, and no run starts: labels have not arrived", drifts and not stage.cluster.runs
    )
    since = observed.days()
    low = stage.until(lambda: "ModelQualityLow" in observed.fired(since), "the quality alert", SHIFTS + 5)
    story.check("Labels confirm it: the alert ModelQualityLow fires", low)
    started = stage.until(lambda: bool(stage.cluster.runs), "the run", SHIFTS + 8)
    story.check("ModelRetrainingDue goes through Alertmanager's webhook to the exporter, and a run starts", started)
    story.check("The diagnosis allows it", observed.verdict() == "retrain", observed.diagnoses[-1][1]["cause"])
    if not started:
        return story, None
    run = stage.cluster.runs[0]
    observed.event("training", f"the run {run.name} starts", run.began)
    stage.until(lambda: "conditions" in run.job["status"], "the end of the run", SHIFTS + 20)
    _of_the_run(stage, story, run)
    if run.succeeded:
        _released(stage, story)
    return story, run


def _of_the_run(stage: Stage, story: Story, run: Run) -> None:
    observed = stage.observed
    assert observed is not None
    for step in run.steps:
        observed.event("step", f"{step.name} exits with {step.status}", step.ended, name=step.name)
    story.check(
        "Every step of the run succeeds", run.succeeded, ", ".join(f"{step.name} {step.status}" for step in run.steps)
    )
    if run.step("gate") is None:
        return
    verdict = run.read("gate", "verdict.json")
    for reason in verdict["reasons"]:
        story.check(f"Gate on {reason['metric']}: {reason['words']}", reason["verdict"] == "pass")


def _released(stage: Stage, story: Story) -> None:
    observed, system = stage.observed, stage.system
    assert observed is not None
    assert stage.live is not None
    assert stage.bank is not None
    commits, changed = system.commits(), system.changed()
    observed.event("commit", commits[0], files=changed)
    release = system.shown("releases/production.yaml")["release"]
    story.check("The bare repository has one commit more", len(commits) == 2, commits[0])
    story.check("Its release file says version 2", release["version"] == "2", release["metrics"])
    story.check(
        "The commit recompiles the bundle", "out/production/serving/rollout.yaml" in changed, f"{len(changed)} files"
    )
    story.check("It has the evaluation report", "releases/production.evaluation.md" in changed)
    system.pull()
    new = stage.serve("2")
    stage.bank.also_ask(new.requests, 10)  # the first requests of a process are slow
    warm = measured(new)
    stage.bank.also_ask(new.requests, 60)
    live, candidate = measured(stage.live), since(warm, measured(new))
    story.check("The new version's server counted its requests", candidate.requests >= 50, f"{candidate.requests:.0f}")
    played = replayed(system, live, candidate, stage.folder / "canary", Path(stage.programs["promtool"]))
    (rollout,) = played["environments"][0]["rollouts"]
    ended = f"{rollout['verdict']} after {rollout['seconds'] / 60:.0f} minutes {rollout['by']}".strip()
    observed.event("canary", ended)
    promoted = rollout["verdict"] == "promoted"
    story.check("The canary, replayed with the new version's own measurements, is promoted", promoted, ended)
    before, stage.live = stage.live, new
    stage.bank.port = new.requests
    time.sleep(0.5)
    before.end(stage.processes)
    stage.watch.rules(system.groups())
    stage.watch.reload()
    stage.measure()
    observed.event("live", "version 2 answers all requests")
    story.end = observed.days()


def worse(stage: Stage) -> Story:
    """Someone starts a run that trains a worse model."""
    observed, system = stage.observed, stage.system
    assert observed is not None
    begin, commits = observed.days(), len(system.commits())
    observed.story = 4
    story = Story(
        4, "A worse candidate", "An engineer starts a run by hand, with one tree instead of 80, to save time.", begin
    )
    run = stage.cluster.by_hand("fraud-scorer-retrain-by-hand", {"FRAUD_TREES": "1"})
    observed.event("training", f"the run {run.name} starts", run.began)
    stage.until(lambda: "conditions" in run.job["status"], "the end of the run", begin + 20)
    for step in run.steps:
        observed.event("step", f"{step.name} exits with {step.status}", step.ended, name=step.name)
    story.check("Every step runs, because a model that fails its gates is an honest no", run.succeeded,
                ", ".join(f"{step.name} {step.status}" for step in run.steps))  # fmt: skip
    if run.step("gate") is not None:
        _refused(stage, story, run)
    story.check("Nothing is committed", len(system.commits()) == commits)
    story.check("Nothing is published", not (stage.folder / "stores" / "models" / "fraud" / "3").exists())
    story.end, story.verdict = observed.days(), "the gate stops it (42), and nothing is committed"
    return story


def _refused(stage: Stage, story: Story, run: Run) -> None:
    observed = stage.observed
    assert observed is not None
    verdict = run.read("gate", "verdict.json")
    story.check("The gate says no", verdict["pass"] is False, verdict["reasons"][-1]["words"])
    observed.event("gate", verdict["reasons"][-1]["words"])
    files = ["--config", "training.json", "--metrics", "evaluate/metrics.json", "--model", "train/model.json"]
    done = mlspec("runtime", "gate", *files, folder=run.folder, fine=(0, 1, 2, 42))
    story.check("By hand, the gate exits with 42", done.returncode == 42, done.returncode)
    (run.folder / "release.json").write_text("{}")
    files = ["--config", "training.json", "--metrics", "evaluate/metrics.json", "--verdict", "gate/verdict.json"]
    token = {"GIT_TOKEN": "a bare repository asks for none"}
    done = mlspec(
        "runtime", "promote", *files, "--release", "release.json", folder=run.folder, fine=(0, 1, 2, 42), **token
    )
    story.check("By hand, promote refuses it with 42", done.returncode == 42, (done.stdout + done.stderr).strip())


def recovered(stage: Stage, story: Story, run: Run | None) -> None:
    """The end of the third story: labels of the new version's predictions."""
    observed = stage.observed
    assert observed is not None
    observed.story = 3
    if run is None or not run.succeeded:
        story.verdict = "no run"
        return
    bar = run.read("evaluate", "metrics.json")["metrics"]["roc_auc"]["value"] - 0.06

    def value() -> float | None:
        return _value(
            observed.newest("quality"), "mlspec_quality", role="live", segment="model_version", segment_value="2"
        )

    def good() -> bool:
        whole = _value(observed.newest("quality"), "mlspec_quality", role="live")
        return value() is not None and whole is not None and whole > bar

    stage.until(good, "the quality of the new version", observed.days() + 6)
    story.check("Labels show that version 2 is as good as its evaluation promised", good(), value())
    story.check("No further training run started", len(stage.cluster.runs) <= 2)
    story.end = observed.days()
    story.verdict = "retrain: trained, judged, committed, replayed, and live"


def _request(stage: Stage) -> dict[str, Any]:
    """Ask for a run as Alertmanager would, although no alert does."""
    answer: dict[str, Any] = post(f"http://127.0.0.1:{stage.requests}/retrain", NOTIFICATION)
    return answer


def _received(stage: Stage, alert: str) -> bool:
    return any(one["labels"]["alertname"] == alert for _, _, body in list(stage.inbox.got) for one in body["alerts"])


def _drifts(result: dict[str, Any] | None, since: float, stage: Stage) -> bool:
    observed = stage.observed
    assert observed is not None
    if result is None or observed.days(result["time"]) < since + 0.5:
        return False
    return sum(one["name"] == "mlspec_drift_distance" and one["value"] > 0.2 for one in result["series"]) >= 2


def _value(result: dict[str, Any] | None, name: str, **labels: str) -> float | None:
    """A value of the result; None if it has none. Without a segment, that of all rows."""
    for one in result["series"] if result is not None else []:
        own = {key: value for key, value in one["labels"].items() if value}
        if one["name"] == name and labels.items() <= own.items() and own.get("segment") == labels.get("segment"):
            return round(one["value"], 4)
    return None
