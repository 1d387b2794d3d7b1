"""The status of a running system: what is green, and why everything else is not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

import mlspec
from mlspec.compiler.answer.status import (
    Action,
    Answers,
    Chart,
    Check,
    Drift,
    Fact,
    Firing,
    LoadedRule,
    Quality,
    Question,
    Sample,
    ServiceStatus,
    Status,
    Trouble,
    questions,
    status,
)
from mlspec.compiler.answer.status.evidence import MODEL
from mlspec.compiler.answer.status.expected import Expected, expected, judged
from mlspec.compiler.answer.status.upcoming import upcoming
from mlspec.compiler.emit.dump import plain
from mlspec.compiler.errors import PrometheusError
from mlspec.compiler.pipeline import Environment
from mlspec.compiler.record import Record
from mlspec.terminal.prometheus import answers
from mlspec.terminal.render import status as render
from mlspec.terminal.render import status_page

from .prometheus import History, exporter, prometheus
from .support import EXAMPLES, ROOT, run
from .test_traps_elsewhere import trained

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()

EACH = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)


def environment(example: Path) -> Environment:
    """The last environment, which is production."""
    return mlspec.compile(example / "mlspec.yaml")._compiled.environments[-1]


FRAUD = ROOT / "examples" / "fraud-scorer"
DIGITS = ROOT / "examples" / "minimal"


def loaded(rule: Expected, *alerts: Firing, health: str = "ok", ago: float = 30.0) -> LoadedRule:
    error = "" if health == "ok" else "found duplicate series"
    return LoadedRule(
        name=rule.name, labels=rule.labels, health=health, error=error, evaluated=NOW - ago, interval=60, alerts=alerts
    )


def healthy(of: Environment, **firing: str) -> Answers:
    """Every question has the answer 0.001, and every rule is evaluated. `firing` names alerts, and what they say."""
    rules = [
        loaded(rule, *([_alert(rule, firing[rule.name])] if rule.name in firing else []))
        for rule in expected(of.bundle.artifacts)
    ]
    values: dict[str, tuple[Sample, ...]] = {one.key: (Sample(labels={}, value=0.001),) for one in questions(of.plan)}
    return Answers(at=NOW, values=values, history={}, rules=tuple(rules))


def _alert(rule: Expected, said: str) -> Firing:
    more = {"summary": said, "action": f"cure of {rule.name}", "runbook_url": "https://runbooks.example.com/x"}
    return Firing(state="firing", since=NOW - 600, labels=rule.labels, annotations=more)


def without(found: Answers, *keys: str) -> Answers:
    """The same without the answers to some questions."""
    return found.but(values={key: some for key, some in found.values.items() if key not in keys})


# Health


@EACH
def test_all_is_green_only_if_everything_is_evaluated_and_silent(example: Path) -> None:
    of = environment(example)
    found = status(of, healthy(of))
    assert found.health == "green"
    assert found.actions == ()
    alerts = len(expected(of.bundle.artifacts))
    assert alerts == sum(check.alerts for service in found.services for check in service.checks) > 0
    assert render.summed(found) == f"All {alerts} alerts are silent."


@pytest.mark.parametrize(
    ("alert", "health"),
    [("ModelErrorBudgetBurn", "red"), ("ModelServiceSaturated", "yellow"), ("TrainingStale", "yellow")],
)
def test_what_fires_is_red_or_yellow_by_its_severity_and_has_an_action(alert: str, health: str) -> None:
    of = environment(FRAUD)
    found = status(of, healthy(of, **{alert: "it is bad"}))
    assert found.health == health
    (action, *_) = found.actions
    assert (action.health, action.what, action.why) == (health, f"cure of {alert}", "it is bad")
    assert action.runbook == "https://runbooks.example.com/x"


@pytest.mark.parametrize(
    ("bad", "said"), [(0.00021, "99.979%"), (0.0, "100%"), (0.5, "50%"), (1.0, "0%"), (0.0099, "99.01%")]
)
def test_an_availability_above_its_target_is_not_rounded_to_100(bad: float, said: str) -> None:
    of = environment(DIGITS)
    found = healthy(of)
    found = found.but(values={**found.values, "digit-reader/availability": (Sample(labels={}, value=bad),)})
    facts = {fact.title: fact.value for fact in status(of, found).services[0].facts}
    assert facts["availability"] == said


def test_red_comes_before_yellow_before_gray() -> None:
    of = environment(FRAUD)
    both = healthy(of, ModelServiceSaturated="full", ModelErrorBudgetBurn="failing")
    assert of.plan.training is not None
    found = status(of, without(both, f"{of.plan.training.name.value}/known"))
    assert [action.health for action in found.actions] == sorted(
        (action.health for action in found.actions), key=["red", "yellow", "gray"].index
    )
    assert {action.health for action in found.actions} == {"red", "yellow", "gray"}


def test_alerts_on_a_model_that_another_system_serves_are_part_of_the_status(tmp_path: Path) -> None:
    (of,) = trained(tmp_path)._compiled.environments
    rules = {rule.name: rule.service for rule in expected(of.bundle.artifacts)}
    assert rules["ModelTooOld"] == "fraud-champion"
    found = status(of, healthy(of, ModelTooOld="it is 50 days old"))
    (live,) = [one for one in found.services if one.kind == "elsewhere"]
    assert (live.name, live.health, found.health) == ("fraud-champion", "yellow", "yellow")
    assert set(rules.values()) <= {one.name for one in found.services}, "no alert is left out"


def test_several_windows_of_one_objective_are_one_action() -> None:
    of = environment(FRAUD)
    found = status(of, healthy(of, ModelErrorBudgetBurn="failing"))
    (service,) = [one for one in found.services if one.health in ("red", "yellow")]
    rules = [rule for rule in expected(of.bundle.artifacts) if rule.name == "ModelErrorBudgetBurn"]
    assert {rule.labels["severity"] for rule in rules} == {"page", "ticket"}
    assert sum(len(check.troubles) for check in service.checks) == 1
    assert len(found.actions) == 1


@pytest.mark.parametrize("change", ["missing", "failing", "stopped", "other"])
def test_a_rule_that_is_not_evaluated_is_gray(change: str) -> None:
    """A rule of the same name of another service, or of another objective, is no substitute."""
    of = environment(DIGITS)
    whole = healthy(of)
    first, *rest = whole.rules
    (rule, *_) = expected(of.bundle.artifacts)
    changed = {
        "missing": (),
        "failing": (loaded(rule, health="err"),),
        "stopped": (loaded(rule, ago=600),),
        "other": (first.but(labels={**first.labels, "service": "another"}),),
    }[change]
    found = status(of, whole.but(rules=(*changed, *rest)))
    assert found.health == "gray"
    (action,) = found.actions
    assert action.what == "restore the monitoring first"
    said = {
        "missing": "has not loaded this rule",
        "failing": "cannot evaluate this rule: found duplicate series",
        "stopped": "has stopped evaluating this rule",
        "other": "has not loaded this rule",
    }
    assert said[change] in action.why


@EACH
def test_no_data_is_never_green(example: Path) -> None:
    """Without any one of the answers that alerts rest on, something is gray. All rules stay silent."""
    of = environment(example)
    whole = healthy(of)
    needed = [f"{name.name.value}/up" for name in of.plan.online.values()]
    needed += [
        f"{one.name.value}/{objective.name}" for one in of.plan.online.values() for objective in one.objectives.all
    ]
    needed += [f"{one.name.value}/known" for one in of.plan.batch.values()]
    needed += [f"{of.plan.training.name.value}/known"] if of.plan.training is not None else []
    failures = {rule.failure for rule in expected(of.bundle.artifacts)}
    needed += [
        f"{name}/{series}"
        for name in (one.name.value for part in (of.plan.online, of.plan.batch) for one in part.values())
        for failure, series in MODEL.items()
        if failure in failures
    ]
    assert needed
    for key in needed:
        assert status(of, without(whole, key)).health == "gray", key
        for odd in ("nan", "inf"):
            values = {**whole.values, key: (Sample(labels={}, value=float(odd)),)}
            assert status(of, whole.but(values=values)).health == "gray", key


@EACH
def test_an_alert_is_seen_although_another_one_has_its_name(example: Path) -> None:
    """Such as the page on one segment, if the quality of all rows is fine."""
    rules = expected(environment(example).bundle.artifacts)
    for name in {rule.name for rule in rules}:
        alike = [rule for rule in rules if rule.name == name]
        for firing in alike:
            said = [loaded(rule, *([_alert(rule, "bad")] if rule is firing else [])) for rule in alike]
            found = Answers(at=NOW, values={}, history={}, rules=tuple(said))
            assert [rule for rule in alike if judged(rule, found)[0] != "green"] == [firing], firing.labels
            unloaded = found.but(rules=tuple(one for one, rule in zip(said, alike, strict=True) if rule is not firing))
            assert judged(firing, unloaded)[0] == "gray"


def test_a_rule_is_the_same_with_labels_that_a_platform_adds() -> None:
    of = environment(DIGITS)
    whole = healthy(of)
    more = tuple(rule.but(labels={**rule.labels, "cluster": "eu", "owner": "another"}) for rule in whole.rules)
    assert status(of, whole.but(rules=more)).health == "green"


def test_an_alert_that_is_only_pending_changes_nothing() -> None:
    of = environment(DIGITS)
    whole = healthy(of)
    first, *rest = whole.rules
    pending = Firing(state="pending", since=NOW, labels=first.labels, annotations={"summary": "soon"})
    assert status(of, whole.but(rules=(first.but(alerts=(pending,)), *rest))).health == "green"


# Measures


def test_values_are_in_the_units_of_people() -> None:
    """Triton's histograms are in microseconds, and an objective of 99.5% has a budget of 0.5%."""
    of = environment(DIGITS)
    whole = healthy(of)
    values = {
        **whole.values,
        "digit-reader/requests": (Sample(labels={}, value=12.5),),
        "digit-reader/availability": (Sample(labels={}, value=0.002),),
        "digit-reader/availability/30d": (Sample(labels={}, value=0.004),),
        "digit-reader/up": (Sample(labels={}, value=3.0),),
    }
    (service,) = status(of, whole.but(values=values)).services
    facts = {fact.title: fact.value for fact in service.facts}
    assert facts["throughput"] == "12.5/s"
    assert facts["availability"] == "99.8%"
    assert facts["availability, error budget left"] == "20%"
    assert facts["replicas"] == "3"
    spent = {**values, "digit-reader/availability/30d": (Sample(labels={}, value=0.02),)}
    (service,) = status(of, whole.but(values=spent)).services
    assert {fact.title: fact.value for fact in service.facts}["availability, error budget left"] == "0%, spent 4 times"


