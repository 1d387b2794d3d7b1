"""Routing: every alert reaches its receiver, in both forms of the configuration, and what mutes what.

cluster/test_alertmanager.py does it on a real Alertmanager.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

import mlspec
from mlspec.compiler.plan.alerting import AlertingPlan
from mlspec.compiler.plan.alerting.failures import EXPLAINS, FAILURES, Failure
from mlspec.targets.monitoring.routing.receivers import TEXT, URGENCY
from mlspec.targets.monitoring.routing.tree import tree

from .routing import NEWER, amtool, compiled, config_of, merged, plain_of, routed, written
from .rules import BASE
from .support import EXAMPLES, ROOT, compile_text, files, ids, minimal, objects
from .validation import VERSIONS, load, problems

EACH = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)

SECRETS = {
    (name, key): f"https://hooks.example.com/{name}/{key}"
    for name in ("slack", "pagerduty")
    for key in ("feed-ml", "feed", "payments-ml", "payments", "supply-chain-ml", "supply-chain", "support-ml",
                "support", "vision")
}  # fmt: skip

RECEIVERS: dict[str, dict[str, str]] = {
    "demand-forecast": {"page": "supply-chain-oncall", "ticket": "supply-chain-ml"},
    "feed-ranker": {"page": "feed-oncall", "ticket": "feed-ml"},
    "fraud-scorer": {"page": "payments-oncall", "ticket": "payments-ml"},
    "minimal": {"page": "vision", "ticket": "vision"},
    "support-assistant": {"page": "support-oncall", "ticket": "support-ml"},
}
"""Who gets the alerts, as the specs say."""


@cache
def plain(example: Path) -> mlspec.Result:
    return compiled(example / "mlspec.yaml", "alertmanager")


@cache
def operated(example: Path) -> mlspec.Result:
    return compiled(example / "mlspec.yaml", "alertmanager-config")


def alerts(result: mlspec.Result) -> list[tuple[str, dict[str, str]]]:
    """The environment and the labels of every alert."""
    return [
        (path.split("/")[0], {"alertname": rule["alert"], **rule["labels"]})
        for path, text in files(result).items()
        if "/monitoring/rules" in path
        for group in load(text)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]


# Alerts and their kinds


@EACH
def test_every_alert_says_what_kind_of_failure_it_shows(example: Path) -> None:
    for _, labels in alerts(plain(example)):
        assert labels["failure"] in FAILURES, labels


@EACH
def test_only_alerts_on_all_replicas_count_as_an_outage(example: Path) -> None:
    """An outage mutes most alerts of its service, so it must be certain, and it must page."""
    wide = {
        labels["alertname"]: labels["severity"] for _, labels in alerts(plain(example)) if labels["failure"] == "outage"
    }
    assert wide.keys() <= {"ModelServiceAbsent", "ModelServiceFlapping", "ModelRequestsHang"}
    assert set(wide.values()) <= {"page"}


def test_every_kind_is_described() -> None:
    assert sorted(FAILURES) == sorted(get_args(Failure))


def reached(kind: str) -> set[str]:
    """What a kind explains, directly or through others."""
    direct = {effect for row in EXPLAINS if kind in row.causes for effect in row.effects}
    return direct.union(*(reached(effect) for effect in direct)) if direct else set()


def test_no_two_kinds_mute_each_other() -> None:
    """If each of two alerts explained the other, Alertmanager would mute both, and no one would know."""
    for kind in FAILURES:
        assert kind not in reached(kind)


def test_what_the_spec_promises_is_only_muted_by_an_outage() -> None:
    muting = {kind: {cause for row in EXPLAINS if kind in row.effects for cause in row.causes} for kind in FAILURES}
    assert muting["availability"] == muting["outage"] == muting["data-quality"] == set()
    assert muting["latency"] == {"outage"}


def test_a_canary_that_was_rolled_back_hides_nothing() -> None:
    """Its alert fires until the spec changes, which can take weeks."""
    assert not {"rollout", "shadow"} & {cause for row in EXPLAINS for cause in row.causes}


def test_broken_data_does_not_look_like_a_model_that_got_worse() -> None:
    for cause in ("outage", "upstream", "data-quality"):
        assert {"data-drift", "model-quality"} <= reached(cause)


def test_the_page_on_routing_has_the_table() -> None:
    lines = (ROOT / "docs" / "alerting.md").read_text().splitlines()
    for row in EXPLAINS:
        (line,) = [line for line in lines if line.startswith(f"| `{row.causes[0]}`")]
        cause, effects, scope = line.strip("| ").split(" | ")
        assert re.findall("`([^`]+)`", cause) == list(row.causes)
        assert re.findall("`([^`]+)`", effects) == list(row.effects)
        assert scope == ("system" if row.whole_system else "service")


@EACH
def test_tickets_wait_for_the_alert_that_explains_them(example: Path) -> None:
    """It fires after its own `for`; a ticket that is sent before cannot be muted."""
    waits = {config["route"]["routes"][0]["group_wait"] for config in plain_of(plain(example)).values()}
    texts = [text for path, text in files(plain(example)).items() if "/monitoring/rules" in path]
    rules = [rule for text in texts for group in load(text)["groups"] for rule in group["rules"]]
    assert {rule["for"] for rule in rules if rule.get("alert") == "ModelServiceAbsent"} <= waits


# Both forms


@EACH
def test_both_forms_route_and_mute_alike(example: Path) -> None:
    """The operator adds what the file has from the start, and `continue`, so that other objects see the alert."""
    configs = config_of(operated(example))
    for environment, config in plain_of(plain(example)).items():
        (route,) = config["route"]["routes"]
        namespace = next(re.findall(r'namespace="(.*)"', one)[0] for one in route["matchers"] if "namespace" in one)
        other = merged(configs[namespace], SECRETS)
        assert other["route"]["routes"] == [{**route, "continue": True}], environment
        assert other["inhibit_rules"] == config["inhibit_rules"]
        assert [one["name"] for one in other["receivers"][1:]] == [one["name"] for one in config["receivers"][1:]]


@EACH
def test_amtool_accepts_both_forms(example: Path, tmp_path: Path) -> None:
    operator = [merged(body, SECRETS) for body in config_of(operated(example)).values()]
    for config in [*plain_of(plain(example)).values(), *operator]:
        done = amtool("check-config", str(written(tmp_path, config)))
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@EACH
def test_every_alert_reaches_its_receiver(example: Path, tmp_path: Path) -> None:
    """amtool follows the routes. What no route looks at is left out, so that few calls cover all alerts."""
    found = alerts(plain(example))
    for environment, config in plain_of(plain(example)).items():
        here = {
            tuple(sorted((key, value) for key, value in labels.items() if key in ("namespace", "system", "severity")))
            for place, labels in found
            if place == environment
        }
        path = written(tmp_path, config)
        for labels in here:
            severity, namespace, system = (dict(labels)[key] for key in ("severity", "namespace", "system"))
            receiver = f"{namespace}/{system}/{RECEIVERS[example.name][severity]}"
            given = [f"{key}={value}" for key, value in labels]
            done = amtool("config", "routes", "test", f"--config.file={path}", f"--verify.receivers={receiver}", *given)
            assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_of_other_systems_and_namespaces_are_left_alone(tmp_path: Path) -> None:
    example = next(path for path in EXAMPLES if path.name == "minimal")
    path = written(tmp_path, plain_of(plain(example))["default"])
    for labels in (["system=other", "namespace=default"], ["system=digit-reader", "namespace=other"], []):
        done = amtool("config", "routes", "test", f"--config.file={path}", "severity=page", *labels)
        assert done.stdout.split() == ["unrouted"]


def test_an_alert_without_a_severity_goes_where_tickets_go(tmp_path: Path) -> None:
    """An author's own rules may have none."""
    example = next(path for path in EXAMPLES if path.name == "fraud-scorer")
    path = written(tmp_path, plain_of(plain(example))["production"])
    done = amtool("config", "routes", "test", f"--config.file={path}", "system=fraud-scorer", "namespace=fraud")
    assert done.stdout.split() == ["fraud/fraud-scorer/payments-ml"]


