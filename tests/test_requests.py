"""Requests to train: `ModelRetrainingDue` reaches the webhook that starts a run, in addition to its ticket.

cluster/test_alertmanager.py does it on a real Alertmanager.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.plan.alerting.due import ALERT, read
from mlspec.targets.monitoring.retrain import RAISED

from .routing import amtool, compiled, config_of, merged, plain_of, written
from .support import ROOT, files, ids
from .validation import load

FRAUD = ROOT / "examples" / "fraud-scorer" / "mlspec.yaml"
SECRETS = {
    (name, f"payments{end}"): "https://hooks.example.com/x" for name in ("slack", "pagerduty") for end in ("", "-ml")
}
FORMS = pytest.mark.parametrize("provider", ["alertmanager", "alertmanager-config"])

TICKETS, PAGES, TRAINING = (f"fraud/fraud-scorer/{name}" for name in ("payments-ml", "payments-oncall", "training"))
REQUESTS = f"{TRAINING}/retraining"


EXTERNAL = (
    'platform.alerting.receivers.training={webhook: {url: "http://training-eventsource-svc.argo-events:12000/train"}}',
    "platform.alerting.retraining=training",
)
"""A program that starts the runs, instead of the process that measures the model."""


@cache
def result(provider: str, *settings: str) -> mlspec.Result:
    return compiled(FRAUD, provider, *EXTERNAL, *settings)


def test_the_process_that_measures_starts_the_runs_if_no_receiver_does() -> None:
    made = plain_of(compiled(FRAUD, "alertmanager"))["production"]
    (one,) = [one for one in made["receivers"] if one["name"] == TRAINING]
    (webhook,) = one["webhook_configs"]
    assert webhook == {"send_resolved": False, "url": "http://fraud-scorer-monitor.fraud:9465/retrain"}
    (route,) = [one for one in routes(made) if one["receiver"] == TRAINING]
    assert route["matchers"] == [f'alertname="{ALERT}"']


def config(provider: str, *settings: str) -> dict[str, Any]:
    """What Alertmanager runs in production, in each form of the configuration."""
    made = result(provider, *settings)
    return plain_of(made)["production"] if provider == "alertmanager" else merged(config_of(made)["fraud"], SECRETS)


def routes(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The routes below that of the system."""
    (system,) = found["route"]["routes"]
    below: list[dict[str, Any]] = system["routes"]
    return below


def requests(found: dict[str, Any]) -> dict[str, Any]:
    """The route of requests to train."""
    (route,) = [one for one in routes(found) if one["receiver"] == REQUESTS]
    return route


