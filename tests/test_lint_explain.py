"""What `mlspec lint` does besides reporting findings: explain an id, and select rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlspec.compiler.check.rules.language import IDS
from mlspec.compiler.check.rules.reference import known
from mlspec.compiler.check.rules.registry import RULES

from .support import minimal, run


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """One warning (MLS505), one error from a rule (MLS902) and one mistake (MLS004)."""
    (tmp_path / ".git").mkdir()
    path = tmp_path / "mlspec.yaml"
    uri = "http://models.example.com/mnist-12.onnx"
    path.write_text(minimal(metadata__links=None, release__artifact__uri=uri, rolout={}))
    return path


def found(*arguments: str | Path) -> list[str]:
    """The ids of the findings of a run, in order."""
    return sorted(d["id"] for d in json.loads(run("lint", *arguments, "--format", "json").out)["diagnostics"])


@pytest.mark.parametrize("id_", sorted({*IDS, *(rule.id for rule in RULES)}))
def test_every_id_is_explained_in_full(id_: str) -> None:
    ran = run("lint", "--explain", id_)
    assert (ran.status, ran.err) == (0, "")
    head, *rest = ran.out.split("\n\n")
    assert head.partition(": ")[0] in {f"{severity}[{id_}]" for severity in ("error", "warning", "info")}
    assert "Bad:" in rest
    assert "Good:" in rest


def test_an_explanation_is_that_of_the_rule() -> None:
    """Its docstring verbatim, with its default severity."""
    ran = run("lint", "--explain", "mls505")
    assert ran.out == (
        "warning[MLS505]: Alerts without a runbook\n\n"
        "The on-call engineer did not build the system. Without a page that says what to check\n"
        "and how to roll back, the first half hour is lost.\n\n"
        "Bad:\n\n    metadata:\n      links: {}\n\n"
        "Good:\n\n    metadata:\n      links: {runbook: https://runbooks.example.com/fraud-scorer}\n"
    )


def test_an_explanation_as_json() -> None:
    told = json.loads(run("lint", "--explain", "MLS206", "--format", "json").out)
    assert told["version"] == 1
    assert list(told["explanation"]) == ["id", "severity", "title", "why", "bad", "good"]
    assert told["explanation"]["id"] == "MLS206"
    assert told["explanation"]["severity"] == "info"
    assert told["explanation"]["bad"] == "evaluation:\n  primary: roc_auc"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("MLS5O5", "unknown diagnostic MLS5O5; the closest is MLS505"),
        ("MLS50", "unknown diagnostic MLS50; the closest is MLS501"),
        ("E501", "unknown diagnostic E501"),
    ],
)
def test_an_unknown_id_is_an_error_that_names_the_nearest(asked: str, said: str) -> None:
    for form in ("text", "json"):
        ran = run("lint", "--explain", asked, "--format", form)
        assert (ran.status, ran.out, ran.err) == (2, "", f"error: {said}\n")


def test_without_a_spec_and_without_an_id_there_is_nothing_to_do() -> None:
    ran = run("lint")
    assert ran.status == 2
    assert "Missing argument 'SPEC...'" in ran.err


def test_explanations_are_in_order() -> None:
    assert list(known()) == sorted(known())


# Only some rules


@pytest.mark.parametrize(
    ("arguments", "ids", "status"),
    [
        ([], ["MLS004", "MLS505", "MLS902"], 1),
        (["--select", "MLS505"], ["MLS004", "MLS505"], 1),
        (["--select", "MLS5"], ["MLS004", "MLS505"], 1),
        (["--select", "mls5,MLS9"], ["MLS004", "MLS505", "MLS902"], 1),
        (["--select", "MLS5", "--select", "MLS9"], ["MLS004", "MLS505", "MLS902"], 1),
        (["--ignore", "MLS9"], ["MLS004", "MLS505"], 1),
        (["--select", "MLS", "--ignore", "MLS505"], ["MLS004", "MLS902"], 1),
        (["--ignore", "MLS0"], ["MLS004", "MLS505", "MLS902"], 1),
    ],
)
def test_rules_are_selected_and_mistakes_are_always_reported(
    spec: Path, arguments: list[str], ids: list[str], status: int
) -> None:
    assert found(spec, *arguments) == ids
    assert run("lint", spec, *arguments).status == status


def test_what_was_not_asked_for_does_not_fail(spec: Path) -> None:
    spec.write_text(spec.read_text().replace("rolout: {}\n", ""))
    assert run("lint", spec).status == 1
    ran = run("lint", spec, "--ignore", "MLS902")
    assert (ran.status, ran.err.splitlines()[-1]) == (0, "1 warning")


def test_a_warning_about_the_language_can_be_left_out(spec: Path) -> None:
    spec.write_text(minimal(constraints__maxLag="5m"))
    assert found(spec) == ["MLS013"]
    assert found(spec, "--ignore", "MLS013") == []


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_selecting_an_unknown_id_is_an_error(spec: Path, option: str) -> None:
    ran = run("lint", spec, option, "MLS5,MLS5O5")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "error: unknown diagnostic MLS5O5; the closest is MLS505\n"


def test_a_suppression_counts_although_its_rule_was_not_selected(spec: Path) -> None:
    """Otherwise every partial run would ask to remove the suppressions of all other rules."""
    text = (
        spec.read_text()
        .replace("rolout: {}\n", "")
        .replace("owner: vision", "owner: vision  # mlspec: ignore[MLS505] new")
    )
    spec.write_text(text)
    assert found(spec) == ["MLS902"]
    assert found(spec, "--select", "MLS902,MLS019") == ["MLS902"]