def test_the_files_of_several_systems_can_be_merged(tmp_path: Path) -> None:
    """By appending their lists: names are prefixed, and routes only match what is theirs."""
    configs = [config for example in EXAMPLES for config in plain_of(plain(example)).values()]
    unrouted = configs[0]["receivers"][0]
    config = {
        "route": {"receiver": "unrouted", "routes": [one for each in configs for one in each["route"]["routes"]]},
        "receivers": [unrouted, *(one for each in configs for one in each["receivers"][1:])],
        "inhibit_rules": [one for each in configs for one in each["inhibit_rules"]],
    }
    path = written(tmp_path, config)
    assert amtool("check-config", str(path)).returncode == 0
    given = ["system=fraud-scorer", "namespace=fraud", "severity=page"]
    done = amtool("config", "routes", "test", f"--config.file={path}", *given)
    assert done.stdout.split() == ["fraud/fraud-scorer/payments-oncall"]


@EACH
def test_a_ticket_never_mutes_a_page(example: Path) -> None:
    for config in plain_of(plain(example)).values():
        for rule in config["inhibit_rules"]:
            assert 'severity="ticket"' in rule["target_matchers"] or 'severity="page"' in rule["source_matchers"]


@EACH
def test_nothing_mutes_alerts_of_another_system_namespace_or_cluster(example: Path) -> None:
    """Several clusters may share an Alertmanager. Alerts without the label are of one cluster."""
    for config in plain_of(plain(example)).values():
        for rule in config["inhibit_rules"]:
            assert {"cluster", "namespace", "system"} <= set(rule["equal"])