QUALITY = [
    ("mlspec_quality", {"metric": "roc_auc", "role": "live", "segment": ""}, 0.912),
    ("mlspec_quality_low", {"metric": "roc_auc", "role": "live", "segment": ""}, 0.9),
    ("mlspec_quality_high", {"metric": "roc_auc", "role": "live", "segment": ""}, 0.924),
    ("mlspec_quality_samples", {"metric": "roc_auc", "role": "live", "segment": ""}, 4200.0),
    ("mlspec_quality", {"metric": "roc_auc", "role": "naive", "segment": ""}, 0.7),
    ("mlspec_quality", {"metric": "roc_auc", "role": "live", "segment": "country", "segment_value": "FR"}, 0.85),
    ("mlspec_drift_distance", {"subject": "feature", "column": "amount", "method": "psi"}, 0.31),
    ("mlspec_drift_distance", {"subject": "feature", "column": "age", "method": "psi"}, 0.02),
    ("mlspec_drift_samples", {"subject": "feature", "column": "amount", "method": "psi"}, 90_000.0),
]


def exported(of: Environment) -> Answers:
    """A healthy system whose jobs export what they measure."""
    whole = healthy(of)
    values = {key: some for key, some in whole.values.items() if "mlspec_" not in key}
    for series, labels, value in QUALITY:
        key = f"fraud-models/{series}"
        values[key] = (*values.get(key, ()), Sample(labels=labels, value=value))
    return whole.but(values=values)


