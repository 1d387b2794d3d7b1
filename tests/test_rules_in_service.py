"""Edge cases of the rules on images, monitoring, rollouts and retraining, with their thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.check.rules.reproducibility import IMAGES
from mlspec.compiler.language import OBJECTS, UNIONS

from .rules import DIGEST, LATE, findings, one

# Reproducibility


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("registry:5000/train", "registry:5000/train"),
        ("registry:5000/train:1.4", "registry:5000/train"),
        ("train:latest", "train"),
        (f"train@{DIGEST}", None),
        (f"registry:5000/train:1.4@{DIGEST}", None),
    ],
)
def test_a_tag_is_not_a_digest(image: str, name: str | None, tmp_path: Path) -> None:
    found = findings(tmp_path, "MLS302", f"training: {{image: '{image}'}}")
    assert [d.message for d in found] == ([f"the image `{name}` is not pinned to a digest"] if name else [])


def test_images_from_the_catalog_are_not_reported(tmp_path: Path) -> None:
    """Triton's entry only has a tag; an image that the spec sets must be pinned in the spec."""
    assert findings(tmp_path, "MLS302", "") == []
    container = "serving: {runtime: custom, container: {image: registry.example.com/scorer:3, user: 1000}}"
    one(tmp_path, "MLS302", container)
    found = one(tmp_path, "MLS302", "training: {steps: {evaluate: {image: judge}}}")
    assert found.message == "the image `judge` is not pinned to a digest"