def matches(matchers: list[str], labels: dict[str, str]) -> bool:
    """Whether Alertmanager finds an alert with some matchers. A label that is missing is empty."""
    for label, operator, value in (re.findall(r'^(\w+)(=~|!=|=)"(.*)"$', one)[0] for one in matchers):
        found = re.fullmatch(value, labels.get(label, "")) if operator == "=~" else labels.get(label, "") == value
        if bool(found) is (operator == "!="):
            return False
    return True


def mutes(config: dict[str, Any], source: dict[str, str], target: dict[str, str]) -> bool:
    """Whether an alert that fires mutes another one of the same service."""
    return any(
        matches(rule["source_matchers"], source) and matches(rule["target_matchers"], target)
        for rule in config["inhibit_rules"]
    )


@pytest.mark.parametrize("group", [{}, {"segment": "country", "segment_value": "LI"}])
def test_trap_a_country_that_always_has_few_labels_would_mute_the_request_to_train(group: dict[str, str]) -> None:
    example = next(path for path in EXAMPLES if path.name == "fraud-scorer")
    found = [labels for environment, labels in alerts(plain(example)) if environment == "production"]
    few, due, worse = (
        next(labels for labels in found if labels["alertname"] == name and "segment" not in labels)
        for name in ("ModelQualitySamplesFew", "ModelRetrainingDue", "ModelQualityUncertain")
    )
    config = plain_of(plain(example))["production"]
    for muted in (due, worse):
        assert mutes(config, {**few, **group}, muted) is (not group)


@EACH
def test_a_server_takes_the_object(example: Path) -> None:
    for body in config_of(operated(example)).values():
        for version in VERSIONS:
            assert list(problems(body, version)) == []


# Every kind of receiver

ALL = {
    "owner": {
        "slack": {"apiUrl": {"secret": "slack", "key": "url"}, "channel": "#vision"},
        "pagerduty": {"routingKey": {"secret": "pagerduty", "key": "key"}},
        "opsgenie": {"apiKey": {"secret": "opsgenie", "key": "key"}, "apiUrl": "https://api.eu.opsgenie.com"},
        "email": {
            "to": "ml@example.com",
            "from": "alerts@example.com",
            "smarthost": "smtp.example.com:587",
            "username": "alerts",
            "password": {"secret": "smtp", "key": "password"},
        },
        "webhook": {"url": "http://tickets.tools.svc/alerts"},
    },
}