def test_quality_and_drift_are_shown_by_group_and_by_column() -> None:
    of = environment(FRAUD)
    name = next(iter(of.plan.online.values())).name.value
    found = exported(of)
    found = found.but(values={key.replace("fraud-models", name): some for key, some in found.values.items()})
    service = status(of, found).services[0]
    whole, group = service.quality
    assert (whole.metric, whole.value, whole.low, whole.high, whole.samples) == ("roc_auc", 0.912, 0.9, 0.924, 4200)
    assert whole.rivals == {"naive": 0.7}
    assert (group.group, group.value, group.low) == ("country=FR", 0.85, None)
    assert [(one.column, one.value, one.threshold, one.samples) for one in service.drift] == [
        ("amount", 0.31, 0.2, 90_000),
        ("age", 0.02, 0.2, None),
    ]
    said = render.text([status(of, found)], 100)
    assert "roc_auc: 0.912, 95% within 0.9 to 0.924, 4,200 observations; naive 0.7" in said
    assert "drift of amount: 0.31 psi; the threshold is 0.2, 90,000 rows" in said
    assert "roc_auc (country=FR): 0.85, no interval" in said


@pytest.mark.parametrize(
    ("schedule", "zone", "now", "expected"),
    [
        ("0 3 * * *", "UTC", "2026-11-28T12:00", "2026-11-29 03:00"),
        ("0 3 * * *", "UTC", "2026-11-28T02:59", "2026-11-28 03:00"),
        ("0 3 * * *", "UTC", "2026-11-28T03:00", "2026-11-29 03:00"),  # it has just started
        ("30 2 * * 1", "UTC", "2026-11-28T12:00", "2026-11-30 02:30"),  # the next Monday
        ("0 0 1 * *", "UTC", "2026-12-01T00:01", "2027-01-01 00:00"),
        ("0 0 29 2 *", "UTC", "2026-11-28T12:00", "2028-02-29 00:00"),
        ("0 3 * * *", "America/New_York", "2026-11-28T07:59", "2026-11-28 03:00"),  # 02:59 there
        ("*/15 * * * *", "Asia/Kolkata", "2026-11-28T12:01", "2026-11-28 17:45"),  # 17:31 there
    ],
)
def test_the_next_run_is_in_the_time_zone_of_the_schedule(schedule: str, zone: str, now: str, expected: str) -> None:
    found = upcoming(schedule, zone, datetime.fromisoformat(f"{now}+00:00").timestamp())
    assert found is not None
    assert f"{found:%Y-%m-%d %H:%M}" == expected


