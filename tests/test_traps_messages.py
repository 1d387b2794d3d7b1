"""Messages that sent authors in a circle, or in the wrong direction."""

from __future__ import annotations

from pathlib import Path

import pytest

import mlspec

from .online import errors, spec
from .rules import findings
from .support import ROOT, changed, compile_text, ids, minimal, run

FRAUD = ROOT / "examples" / "fraud-scorer"
NOTHING = """
apiVersion: mlspec/v1
kind: MLSystem
metadata: {name: a, owner: b, links: {runbook: https://h/a}}
problem: {useCase: x, task: regression}
"""


@pytest.mark.parametrize(
    "more", ["", "environments: {staging: {}, production: {}}\n", "constraints: {budget: 5 USD/month}\n"]
)
def test_a_spec_that_runs_nothing_has_one_error(tmp_path: Path, more: str) -> None:
    """It was said to have no use for its name and its problem, which are required."""
    found = [one for one in compile_text(tmp_path, NOTHING + more).diagnostics if one.severity == "error"]
    assert [(one.id, one.message) for one in found] == [
        ("MLS009", "nothing runs here: there is neither `serving` nor `training`")
    ]


def test_an_alert_on_the_age_of_a_model_that_is_trained_elsewhere_is_no_retraining(tmp_path: Path) -> None:
    """Nothing is trained, so no gate can judge it; and a gate that nothing evaluates would silence the error."""
    result = compile_text(
        tmp_path, minimal(retraining={"maxModelAge": "60d"}, release__trainedAt="2026-11-01T00:00:00Z")
    )
    assert ids(result) == []
    rules = result.bundles["default"].files["monitoring/prometheusrule.yaml"]
    assert "age" in rules.lower()


def test_scheduled_retraining_still_needs_a_gate(tmp_path: Path) -> None:
    assert findings(tmp_path, "MLS702", 'retraining: {schedule: "0 3 * * 1", maxModelAge: 30d}')


def test_a_plan_with_a_mistaken_setting_does_not_say_that_nothing_changes() -> None:
    ran = run("plan", ROOT / "examples/minimal/mlspec.yaml", "--set", "serving.serviceTime.men=80ms")
    assert (ran.status, ran.out) == (1, "")
    assert "has no key `men`" in ran.err


def test_a_plan_whose_setting_breaks_a_rule_still_shows_what_changes() -> None:
    ran = run("plan", ROOT / "examples/minimal/mlspec.yaml", "--set", "constraints.throughput.peak=600/s")
    assert (ran.status, "replicas" in ran.out) == (0, True)


def test_only_language_models_are_called_so(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.yaml").write_text(minimal(serving__resources={"accelerator": {"type": "l4"}}))
    ran = run("plan", tmp_path / "mlspec.yaml")
    assert "Accelerators of digit-reader" in ran.out
    assert "Language model" not in ran.out
    assert "Language model of" in run("plan", ROOT / "examples/support-assistant/mlspec.yaml").out


# Standard input


def test_the_text_of_standard_input_can_belong_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, an editor in another folder shows errors that the file does not have."""
    monkeypatch.chdir(tmp_path)
    text = (FRAUD / "mlspec.yaml").read_text()
    assert "error[" in run("lint", "-", stdin=text).err
    ran = run("lint", "-", "--stdin-filename", FRAUD / "mlspec.yaml", stdin=text)
    assert ran.err == run("lint", FRAUD / "mlspec.yaml").err
    wrong = run("lint", "-", "--stdin-filename", FRAUD / "mlspec.yaml", stdin=text + "rolout: {}\n")
    assert f"--> {FRAUD / 'mlspec.yaml'}:" in wrong.err


# Line ends


def test_line_ends_are_named_as_what_differs(tmp_path: Path) -> None:
    """A checkout on Windows replaces them in every file."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.yaml").write_text(minimal())
    assert run("compile", tmp_path / "mlspec.yaml").status == 0
    file = tmp_path / "out" / "default" / "serving" / "service.yaml"
    text = file.read_bytes()
    file.write_bytes(text.replace(b"\n", b"\r\n"))
    ran = run("check", tmp_path / "mlspec.yaml")
    assert ran.status == 1
    assert "service.yaml: differs only in its line ends" in ran.out + ran.err
    file.write_bytes(text.replace(b"\n", b"\r\n") + b"# more\n")
    assert "service.yaml: differs\n" in (again := run("check", tmp_path / "mlspec.yaml")).out + again.err


@pytest.mark.parametrize(
    ("setting", "before", "marked"),
    [
        ("constraints.throughput.throughput=20/s", "constraints.throughput.", "throughput"),
        ("serving.serv=1", "serving.", "serv"),
        ("constraints.latency.p9=99ms", "constraints.latency.", "p9"),
    ],
)
def test_a_mistaken_step_of_a_setting_is_marked_where_it_is(setting: str, before: str, marked: str) -> None:
    """Not where the same letters occur first."""
    (found,) = mlspec.lint(ROOT / "examples/minimal/mlspec.yaml", settings=[setting])
    assert (found.span.column, found.span.end_column) == (len(before), len(before) + len(marked))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"rollout__rollbackWhen": [{"metric": "error-rate", "max": None}]}, "max"),
        ({"rollout__stages": [{"canary": None}]}, "canary"),
        ({"success": [{"metric": "latency-p99", "versus": None, "by": "2027-12-31"}]}, "versus"),
        ({"platform__alerting": {"receivers": {"hook": {"webhook": {"url": None}}}}}, "url"),
        ({"serving__container__metrics": {"inFlight": {"gauge": "running", "unit": "s", "busy": None}}}, "busy"),
    ],
)
def test_trap_a_key_without_a_value_is_said_to_be_missing_as_well(
    change: dict[str, object], name: str, tmp_path: Path
) -> None:
    """Where a mapping needs one of several keys, or one key needs another, a key that is there lacks only its value."""
    found = errors(tmp_path, changed(spec("custom"), **change))
    assert [one for one in found if one[:6] in ("MLS009", "MLS011")] == [f"MLS011: `{name}` has no value"]


def test_trap_a_merge_key_makes_what_it_adds_missing_as_well(tmp_path: Path) -> None:
    text = minimal(access="ACCESS").replace(
        "ACCESS", "{base: &b {kind: s3, region: us-east-1, serviceAccount: models}, store: {<<: *b}}"
    )
    found = ids(compile_text(tmp_path, text))
    assert "MLS001" in found
    assert "MLS009" not in found
