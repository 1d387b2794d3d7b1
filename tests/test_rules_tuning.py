"""Hyperparameter searches: what each algorithm ignores or does not support, by the catalog or by the platform.

The facts of the catalog are those of Optuna in mlspec's own search, which `tests/cluster/loop/test_search.py` runs.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlspec.compiler.catalog import load as catalog

from .rules import findings, laid_over
from .support import ROOT

ALGORITHMS = tuple(catalog.algorithms().entries)

DOUBLE = "{type: double, min: 0.0001, max: 0.1, scale: %s}"
INT = "{type: int, min: 1, max: 64, scale: %s}"
BETWEEN = "{type: double, min: %s, max: 0.9}"
TWO = {"x": "{type: int, min: 1, max: 9}", "y": "{type: int, min: 1, max: 9}"}
"""Numeric parameters that every algorithm can search."""


def tuned(algorithm: str, parameters: dict[str, str], more: str = "") -> str:
    listed = ", ".join(f"{name}: {parameter}" for name, parameter in parameters.items())
    resource = "resource: x, " if algorithm == "hyperband" and "x" in parameters else ""
    return f"training: {{tuning: {{algorithm: {algorithm}, {resource}{more}parameters: {{{listed}}}}}}}"


def messages(tmp_path: Path, *asked: object) -> list[str]:
    return [d.message for d in findings(tmp_path, "MLS706", tuned(*asked))]  # type: ignore[arg-type] # as `tuned` takes


def test_every_algorithm_searches_two_integers(tmp_path: Path) -> None:
    for algorithm in ALGORITHMS:
        assert messages(tmp_path / algorithm, algorithm, TWO) == [], algorithm


# Scales


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_only_a_grid_ignores_log_scales(algorithm: str, scale: str, tmp_path: Path) -> None:
    """As `test_what_the_catalog_says_is_what_optuna_does` sees it in the real worker."""
    for kind, parameter in (("double", DOUBLE), ("int", INT)):
        asked = parameter % scale
        step = asked.replace("scale", "step: 0.0001, scale") if algorithm == "grid" and kind == "double" else asked
        found = messages(tmp_path / kind, algorithm, {**TWO, "z": step})
        assert found == (["`grid` ignores the log scale of `z`"] if (algorithm, scale) == ("grid", "log") else [])


def test_a_uniform_sample_in_numbers(tmp_path: Path) -> None:
    """The middle of the scale is the root of 0.0001 x 0.1; (0.1 - 0.00316) / 0.0999 of a uniform sample is above it."""
    stepped = (DOUBLE % "log").replace("scale", "step: 0.001, scale")
    [found] = findings(tmp_path, "MLS706", tuned("grid", {"z": stepped}))
    assert found.note == "sampled uniformly, 97% of the trials are above 0.0032, where half should be"


def test_a_sample_on_a_log_scale_in_numbers(tmp_path: Path) -> None:
    """The root of 0.01 x 0.9 is 0.0949; (0.0949 - 0.01) / 0.89 of a uniform sample would be below it."""
    [_, found] = findings(tmp_path, "MLS706", tuned("our-own", {"z": BETWEEN % 0.01}) + PLATFORM)
    assert found.note == "sampled on a log scale, half of the trials are below 0.095, where 10% should be"


def test_zero_has_no_logarithm(tmp_path: Path) -> None:
    [_, found] = findings(tmp_path, "MLS706", tuned("our-own", {"z": BETWEEN % 0}) + PLATFORM)
    assert found.note == "0 has no logarithm, so the search fails at startup"
    assert found.help == "write `algorithm: tpe`"


# Steps


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_optuna_has_no_steps_on_a_log_scale(algorithm: str, tmp_path: Path) -> None:
    stepped = "{type: int, min: 10, max: 90, step: 20, scale: %s}"
    said = "ignores the log scale of `z`" if algorithm == "grid" else "ignores the step of `z` on a log scale"
    assert messages(tmp_path / "a", algorithm, {**TWO, "z": stepped % "linear"}) == []
    assert messages(tmp_path / "b", algorithm, {**TWO, "z": stepped % "log"}) == [f"`{algorithm}` {said}"]


def test_a_step_that_another_library_ignores(tmp_path: Path) -> None:
    platform = PLATFORM.replace("needsResource: true", "steps: none, doubleScales: [linear]")
    platform = platform.replace("doubleScales: [log], ", "")
    asked = {"z": "{type: int, min: 10, max: 90, step: 20}"}
    [found] = findings(tmp_path / "a", "MLS706", tuned("our-own", asked) + platform)
    assert (found.message, found.help) == (
        "`our-own` ignores the step of `z`",
        "remove the step, or write `algorithm: tpe`",
    )
    every = {"z": "{type: int, min: 1, max: 9, step: 1}"}
    assert findings(tmp_path / "b", "MLS706", tuned("our-own", every) + platform) == [], "a step of 1 is every integer"


def test_a_grid_of_real_numbers_needs_a_step(tmp_path: Path) -> None:
    real = {"z": "{type: double, min: 0.1, max: 0.9}"}
    [found] = findings(tmp_path / "a", "MLS706", tuned("grid", real))
    assert found.message == "`grid` needs a step for `z`"
    assert found.note.endswith("so it tries 1 value")
    assert messages(tmp_path / "b", "random", real) == []


@pytest.mark.parametrize(
    ("parameters", "combinations"),
    [
        ({"z": "{type: int, min: 4, max: 12}"}, 9),
        ({"z": "{type: int, min: 4, max: 12, step: 3}"}, 3),  # 4, 7, 10
        ({"z": "{type: double, min: 0.1, max: 0.9, step: 0.1}"}, 9),
        ({"z": "{type: categorical, values: [a, b, c]}", "x": "{type: int, min: 1, max: 2}"}, 6),
    ],
)
def test_a_grid_ends_with_its_combinations(parameters: dict[str, str], combinations: int, tmp_path: Path) -> None:
    assert messages(tmp_path / "enough", "grid", parameters, f"trials: {combinations}, ") == []
    said = [f"`grid` has only {combinations} combinations for {combinations + 1} trials"]
    assert messages(tmp_path / "more", "grid", parameters, f"trials: {combinations + 1}, ") == said


# Categories, numbers, resources


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_only_an_evolution_strategy_cannot_learn_categories(algorithm: str, tmp_path: Path) -> None:
    found = messages(tmp_path, algorithm, {**TWO, "z": "{type: categorical, values: [a, b]}"})
    assert found == (["`cma-es` samples `z` at random"] if algorithm == "cma-es" else [])


def test_an_algorithm_that_needs_more_numbers_than_there_are(tmp_path: Path) -> None:
    platform = PLATFORM.replace("doubleScales: [log], needsResource: true", "leastNumbers: 2")
    [found] = findings(tmp_path / "a", "MLS706", tuned("our-own", {"x": TWO["x"]}) + platform)
    assert found.message == "`our-own` needs 2 numeric parameters or more; the search has 1"
    assert messages(tmp_path / "b", "cma-es", {"x": TWO["x"]}) == []


def test_hyperband_needs_to_know_the_budget(tmp_path: Path) -> None:
    fragment = tuned("hyperband", {"epochs": "{type: int, min: 1, max: 81}"})
    said = "`hyperband` needs to know which parameter sets the budget of a trial"
    assert [d.message for d in findings(tmp_path / "a", "MLS706", fragment)] == [said]
    assert findings(tmp_path / "b", "MLS706", fragment.replace("{algo", "{resource: epochs, algo")) == []


# What the platform says


PLATFORM = """
# mlspec.platform.yaml
apiVersion: mlspec/v1
kind: Platform
platform:
  algorithms:
    gaussian-process: {intScales: [linear]}
    our-own: {doubleScales: [log], needsResource: true}