def _images(kind: tuple[Any, ...], path: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    """The paths of the images in a value of a kind."""
    if kind[:2] == ("scalar", "image"):
        yield path
    elif kind[0] in ("list", "map"):
        yield from _images(kind[1], f"{path}.*", above)
    elif kind[0] in ("object", "union"):
        names = UNIONS[kind[1]][1].values() if kind[0] == "union" else (kind[1],)
        for name in (name for name in names if name not in above):
            for key, entry in OBJECTS[name].items():
                yield from _images(entry[2], f"{path}.{key}" if path else key, (*above, name))


def test_every_image_of_the_language_has_to_be_pinned(tmp_path: Path) -> None:
    """Those of the feature store and of the learner were left out. Nothing runs the image in a release's `code`."""
    found = {path for path in _images(("object", "MLSystem"), "") if not path.endswith("code.image")}
    assert {path for path in found if not path.startswith("platform.")} == set(IMAGES)
    store = "features: {materialization: {image: 'registry.example.com/features:3'}}"
    assert (
        one(tmp_path, "MLS302", store).message == "the image `registry.example.com/features` is not pinned to a digest"
    )


def test_every_image_of_the_platform_is_asked_for_its_digest(tmp_path: Path) -> None:
    for field in _images(("object", "Images"), ""):
        at = f"platform: {{images: {{{field}: 'registry.example.com/one:3'}}}}"
        assert [d.message for d in findings(tmp_path, "MLS304", at)] != [], field


# Runtimes


@pytest.mark.parametrize(
    ("support", "successors", "said", "help_"),
    [
        ("maintenance", "[custom, mlserver]", "is in maintenance mode", "use `custom` or `mlserver`"),
        ("ended", "[]", "gets no security patches", "use a runtime that is maintained"),
    ],
)
@pytest.mark.parametrize("at", ["platform: {{runtimes: {{triton: {entry}}}}}", "serving: {{container: {entry}}}"])
def test_a_runtime_that_is_not_maintained(
    at: str, support: str, successors: str, said: str, help_: str, tmp_path: Path
) -> None:
    """In the catalog, in the platform's entry, or in a service's container: its notice becomes the note."""
    entry = f"{{support: {support}, notice: its makers say so, successors: {successors}}}"
    found = one(tmp_path, "MLS412", at.format(entry=entry))
    assert said in found.message
    assert (found.severity, found.note, found.help) == ("warning", "its makers say so", help_)
    assert findings(tmp_path, "MLS412", at.format(entry="{support: active}")) == []


# Monitoring


@pytest.mark.parametrize(
    ("column", "fires"),
    [
        ("dtype: string", True),
        ("dtype: int32, min: 0, max: 5", True),
        ("dtype: bool", False),
        ("dtype: string, values: {oneOf: [a, b]}", False),
        ("dtype: string, values: {max: 1000}", False),
        ("dtype: string, values: {max: 1001}", True),
    ],
)
@pytest.mark.parametrize(
    "monitoring", ["segments: [x]", "quality: {metric: recall, min: 0.5, segment: x, minSamples: 9}"]
)
def test_labels_are_bounded(column: str, fires: bool, monitoring: str, tmp_path: Path) -> None:
    fragment = f"data: {{columns: [{{name: x, {column}}}]}}\nmonitoring: {{{monitoring}}}"
    assert bool(findings(tmp_path, "MLS506", fragment)) is fires


def test_a_segment_that_is_not_a_column_should_become_one(tmp_path: Path) -> None:
    """Inputs from requests are known by name, and their values are unbounded."""
    sent = "model: {signature: {inputs: [{name: city, dtype: string}]}}\nmonitoring: {segments: [city]}"
    found = one(tmp_path, "MLS506", sent)
    assert found.help == "add `{name: city, dtype: category, values: {max: 250}}` to `data.columns`"
    assert found.others == ()


def test_drift_needs_a_reference_only_where_monitoring_runs(tmp_path: Path) -> None:
    drift = "monitoring: {drift: {prediction: {threshold: 0.2}%s}}"
    one(tmp_path, "MLS701", drift % "")
    assert findings(tmp_path, "MLS701", drift % ", reference: s3://models/reference.json") == []


# The rollout


def test_a_canary_needs_an_objective(tmp_path: Path) -> None:
    assert findings(tmp_path, "MLS601", "rollout: {rollbackWhen: [{metric: error-rate, max: 1%}]}") == []
    assert findings(tmp_path, "MLS601", "platform: {rollout: {provider: none}}") == [], "nothing shifts traffic"
    found = one(tmp_path, "MLS601", "rollout: {stages: [{canary: {steps: [5%]}}]}")
    assert found.label == ""


@pytest.mark.parametrize(("delay", "fires"), [("45d", True), ("61m", True), ("1h", False)])
def test_a_step_that_waits_for_its_labels_may_judge_by_them(delay: str, fires: bool, tmp_path: Path) -> None:
    rollout = (
        "rollout: {stages: [{canary: {steps: [5%], stepDuration: 1h}}], rollbackWhen: [{metric: ndcg@10, min: 0.5}]}"
    )
    fragment = LATE.replace("45d", delay) + rollout
    assert bool(findings(tmp_path, "MLS603", fragment)) is fires


def test_an_experiment_without_a_holdout_is_reported(tmp_path: Path) -> None:
    labels = "data: {columns: [{name: y, dtype: bool}], labels: {column: y, affectedByDecisions: true}}\n"
    arms = "arms: [{name: a, share: 50%}, {name: b, share: 50%}]"
    experiment = f"unit: user, metric: recall, effect: 0.01, ends: 2027-03-31, {arms}"
    one(tmp_path, "MLS605", labels + f"rollout: {{stages: [{{experiment: {{{experiment}}}}}]}}")


# Retraining and tuning


@pytest.mark.parametrize(
    ("schedule", "age", "apart"),
    [
        ("0 3 * * 1", "7d", "7d"),  # seven days and a fit of 40 minutes
        ("0 3 * * 1", "8d", None),
        ("0 3 * * 1-5", "3d", "3d"),  # over the weekend
        ("0 3 * * 1-5", "4d", None),
        ("0 */6 * * *", "6h", "6h"),
        ("0 0 1 * *", "31d", "31d"),
        ("0 0 1 * *", "32d", None),
    ],
)
def test_a_model_may_get_as_old_as_its_successor_takes_to_train(
    schedule: str, age: str, apart: str | None, tmp_path: Path
) -> None:
    fragment = f'training: {{fit: 40m}}\nretraining: {{schedule: "{schedule}", maxModelAge: {age}}}'
    found = findings(tmp_path, "MLS703", fragment)
    wanted = [f"runs are up to {apart} apart and train for 40 min"] if apart else []
    assert [label.text for d in found for label in d.others] == wanted


def test_the_proposed_age_allows_one_failed_run(tmp_path: Path) -> None:
    """Twice seven days and forty minutes are fifteen days, rounded up."""
    found = one(tmp_path, "MLS703", 'training: {fit: 40m}\nretraining: {schedule: "0 3 * * 1", maxModelAge: 5d}')
    assert found.help == "write `maxModelAge: 15d` or more, so that one run may fail"