# Formats

HOSTILE = "<script>alert(1)</script> | `x` [y](javascript:z) \u202e\nnext"


def hostile() -> Status:
    of = environment(DIGITS)
    return status(of, healthy(of, ModelErrorBudgetBurn=HOSTILE))


def test_what_a_server_says_cannot_become_markup() -> None:
    page = status_page.page([hostile()])
    assert "<script" not in page
    assert "\u202e" not in page
    ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))
    said = render.markdown([hostile()])
    assert "<script" not in said
    assert "\\[y\\](javascript" in said
    rows = [line for line in said.splitlines() if line.startswith("| availability ")]
    assert rows
    assert all(line.replace("\\|", "").count("|") == 4 for line in rows if "RED" in line)


@EACH
def test_every_format_says_the_same(example: Path) -> None:
    of = environment(example)
    found = status(of, healthy(of, ModelErrorBudgetBurn="failing", BatchFailed="failed", BatchRunFailed="failed"))
    parsed = json.loads(render.json([found]))
    (one,) = parsed["environments"]
    assert parsed["version"] == 1
    assert one["health"] == found.health
    page, text, markdown = status_page.page([found]), render.text([found], 400), render.markdown([found])
    for service in found.services:
        for fact in service.facts:
            assert fact.title in page
            assert (fact.value or "no data") in page
            assert fact.title in text
            assert fact.title in markdown
        for check in service.checks:
            assert check.failure in page
            assert check.failure in markdown


