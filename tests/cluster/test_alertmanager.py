"""Routing on a real Alertmanager: who gets which notification, and which alerts are muted.

Each scene has a cluster of its own, so that scenes do not mute each other. That an alert is not sent is known once a
later one of the same route was sent.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from ..routing import NEWER, compiled, config_of, merged, plain_of, routed, written
from ..support import ROOT, files
from ..validation import load
from .control_plane import free_port
from .programs import built

PATIENCE = 120
"""How many seconds we wait for a notification, on a busy machine."""


class Inbox:
    """What an HTTP server on loopback received, by path."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.got: list[tuple[str, Any]] = []

    def alerts(self, path: str, cluster: str, status: str = "firing") -> list[set[str]]:
        """The names of the alerts that fire or are over, in each notification of one scene that has such alerts."""
        bodies = [body for at, body in list(self.got) if at == path and body["groupLabels"]["cluster"] == cluster]
        named = [{one["labels"]["alertname"] for one in body["alerts"] if one["status"] == status} for body in bodies]
        return [names for names in named if names]

    def wait(self, path: str, cluster: str, status: str = "firing", times: int = 1) -> None:
        """Until so many notifications of a scene arrived."""
        end = time.monotonic() + PATIENCE
        while len(self.alerts(path, cluster, status)) < times:
            assert time.monotonic() < end, f"{path} got nothing of {cluster}: {self.got}"
            time.sleep(0.05)