def test_amtool_accepts_every_kind_of_receiver(tmp_path: Path) -> None:
    config = plain_of(routed(tmp_path, ALL["owner"], provider="alertmanager"))["default"]
    done = amtool("check-config", str(written(tmp_path, config)))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_server_takes_every_kind_of_receiver(tmp_path: Path) -> None:
    for receiver in (ALL["owner"], NEWER):
        (body,) = objects(routed(tmp_path, receiver), "AlertmanagerConfig")
        assert list(problems(body, VERSIONS[0])) == []


@pytest.mark.parametrize(
    "times",
    [
        {"wait": "0s", "interval": "1ms", "repeat": "0.001m"},
        {"wait": "1.5s", "interval": "52w", "repeat": "36500d"},
        {"wait": "0.125w", "interval": "1.5h", "repeat": "90061s"},
    ],
)
def test_alertmanager_and_the_operator_take_every_time_that_the_language_takes(
    times: dict[str, str], tmp_path: Path
) -> None:
    """Both read whole numbers of a unit, and none below a millisecond."""
    shared: dict[str, Any] = {"pages": times, "tickets": times}
    config = plain_of(routed(tmp_path, ALL["owner"], provider="alertmanager", **shared))["default"]
    done = amtool("check-config", str(written(tmp_path, config)))
    assert done.returncode == 0, done.stdout + done.stderr
    (body,) = objects(routed(tmp_path, ALL["owner"], **shared), "AlertmanagerConfig")
    assert list(problems(body, VERSIONS[0])) == []


@pytest.mark.parametrize("severity", ["pages", "tickets"])
@pytest.mark.parametrize("field", ["wait", "interval", "repeat"])
def test_a_time_that_alertmanager_does_not_read_is_refused(field: str, severity: str, tmp_path: Path) -> None:
    for time in ("1us", "1.5ms", *(["0s"] if field != "wait" else [])):
        result = routed(tmp_path, ALL["owner"], **{severity: {field: time}})
        assert ids(result) == ["MLS006"]


def test_secrets_are_files_for_alertmanager_and_references_for_the_operator(tmp_path: Path) -> None:
    file = plain_of(routed(tmp_path, NEWER, provider="alertmanager", secrets="/secrets"))["default"]
    assert file["receivers"][1]["msteamsv2_configs"][0]["webhook_url_file"] == "/secrets/teams/url"
    assert file["receivers"][1]["webhook_configs"][0]["url_file"] == "/secrets/hook/url"
    (body,) = objects(routed(tmp_path, NEWER), "AlertmanagerConfig")
    receiver: Any = body["spec"]["receivers"][0]  # type: ignore[index]
    assert receiver["msteamsv2Configs"][0]["webhookURL"] == {"name": "teams", "key": "url"}
    assert receiver["webhookConfigs"][0]["urlSecret"] == {"name": "hook", "key": "url"}


def test_a_page_is_urgent_for_the_tools_of_an_on_call_engineer(tmp_path: Path) -> None:
    for severity, meant in (("page", "critical"), ("ticket", "warning")):
        text = URGENCY.format(page="critical", ticket="warning")
        assert shown(tmp_path, text, {"commonLabels": {"severity": severity}}).strip() == meant