"""


def test_the_platform_changes_an_algorithm_and_adds_one(tmp_path: Path) -> None:
    linear, whole = {"z": DOUBLE % "linear"}, {"z": INT % "log"}
    assert findings(tmp_path / "a", "MLS706", tuned("gaussian-process", {"z": DOUBLE % "log"}) + PLATFORM) == []
    [changed] = findings(tmp_path / "b", "MLS706", tuned("gaussian-process", whole) + PLATFORM)
    assert "ignores the log scale" in changed.message
    found = findings(tmp_path / "c", "MLS706", tuned("our-own", {**linear, "y": INT % "log"}) + PLATFORM)
    assert [d.message for d in found] == [
        "`our-own` needs to know which parameter sets the budget of a trial",
        "`our-own` samples `z` on a log scale",
    ]


def test_an_unknown_algorithm(tmp_path: Path) -> None:
    [unknown] = [d for d in laid_over(tmp_path, tuned("sobel", TWO)) if d.id == "MLS010"]
    assert (unknown.message, unknown.help) == ("unknown algorithm `sobel`", "write `sobol`")


def test_editors_offer_the_catalogs_names() -> None:
    """As examples, because an organization's own names are just as valid."""
    schema = json.loads((ROOT / "schema" / "mlspec.v1.schema.json").read_text())
    assert schema["$defs"]["Tuning"]["properties"]["algorithm"]["$ref"] == "#/$defs/algorithms"
    assert schema["$defs"]["algorithms"]["examples"] == list(ALGORITHMS)
    assert schema["$defs"]["runtimes"]["examples"] == list(catalog.runtime_names())


@pytest.mark.parametrize(
    ("parallel", "more", "room"),
    [
        (4, "resources: {accelerator: {type: l4, count: 4}}", None),
        (4, "resources: {accelerator: {type: l4, count: 4}}, distributed: {%s, nodes: 1, processesPerNode: 4}", 1),
        (2, "resources: {accelerator: {type: l4, count: 4}}, distributed: {%s, nodes: 1, processesPerNode: 1}", 1),
        (4, "resources: {cpu: 8}, distributed: {%s, nodes: 1, processesPerNode: 4}", 2),
        (2, "resources: {cpu: 8}, distributed: {%s, nodes: 1, processesPerNode: 4}", None),
    ],
)
def test_trap_each_trial_starts_a_process_for_every_accelerator(
    parallel: int, more: str, room: int | None, tmp_path: Path
) -> None:
    """The trials at once fit the accelerators of the pod, one each, and each of them would take all."""
    given = more.replace("%s", "strategy: data-parallel")
    search = f"tuning: {{trials: 8, parallel: {parallel}, parameters: {{x: {TWO['x']}}}}}"
    found = findings(tmp_path, "MLS427", f"training: {{{given}, {search}}}")
    assert [one.help.partition(",")[0] for one in found] == ([] if room is None else [f"write `parallel: {room}`"])