@contextmanager
def inbox() -> Iterator[Inbox]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Inbox(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def alertmanager(folder: Path, config: dict[str, Any]) -> Iterator[str]:
    """An Alertmanager of our own; yields its URL."""
    program = str(built("alertmanager") / "alertmanager")
    url = f"127.0.0.1:{free_port()}"
    options = [
        f"--config.file={written(folder, config)}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={url}",
        "--cluster.listen-address=",
    ]
    with (folder / "log").open("w") as log, subprocess.Popen([program, *options], stdout=log, stderr=log) as process:
        try:
            _ready(f"http://{url}", folder / "log")
            yield f"http://{url}"
        finally:
            process.terminate()


def _ready(url: str, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(log.read_text())


def post(url: str, cluster: str, *alerts: dict[str, Any], ends: str | None = None) -> None:
    """Send alerts as Prometheus does."""
    body = [
        {
            "labels": {**one["labels"], "alertname": one["alert"], "cluster": cluster},
            "annotations": one["annotations"],
            **({"endsAt": ends} if ends is not None else {}),
        }
        for one in alerts
    ]
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/api/v2/alerts", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10):
        pass


def configuration(provider: str, mail: Inbox, folder: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The configuration of the fraud scorer with waits of a second, and its alerts by name and severity."""
    hook = f"http://127.0.0.1:{mail.port}"
    receivers = "platform.alerting.receivers"
    times = [f"platform.alerting.{kind}.{key}" for kind in ("pages", "tickets") for key in ("wait", "interval")]
    result = compiled(
        ROOT / "examples" / "fraud-scorer" / "mlspec.yaml",
        provider,
        "monitoring.alerts={page: pages, ticket: tickets}",
        f"{receivers}.pages={{webhook: {{url: {hook}/page}}}}",
        f"{receivers}.tickets={{webhook: {{url: {hook}/ticket}}, slack: {{apiUrl: {{secret: slack, key: url}}}}}}",
        *([f"platform.alerting.secrets={folder / 'secrets'}"] if provider == "alertmanager" else []),
        *(f"{time}=1s" for time in times),
    )
    secret = folder / "secrets" / "slack" / "url"
    secret.parent.mkdir(parents=True)
    secret.write_text(f"{hook}/slack")
    rules = [
        rule
        for group in load(files(result)["production/monitoring/rules.yaml"])["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    named = {f"{rule['alert']} {rule['labels']['severity']}": rule for rule in rules}
    if provider == "alertmanager":
        return plain_of(result)["production"], named
    return merged(config_of(result)["fraud"], {("slack", "url"): f"{hook}/slack"}), named


def shown(base: dict[str, Any], name: str, severity: str, failure: str) -> dict[str, Any]:
    """An alert of another kind, as other rules of the same system have it."""
    return {**base, "alert": name, "labels": {**base["labels"], "severity": severity, "failure": failure}}


@pytest.mark.parametrize("provider", ["alertmanager", "alertmanager-config"])
def test_one_outage_is_one_page_and_broken_data_is_no_worse_model(provider: str, tmp_path: Path) -> None:
    with inbox() as mail:
        config, alerts = configuration(provider, mail, tmp_path)
        with alertmanager(tmp_path, config) as url:
            outage, slow = alerts["ModelServiceAbsent page"], alerts["ModelLatencyBudgetBurn page"]
            failing, burning = alerts["ModelErrorBudgetBurn page"], alerts["ModelErrorBudgetBurn ticket"]
            hidden = [slow, burning, alerts["ModelLatencyBudgetBurn ticket"], alerts["ModelReplicaDown ticket"]]
            base, last = alerts["ModelRolloutHeld ticket"], alerts["ModelPodMetricsAbsent ticket"]

            # One outage: what it explains is muted, and the rest is one page. Metrics of pods are another matter.
            drift = [shown(base, "Drift", "ticket", "data-drift"), shown(base, "Worse", "page", "model-quality")]
            post(url, "outage", outage, failing, *hidden, *drift, last)

            # Broken data is not a worse model, in any service of the system.
            broken = shown(base, "Broken", "page", "data-quality")
            other = shown(base, "WorseElsewhere", "page", "model-quality")
            other["labels"]["service"] = "another"
            post(url, "data", broken, drift[1], other)

            # A ticket mutes no page, and a service no other service.
            post(url, "tickets", shown(base, "Broken", "ticket", "data-quality"), drift[1])
            elsewhere = {**outage, "labels": {**outage["labels"], "service": "another"}}
            post(url, "services", elsewhere, slow)

            post(url, "end", failing, last)
            for path, cluster in (("/page", "outage"), ("/ticket", "outage"), ("/page", "data"), ("/page", "tickets")):
                mail.wait(path, cluster)  # each group has a clock of its own
            mail.wait("/page", "services", times=2)
            mail.wait("/page", "end")
            mail.wait("/ticket", "end")
            assert mail.alerts("/page", "outage") == [{"ModelServiceAbsent", "ModelErrorBudgetBurn"}]
            assert mail.alerts("/ticket", "outage") == [{"ModelPodMetricsAbsent"}]
            assert mail.alerts("/page", "data") == [{"Broken"}]
            assert mail.alerts("/page", "tickets") == [{"Worse"}]
            pages = mail.alerts("/page", "services")
            assert sorted(map(sorted, pages)) == [["ModelLatencyBudgetBurn"], ["ModelServiceAbsent"]]

            # The end of the outage is news, too, and what it muted is not forgotten.
            post(url, "outage", outage, ends=datetime.now(UTC).isoformat())
            mail.wait("/page", "outage", "resolved")
            assert mail.alerts("/page", "outage", "resolved") == [{"ModelServiceAbsent"}]
            assert mail.alerts("/page", "outage")[-1] == {"ModelErrorBudgetBurn", "ModelLatencyBudgetBurn", "Worse"}

            bodies = [body["attachments"][0] for at, body in mail.got if at == "/slack"]
            summary, runbook = last["annotations"]["summary"], last["annotations"]["runbook_url"]
            found = [one for one in bodies if one["title"] == f"[FIRING] {summary}"]
            assert found
            assert all(f"Runbook: {runbook}" in one["text"] for one in found)


def test_receivers_that_debians_amtool_does_not_know_are_accepted(tmp_path: Path) -> None:
    """Microsoft Teams, and a webhook whose URL is in a file."""
    config = plain_of(routed(tmp_path, NEWER, provider="alertmanager"))["default"]
    amtool = str(built("alertmanager") / "amtool")
    done = subprocess.run([amtool, "check-config", str(written(tmp_path, config))], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("provider", ["alertmanager", "alertmanager-config"])
def test_one_due_retraining_is_one_request_and_its_end_is_none(provider: str, tmp_path: Path) -> None:
    """Notifications of tickets are the clock: each of them is later than a request would have been."""
    with inbox() as mail:
        config, alerts = requesting(provider, mail)
        with alertmanager(tmp_path, config) as url:
            due, other = alerts["ModelRetrainingDue"], alerts["ModelFeatureDrift"]

            def later(cluster: str) -> None:
                """Two intervals later: an alert that fires now is sent, and one that ends is sent again."""
                post(url, cluster, other)
                mail.wait("/ticket", cluster)
                post(url, cluster, other, ends=datetime.now(UTC).isoformat())
                mail.wait("/ticket", cluster, "resolved")

            # Two services at once are one request, and the alert also opens a ticket for each of them.
            second = {**due, "labels": {**due["labels"], "service": "another"}}
            post(url, "due", due, second)
            mail.wait("/train", "due")
            later("clock-1")
            assert mail.alerts("/train", "due") == [{"ModelRetrainingDue"}]
            assert mail.alerts("/ticket", "due") == [{"ModelRetrainingDue"}] * 2
            (request,) = [body for path, body in mail.got if path == "/train"]
            assert request["status"] == "firing"
            assert request["commonLabels"]["system"] == "fraud-scorer"
            assert request["commonLabels"]["retrain"] == "due"
            assert len(request["alerts"]) == 2

            # An alert that goes on, and one that ends, start nothing.
            post(url, "due", due, second)
            later("clock-2")
            post(url, "due", due, second, ends=datetime.now(UTC).isoformat())
            mail.wait("/ticket", "due", "resolved")
            later("clock-3")
            assert [path for path, _ in mail.got if path == "/train"] == ["/train"]

            # What is due again is a new request.
            post(url, "due", due)
            end = time.monotonic() + PATIENCE
            while len(mail.alerts("/train", "due")) < 2 and time.monotonic() < end:
                time.sleep(0.05)
            assert mail.alerts("/train", "due") == [{"ModelRetrainingDue"}] * 2

            # Broken input mutes a request as it mutes the ticket, unless it is only broken for one value of a column.
            broken = shown(other, "Broken", "ticket", "data-quality")
            broken["labels"].pop("segment", None)
            post(url, "muted", broken, due)
            mail.wait("/ticket", "muted")
            later("clock-4")
            assert mail.alerts("/train", "muted") == []
            part = {**broken, "labels": {**broken["labels"], "segment": "country"}}
            post(url, "part", part, due)
            mail.wait("/train", "part")
            assert {body["groupLabels"]["cluster"] for path, body in mail.got if path == "/train"} == {"due", "part"}


def requesting(provider: str, mail: Inbox) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The configuration of the fraud scorer with intervals of a second, and its alerts on the model by name."""
    hook = f"http://127.0.0.1:{mail.port}"
    result = compiled(
        ROOT / "examples" / "fraud-scorer" / "mlspec.yaml",
        provider,
        "monitoring.alerts={page: pages, ticket: tickets}",
        f"platform.alerting.receivers.pages={{webhook: {{url: {hook}/page}}}}",
        f"platform.alerting.receivers.tickets={{webhook: {{url: {hook}/ticket}}}}",
        f"platform.alerting.receivers.training={{webhook: {{url: {hook}/train}}, sendResolved: true}}",
        "platform.alerting.retraining=training",
        *(f"platform.alerting.tickets.{key}=1s" for key in ("wait", "interval")),
    )
    made = files(result)
    groups = [load(made[f"production/monitoring/rules-{about}.yaml"])["groups"] for about in ("model", "due")]
    alerts = {rule["alert"]: rule for group in chain(*groups) for rule in group["rules"]}
    if provider == "alertmanager":
        return plain_of(result)["production"], alerts
    return merged(config_of(result)["fraud"], {}), alerts