def shown(tmp_path: Path, text: str, data: dict[str, Any]) -> str:
    """A template as Alertmanager shows it."""
    path = tmp_path / "data.json"
    path.write_text(json.dumps(data))
    done = amtool(
        "template", "render", "--template.glob=/dev/null", f"--template.data={path}", f"--template.text={text}"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def of_country(number: int, **annotations: str) -> dict[str, Any]:
    labels = {"alertname": "ModelQualityLow", "segment_value": f"country {number}"}
    said = {"summary": f"recall for country {number} is 0.5", "impact": "Fraud.", "action": "Fix it.", **annotations}
    return {"status": "firing", "labels": labels, "annotations": said}


def test_trap_microsoft_teams_refuses_a_long_message_and_alertmanager_drops_it(tmp_path: Path) -> None:
    """28 KB at most. A fault may raise an alert for each country, and each has the same steps."""
    texts = [
        text for example in EXAMPLES for path, text in files(plain(example)).items() if "/monitoring/rules" in path
    ]
    rules = [rule for text in texts for group in load(text)["groups"] for rule in group["rules"] if "alert" in rule]
    steps = max((rule["annotations"].get("action", "") for rule in rules), key=len)
    text = shown(tmp_path, TEXT, {"alerts": [of_country(number, action=steps) for number in range(250)]})
    assert len(text.encode()) < 14 * 2**10
    assert text.count(steps) == text.count("Impact: Fraud.") == 1
    assert text.count("*ModelQualityLow*") == 20
    assert text.endswith("These are 20 of 250 alerts.\n")


def test_what_alerts_do_not_share_is_in_the_message(tmp_path: Path) -> None:
    one, other = of_country(1, runbook_url="https://a"), of_country(2, runbook_url="https://b", action="Roll back.")
    assert shown(tmp_path, TEXT, {"alerts": [one, other, of_country(3)]}) == (
        "*ModelQualityLow*: recall for country 1 is 0.5\nFix it.\nImpact: Fraud.\nRunbook: https://a\n"
        "*ModelQualityLow*: recall for country 2 is 0.5\nRoll back.\nRunbook: https://b\n"
        "*ModelQualityLow*: recall for country 3 is 0.5\nFix it.\n"
    )


# What is declared


def test_without_receivers_nothing_is_routed(tmp_path: Path) -> None:
    """Alerts keep their labels, and the configuration that a team already has routes them."""
    result = compile_text(tmp_path, minimal(), platform="apiVersion: mlspec/v1\nkind: Platform\n")
    assert ids(result) == []
    assert objects(result, "AlertmanagerConfig") == []
    assert plain_of(result) == {}


def test_a_platform_can_keep_its_own_routing_in_one_cluster(tmp_path: Path) -> None:
    result = routed(tmp_path, NEWER, provider="none")
    assert objects(result, "AlertmanagerConfig") == []
    assert plain_of(result) == {}


def test_the_operator_selects_by_labels_and_drops_the_rest_silently(tmp_path: Path) -> None:
    (body,) = objects(routed(tmp_path, NEWER, labels={"alertmanager": "main"}), "AlertmanagerConfig")
    assert body["metadata"]["labels"]["alertmanager"] == "main"  # type: ignore[index]


def test_a_label_that_is_named_twice_would_be_rejected(tmp_path: Path) -> None:
    found = [one for one in routed(tmp_path, NEWER, clusterLabel="namespace").diagnostics if one.severity == "error"]
    assert [(one.id, one.message) for one in found] == [("MLS012", "`namespace` cannot tell clusters apart")]


LAB = """
monitoring: {alerts: {page: nowhere}}
platform: {alerting: {receivers: {payments-ml: {slack: {apiUrl: {secret: slack, key: url}}}}}}
retraining: {schedule: 0 3 * * 1}
environments: {lab: {runs: [%s]}}
"""


@pytest.mark.parametrize(
    ("runs", "undeclared"), [("training, monitoring", False), ("serving, monitoring", True), ("serving", False)]
)
def test_training_alone_needs_no_receiver_of_pages(tmp_path: Path, runs: str, undeclared: bool) -> None:
    """It never pages, so it is no mistake if the receiver of pages does not exist. Nor is it without any alerts."""
    found = compile_text(tmp_path, BASE + LAB % runs, platform="apiVersion: mlspec/v1\nkind: Platform\n")
    assert ("MLS720" in ids(found)) is undeclared


def test_training_alone_has_no_route_for_pages() -> None:
    example = next(path for path in EXAMPLES if path.name == "fraud-scorer")
    plan = operated(example)._compiled.environments[0].plan
    made = tree(AlertingPlan(plan, ("ticket",)))
    assert made.route.routes == ()
    assert [one.name.value for one in made.receivers] == ["payments-ml"]