def receiver(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [one for one in found["receivers"] if one["name"] == name]
    return {key: value for key, value in one.items() if key != "name"}


def alerts() -> dict[str, dict[str, str]]:
    """The labels of every alert in production, by its name and severity."""
    texts = [text for path, text in files(result("alertmanager")).items() if path.startswith("production/monitoring/r")]
    rules = [rule for text in texts for group in load(text)["groups"] for rule in group["rules"] if "alert" in rule]
    return {
        f"{rule['alert']} {rule['labels']['severity']}": {"alertname": rule["alert"], **rule["labels"]}
        for rule in rules
    }


@pytest.mark.slow
@FORMS
def test_the_alert_reaches_the_webhook_and_its_ticket_and_no_other_alert_reaches_it(
    provider: str, tmp_path: Path
) -> None:
    path, found = written(tmp_path, config(provider)), alerts()
    assert f"{ALERT} ticket" in found
    assert len(found) > 20
    for name, labels in found.items():
        given = [f"{key}={labels[key]}" for key in ("alertname", "namespace", "severity", "system")]
        done = amtool("config", "routes", "test", f"--config.file={path}", *given)
        usual = PAGES if labels["severity"] == "page" else TICKETS
        expected = [REQUESTS, TICKETS] if labels["alertname"] == ALERT else [usual]
        assert done.stdout.strip().split(",") == expected, name
    assert amtool("check-config", str(path)).returncode == 0


@FORMS
def test_the_end_of_an_alert_is_no_request(provider: str) -> None:
    """Whatever the receiver says about its own notifications, if tickets go to the same webhook."""
    shared = (
        "platform.alerting.receivers.training.sendResolved=true",
        "monitoring.alerts.ticket=training",
    )
    found = config(provider, *shared)
    (start,) = receiver(found, REQUESTS)["webhook_configs"]
    (ticket,) = receiver(found, TRAINING)["webhook_configs"]
    assert (start["send_resolved"], ticket["send_resolved"]) == (False, True)
    assert start["url"] == ticket["url"] == "http://training-eventsource-svc.argo-events:12000/train"


@FORMS
def test_only_the_webhook_of_a_receiver_gets_requests(provider: str) -> None:
    also = "platform.alerting.receivers.training.slack={apiUrl: {secret: slack, key: payments-ml}}"
    assert [*receiver(config(provider, also), REQUESTS)] == ["webhook_configs"]


@pytest.mark.parametrize(
    ("settings", "repeat"),
    [
        ((), "3d"),  # the cool-down of the example
        (("retraining.cooldown=6h",), "1d"),  # the quality is measured once a day
        (("retraining.cooldown=30m", "monitoring.interval=1h"), "150m"),  # the deadline of a run
        (("retraining.cooldown=null", "monitoring.interval=1h"), "1d"),  # the ticket is sent again
        (("retraining.cooldown=null", "monitoring.interval=1h", "platform.alerting.tickets.repeat=1h"), "150m"),
        (
            (
                "retraining.cooldown=1h", "monitoring.interval=1h", "training.deadline=1h", "training.fit=null",
                "training.tuning=null", "platform.alerting.tickets.interval=4h",
            ),
            "4h",
        ),
    ],
)  # fmt: skip
def test_one_alert_starts_no_second_run_during_the_first(settings: tuple[str, ...], repeat: str) -> None:
    """A request is repeated after the cool-down, a run, and a measurement, whichever takes longest."""
    for provider in ("alertmanager", "alertmanager-config"):
        assert requests(config(provider, *settings))["repeat_interval"] == repeat


def test_all_services_of_a_system_make_one_request() -> None:
    assert requests(config("alertmanager"))["group_by"] == ["cluster", "namespace", "system"]


def test_without_the_alert_nothing_is_requested() -> None:
    settings = ["platform.alerting.provider=alertmanager", "retraining.triggers=[]"]
    made = mlspec.compile(FRAUD, environments=["production"], settings=settings)
    found = plain_of(made)["production"]
    assert {one["receiver"] for one in routes(found)} == {PAGES}
    assert all("training" not in one["name"] for one in found["receivers"])


def test_an_environment_whose_alert_does_not_exist_requests_nothing() -> None:
    """Staging measures no quality."""
    (staging,) = (found for place, found in plain_of(result("alertmanager")).items() if place == "staging")
    assert "training" not in str(staging)


def test_a_request_is_no_ticket_that_an_engineer_has_to_start() -> None:
    """Lint says that a trigger only opens a ticket until a webhook starts a run."""
    assert "MLS736" not in ids(result("alertmanager"))
    assert "MLS736" not in ids(mlspec.compile(FRAUD))
    assert "MLS736" in ids(mlspec.compile(FRAUD, settings=["monitoring.measured=elsewhere"]))
    assert "MLS736" in ids(mlspec.compile(FRAUD, settings=["platform.alerting.provider=none"]))


def test_every_trigger_that_is_read_has_its_alerts() -> None:
    plan = result("alertmanager")._compiled.environments[-1].plan
    assert {trigger.value for trigger in read(plan.system)} <= {*RAISED}
    assert {"data-drift", "prediction-drift"} < {*RAISED}
