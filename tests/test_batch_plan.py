"""The decisions for batch inference, against numbers calculated by hand, and the contract with its images."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.because import Because
from mlspec.compiler.check.effects import reached
from mlspec.compiler.language import OBJECTS
from mlspec.compiler.pipeline import Compiled
from mlspec.compiler.tree import lookup

from .batch import LEAN, NAIVE, OTHERS, SPEC, compiled, environment, job, objects, plan, spec, told
from .support import ROOT

# Decisions


@pytest.mark.parametrize(
    ("schedule", "deadline"), [("0 4 * * *", "12h"), ("0 * * * *", "30m"), ("* * * * *", "30s"), ("0 4 * * 1", "1d")]
)
def test_a_deadline_is_half_of_the_gap_and_at_most_a_day(tmp_path: Path, schedule: str, deadline: str) -> None:
    assert str(plan(tmp_path, constraints__deadline=None, serving__schedule=schedule).deadline.value) == deadline


@pytest.mark.parametrize(
    ("schedule", "zone", "stale", "overdue"),
    [
        ("0 4 * * *", "UTC", 2 * 86400 + 7200, 86400 + 900),
        ("0 4 * * 1-5", "UTC", 6 * 86400 + 7200, 3 * 86400 + 900),  # Friday's scores are in use until Monday
        ("0 4 * * *", "Europe/Berlin", 2 * 86400 + 7200, 86400 + 3600 + 900),  # a day of 25 hours
    ],
)
def test_alerts_follow_the_longest_gap(tmp_path: Path, schedule: str, zone: str, stale: int, overdue: int) -> None:
    made = plan(tmp_path, serving__schedule=schedule, serving__timeZone=zone)
    assert (int(made.stale.value.amount), int(made.overdue.value.amount)) == (stale, overdue)


@pytest.mark.parametrize(
    ("partitions", "most", "parallel"), [(24, 12, 12), (24, None, 24), (8, 12, 8)], ids=["capped", "all", "below"]
)
def test_partitions_run_in_parallel_up_to_the_replicas(
    tmp_path: Path, partitions: int, most: object, parallel: int
) -> None:
    changes = {"serving__parallel": None, "serving__partitions": partitions, "constraints__maxReplicas": most}
    assert plan(tmp_path, **changes).parallel.value == parallel


def test_a_pod_has_room_for_the_model_twice(tmp_path: Path) -> None:
    """1024 MiB plus twice 310 MiB is 1644 MiB, or 1792 MiB in steps of 256 MiB."""
    made = plan(tmp_path, **LEAN)
    assert str(made.memory.value) == "1792Mi"
    assert str(made.cpu.value) == "1"


def test_a_partition_gets_its_number_of_items(tmp_path: Path) -> None:
    assert environment(tmp_path)["MLSPEC_ITEMS"] == "750000"
    assert "MLSPEC_ITEMS" not in environment(tmp_path, constraints__items=None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"serving__parallel": 25}, "25 partitions cannot run in parallel: the run has only 24 partitions"),
        ({"serving__parallel": 13}, "13 partitions cannot run in parallel: `maxReplicas` allows only 12"),
        ({"serving__env": {"MLSPEC_PARTITION": "7"}}, "the environment variable `MLSPEC_PARTITION` is reserved"),
        (
            {"access__other": {"kind": "s3", "secret": "other-keys"}, "serving__output__access": "other"},
            "`AWS_ACCESS_KEY_ID` would be set twice",
        ),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    assert told(compiled(tmp_path, spec(**changes)))[0] == f"MLS012: {message}"


def test_stores_with_different_variables_work_together(tmp_path: Path) -> None:
    assert {"AWS_ACCESS_KEY_ID", "OTHER_KEY"} <= set(
        environment(tmp_path, access__other=OTHERS["access__other"], serving__output__access="other")
    )


# The network, the model, the contract


def test_a_run_connects_to_its_stores_and_accepts_no_connections(tmp_path: Path) -> None:
    policy = objects(tmp_path, spec())["NetworkPolicy"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    ports = [[port["port"] for port in rule["ports"]] for rule in policy["egress"]]
    assert ports == [[53, 53, 5353, 5353], [443, 9000]]


IMAGE_VOLUMES = "{apiVersion: mlspec/v1, kind: Platform, platform: {kubernetes: '1.35'}}"


def test_a_model_is_a_file_a_folder_or_an_image(tmp_path: Path) -> None:
    assert environment(tmp_path)["MLSPEC_MODEL_PATH"] == "/models/model.txt"
    assert environment(tmp_path, releases__lightgbm__artifact=NAIVE)["MLSPEC_MODEL_PATH"] == "/models"
    (tmp_path / "mlspec.platform.yaml").write_text(IMAGE_VOLUMES)
    image = {
        "releases__lightgbm__artifact__uri": "oci://registry.example.com/model:46",
        "releases__lightgbm__artifact__access": None,
        "releases__lightgbm__artifact__size": None,
        **LEAN,
    }
    pod = job(tmp_path, **image)["template"]["spec"]
    assert "initContainers" not in pod
    assert pod["volumes"][0]["image"]["reference"] == f"registry.example.com/model:46@sha256:{'1' * 64}"


CONTRACT = (ROOT / "docs" / "batch-contract.md").read_text()


def test_the_contract_names_every_variable_and_no_other(tmp_path: Path) -> None:
    given = {name for name in environment(tmp_path) if name.startswith("MLSPEC_")}
    table = "\n".join(line for line in CONTRACT.splitlines() if line.startswith("| `MLSPEC_"))
    assert given == set(re.findall(r"MLSPEC_[A-Z_]+", "\n".join(line.split("|")[1] for line in table.splitlines())))


@pytest.mark.parametrize(
    ("run", "zone", "day", "at"),
    [
        ("demand-29757540", "UTC", "2026-07-30", "2026-07-30T2300Z"),
        ("demand-29757540", "Europe/Berlin", "2026-07-31", "2026-07-30T2300Z"),
        ("a-12-29757540", "UTC", "2026-07-30", "2026-07-30T2300Z"),
        # 02:30 in Berlin comes twice on October 25, 2026
        ("demand-29881470", "Europe/Berlin", "2026-10-25", "2026-10-25T0030Z"),
        ("demand-29881530", "Europe/Berlin", "2026-10-25", "2026-10-25T0130Z"),
    ],
)
def test_the_code_in_the_contract_finds_the_day_and_the_time_of_the_run(
    monkeypatch: pytest.MonkeyPatch, run: str, zone: str, day: str, at: str
) -> None:
    """The controller names a run after its scheduled minute, whenever a partition runs or retries."""
    (code,) = re.findall(r"```python\n(.*?)```", CONTRACT, re.DOTALL)
    for name, value in {"RUN": run, "TIME_ZONE": zone, "OUTPUT": "s3://forecasts/{date}/{run}/"}.items():
        monkeypatch.setitem(os.environ, f"MLSPEC_{name}", value)
    found: dict[str, Any] = {}
    exec(code, found)
    assert found["output"] == f"s3://forecasts/{day}/{at}/"


def test_the_day_is_in_the_name_of_the_run(tmp_path: Path) -> None:
    made = environment(tmp_path)
    assert made["MLSPEC_RUN"] == {"fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}}
    assert made["MLSPEC_TIME_ZONE"] == "UTC"


def test_the_date_placeholder_is_passed_through(tmp_path: Path) -> None:
    dated = "s3://forecasts/outputs/{date}/{run}/"
    assert environment(tmp_path, serving__output__uri=dated)["MLSPEC_OUTPUT"] == dated


def test_braces_have_no_other_meaning(tmp_path: Path) -> None:
    assert told(compiled(tmp_path, spec(serving__output__uri="s3://forecasts/{day}/")))[0].startswith("MLS006")


# Every value has an effect, and every line names its sources

OTHERWISE: dict[str, object] = {
    "serving.model": "naive",
    "serving.image": "registry.example.com/demand/score:47",
    "serving.command.0": "python3",
    "serving.command.1": "-v",
    "serving.command.2": "demand.other",
    "serving.schedule": "0 5 * * 1-5",
    "serving.timeZone": "Europe/Berlin",
    "serving.input.uri": "http://forecasts.example.com:9443/inputs",
    "serving.input.access": "other",
    "serving.input.format": "csv",
    "serving.output.uri": "s3://elsewhere/outputs/",
    "serving.output.access": "other",
    "serving.output.format": "avro",
    "serving.partitions": 30,
    "serving.parallel": 6,
    "serving.retries": 5,
    "serving.user": 1002,
    "serving.resources.cpu": 2,
    "serving.resources.memory": "8Gi",
    "serving.resources.accelerator.type": "a100-80gb",
    "serving.resources.accelerator.count": 2,
    "serving.env.LOG_LEVEL": "debug",
    "serving.scheduling.runtimeClass": "kata",
    "serving.podLabels.team": "orders",
    "serving.podAnnotations.note": "daily",
    "serving.access.0": "other",
    "constraints.deadline": "3h",
    "constraints.items": "20M",
    "constraints.maxReplicas": 20,
}


def given(part: object, path: str) -> Iterator[str]:
    """The path of every value of a section."""
    if isinstance(part, dict):
        for key, child in part.items():
            yield from given(child, f"{path}.{key}")
    elif isinstance(part, list):
        for index, child in enumerate(part):
            yield from given(child, f"{path}.{index}")
    else:
        yield path


def test_every_field_of_the_section_is_tried() -> None:
    elsewhere = {"constraints", "rate", "sidecars", "volumes"}  # test_batch_rate.py and test_traps_sidecars.py
    untried = set(OBJECTS["BatchService"]) - elsewhere - set(SPEC["serving"])
    assert untried == set(), "add it to `serving` of SPEC in tests/batch.py"
    tried = {*given(SPEC["serving"], "serving"), *given(SPEC["constraints"], "constraints")}
    assert tried - {"serving.mode"} - set(OTHERWISE) == set(), "add another value of it to OTHERWISE above"
    assert set(OTHERWISE) - tried == set(), "remove it from OTHERWISE above"


DERIVED = ("constraints.maxReplicas", "serving.partitions")
"""The fields that determine the number of parallel partitions, if the spec does not set it."""


@pytest.mark.parametrize(("path", "value"), [*OTHERWISE.items(), ("serving.partitions", 1)])
def test_every_value_changes_lines_that_name_it(tmp_path: Path, path: str, value: object) -> None:
    base = spec(**OTHERS, **({"serving__parallel": None} if path in DERIVED else {}))
    other = copy.deepcopy(base)
    at: Any = other
    *steps, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    for step in steps:
        at = at[step]
    at[last] = value
    before, after = compiled(tmp_path, base), compiled(tmp_path, other)
    assert after.environments[0].emitted.complete
    changed = list(changes(before, after))
    assert changed
    for result, line, reasons in changed:
        assert any(node is leaf(result, path) for node in reached(*reasons)), line


def leaf(result: Compiled, path: str) -> object:
    """The node of a value. `serving` stands for the only service."""
    long = path.replace("serving.", "services.demand.").split(".")
    return lookup(result.environments[0].layered.tree, tuple(long))


def changes(before: Compiled, after: Compiled) -> Iterator[tuple[Compiled, str, tuple[Because[Any], ...]]]:
    """Every line that only one of two compilations has, with its reasons."""
    old, new = ({f.path: f for f in result.environments[0].bundle.files()} for result in (before, after))
    assert set(old) == set(new)
    for path in old:
        was, now = old[path].text.splitlines(), new[path].text.splitlines()
        for kind, a, b, c, d in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
            if kind != "equal":
                yield from ((before, was[n], old[path].reasons[n]) for n in range(a, b))
                yield from ((after, now[n], new[path].reasons[n]) for n in range(c, d))