# The JSON document

SCHEMA = json.loads((ROOT / "schema" / "status.v1.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)

RECORDS: dict[str, type[Record]] = {
    "status": Status, "service": ServiceStatus, "fact": Fact, "check": Check, "trouble": Trouble, "quality": Quality,
    "drift": Drift, "chart": Chart, "action": Action,
}  # fmt: skip


def document(*found: Status) -> dict[str, Any]:
    """What a program reads."""
    made: dict[str, Any] = json.loads(render.json(found), parse_constant=lambda _: pytest.fail("is no JSON"))
    return made


def test_the_schema_has_the_fields_of_the_records_and_requires_them() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for name, record in RECORDS.items():
        described = SCHEMA["$defs"][name]
        assert tuple(described["properties"]) == record._fields == tuple(described["required"]), name
        assert described["additionalProperties"] is False


@EACH
def test_the_document_is_what_the_schema_describes(example: Path) -> None:
    """All alerts at once, none, and no data."""
    of = environment(example)
    whole = healthy(of)
    firing = {rule.name: "it is bad" for rule in expected(of.bundle.artifacts)}
    points = {one.key: ((NOW - 3600, 0.001), (NOW, 0.002)) for one in questions(of.plan) if one.charted}
    bad = healthy(of, **firing).but(history=points, warnings=("slow",))
    states = [status(of, whole), status(of, bad), status(of, Answers(at=NOW, values={}, history={}, rules=()))]
    assert [one.health for one in states] == ["green", "red", "gray"]
    assert list(VALIDATOR.iter_errors(document(*states))) == []
    if example == FRAUD:
        made = document(*states)["environments"]
        parts = [part for one in made for service in one["services"] for part in service if service[part]]
        assert {*parts} >= {"quality", "drift", "charts", "facts", "checks"}, "each part is there"


def test_a_document_of_another_structure_is_refused() -> None:
    """Else the schema would describe nothing."""
    of = environment(DIGITS)
    made = document(status(of, healthy(of, ModelErrorBudgetBurn="failing")))

    def parts(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            yield value
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from parts(one)

    for part in [*parts(made)]:
        for name in [*part]:
            value = part.pop(name)
            assert not VALIDATOR.is_valid(made), name
            part[name] = value
        part["more"] = "a text, which no baseline has, either"
        assert not VALIDATOR.is_valid(made)
        del part["more"]
    assert VALIDATOR.is_valid(made)


# The server


@contextmanager
def server(code: int, body: bytes, seen: list[str] | None = None, location: str = "") -> Iterator[str]:
    """A server that always gives the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if seen is not None:
                seen.append(self.headers.get("Authorization", ""))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(code)
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that the server calls

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_address[1]}"
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


def refused(address: str, **environ: str) -> PrometheusError:
    """The error of a server that does not answer."""
    with pytest.raises(PrometheusError) as error:
        answers(address, [Question(key="x", query="up")], NOW, environ)
    return error.value


@pytest.mark.parametrize(
    ("code", "body", "message", "help_"),
    [
        (401, b"", "does not let you read (status 401)", "MLSPEC_PROMETHEUS_TOKEN"),
        (400, b'{"status":"error","error":"bad_data"}', "fails with status 400: bad_data", "see its log"),
        (503, b"<html>", "fails with status 503", "see its log"),
        (200, b"<html>login</html>", "is not JSON", "a login page"),
        (200, b'{"status":"success"}', "is not one of its API", "a login page"),
        (200, b"[" * 100_000, "is not JSON", "a login page"),
        (200, b'{"status":"success","data":{"resultType":"vector"}}', "is not one of its API", "a login page"),
        (200, b'{"status":"success","data":{"resultType":"vector","result":[1]}}', "is not one of its API", "a login"),
    ],
)
def test_a_server_that_is_no_prometheus_has_a_cure(code: int, body: bytes, message: str, help_: str) -> None:
    with server(code, body) as address:
        error = refused(address)
    assert message in str(error)
    assert help_ in error.help


@pytest.mark.parametrize(
    "address", ["localhost:9090", "http://user:secret@host", "ftp://host", "http://host?x=1", "http://["]
)
def test_an_address_that_is_no_plain_url_is_never_repeated(address: str) -> None:
    error = refused(address)
    assert "secret" not in f"{error} {error.help}"


def test_a_server_that_nobody_runs_is_an_error_with_a_cure() -> None:
    result = run("report", "status", DIGITS / "mlspec.yaml", "--prometheus", "http://127.0.0.1:9")
    assert result.status == 2
    assert "cannot be reached" in result.err
    assert "help: check the address and the network" in result.err


def test_a_token_goes_to_the_server_and_not_to_where_it_redirects() -> None:
    there: list[str] = []
    here: list[str] = []
    with server(401, b"", there) as other, server(302, b"", here, location=other) as address:
        refused(address, MLSPEC_PROMETHEUS_TOKEN="secret")
    assert here == ["Bearer secret"]
    assert there == [""]


# A real Prometheus

MINUTES = 150


def history(failing: float) -> History:
    """Two and a half hours of five requests per second. Some fail, and all take less than 100 ms."""
    model, timed = 'model="digit-reader"', "nv_inference_first_response_histogram_ms"
    rates = {
        f"nv_inference_request_success{{{model}}}": 5 * (1 - failing),
        f'nv_inference_request_failure{{{model},reason="BACKEND"}}': 5 * failing,
        f"{timed}_count{{{model}}}": 5.0,
        f"{timed}_sum{{{model}}}": 5.0 * 40,
        **{f'{timed}_bucket{{{model},le="{bound}"}}': 5.0 for bound in ("100", "500", "2000", "5000", "+Inf")},
    }
    return {name: [60.0 * rate * at for at in range(MINUTES)] for name, rate in rates.items()}


def groups() -> list[dict[str, Any]]:
    """The rules that the example compiles to."""
    (artifact,) = [one for one in environment(DIGITS).bundle.artifacts if one.path == "monitoring/rules.yaml"]
    found: list[dict[str, Any]] = plain(artifact.body)["groups"]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("failing", "scraped", "health", "code"), [
    (0.0, True, "GREEN", 0),
    (0.2, True, "RED", 1),
    (0.0, False, "GRAY", 1),
])  # fmt: skip
def test_a_real_server_says_what_it_knows(
    failing: float, scraped: bool, health: str, code: int, tmp_path: Path
) -> None:
    """A fifth of requests fails, which is 40 times the budget, so both windows of the page are above 14.4 times it."""
    series, labels = history(failing), {"namespace": "default", "pod": "digit-reader-1"}
    with exporter(series) as port:
        target = port if scraped else None
        with prometheus(tmp_path, groups(), "default/digit-reader", labels, series, target) as address:
            result = run("report", "status", DIGITS / "mlspec.yaml", "--prometheus", address)
    assert result.status == code, result.err
    first, *rest = result.out.splitlines()
    assert first.startswith("digit-reader in default, ")
    assert first.split(": ")[1].startswith(health)
    said = "\n".join(rest)
    if health == "GREEN":
        assert "replicas                           1  (2 to 3)" in said
        assert "latency mean                       40 ms" in said, said
    if health == "RED":
        assert "availability                       80%  (99.5%)" in said
        assert "ModelErrorBudgetBurn: digit-reader: 20% of requests are failing; 99.5% should succeed" in said
    if health == "GRAY":
        assert "Prometheus has no metrics of it, so no alert on it can fire" in said
