"""What a spec can grow to: each limit has a finding at its place, and no accepted spec is rejected by the cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.check.lint import suppressions
from mlspec.compiler.diagnostics import SourceFile
from mlspec.compiler.limits import ANNOTATIONS, APPLIED, ENVIRONMENTS, PATCHES, SERVICES, SUPPRESSIONS, TEXT

from .support import MINIMAL, loaded, minimal


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path / "mlspec.yaml"


def found(spec: Path, text: str, id_: str = "MLS002") -> list[Any]:
    spec.write_text(text)
    return [one for one in mlspec.lint(spec, today="2026-11-27") if one.id == id_]


def test_trap_a_deadline_of_centuries(spec: Path) -> None:
    """It was a traceback in the alert that waits for as long."""
    slow = {"planning": {"download": "0.000000001 GB/s"}}
    [one] = found(spec, minimal(platform=slow, release__artifact__size="40Gi"), "MLS008")
    assert one.message.startswith("a new version would be ready after ")
    assert one.help == "correct the `size` of the model, or the speeds under `platform.planning`"


# Suppressions


@pytest.mark.parametrize(
    ("text", "reason", "until"),
    [
        ("", "", None),
        ("low traffic", "low traffic", None),
        ("low traffic until 2027-01-31", "low traffic", "2027-01-31"),
        ("until 2027-01-31", "", "2027-01-31"),
        ("until until  2027-01-31 \r", "until", "2027-01-31"),
        ("low traffic until2027-01-31", "low traffic until2027-01-31", None),
        ("low traffic 2027-01-31", "low traffic 2027-01-31", None),
        ("until 2027-01-31 or later", "or later", "2027-01-31"),
        ("until 2027-01-311", "until 2027-01-311", None),
        ("# mlspec: ignore[MLS502] twice", "# mlspec: ignore[MLS502] twice", None),
    ],
)
def test_what_a_suppression_says(text: str, reason: str, until: str | None) -> None:
    (answer,) = suppressions(SourceFile("f", f"a: 1  # mlspec: ignore[MLS501, MLS601] {text}"))
    assert (answer.ids, answer.reason, answer.until, answer.line) == (("MLS501", "MLS601"), reason, until, 0)


def test_a_suppression_on_its_own_line_applies_to_the_next_line_with_content() -> None:
    lines = [
        "# mlspec: ignore[A1]",
        "",
        "  # mlspec: ignore[A2]",
        "# another comment",
        "a: 1",
        "# mlspec: ignore[A3]",
        "",
    ]
    assert [(a.ids, a.line) for a in suppressions(SourceFile("f", "\n".join(lines)))] == [
        (("A1",), 4),
        (("A2",), 4),
        (("A3",), 5),
    ]


def test_each_line_is_read_once_however_many_suppressions_there_are() -> None:
    class Lines(list[str]):
        read = 0

        def __getitem__(self, index: Any) -> Any:
            Lines.read += 1
            return super().__getitem__(index)

    file = SourceFile("f", "# mlspec: ignore[MLS501]\n" * 2000)
    file.lines = Lines(file.lines)
    assert len(suppressions(file)) == 2000
    assert Lines.read == 2001


def test_too_many_suppressions_are_one_error_at_the_first_beyond_the_limit(spec: Path) -> None:
    comments = "# mlspec: ignore[MLS501]\n"
    assert found(spec, MINIMAL + comments * SUPPRESSIONS.most) == []
    (one,) = found(spec, MINIMAL + comments * (SUPPRESSIONS.most + 5))
    assert one.span.line == MINIMAL.count("\n") + SUPPRESSIONS.most


# Environments, services, patches, texts


def test_too_many_environments(spec: Path) -> None:
    names = [f"e{number}" for number in range(ENVIRONMENTS.most + 50)]
    (one,) = found(spec, minimal(environments={name: {"runs": ["training"]} for name in names}))
    assert one.message == "the spec has more than 100 environments"
    assert spec.read_text().split("\n")[one.span.line].strip() == "e100:"


def test_too_many_services_count_all_environments(spec: Path) -> None:
    """400 services in each of three environments are 1,200, and the 201st of the third one is beyond the limit."""
    wrong = {f"s{number}": {"mode": "wrong"} for number in range(400)}
    environments: dict[str, Any] = {name: {} for name in ("a", "b", "c", "d")}
    (one,) = found(spec, minimal(serving=None, services=wrong, environments=environments))
    assert SERVICES.most == 1000
    assert one.message == "the spec has more than 1,000 services"
    assert spec.read_text().split("\n")[one.span.line].strip() == "s200:"


def test_too_many_patches(spec: Path) -> None:
    patch = {
        "target": {"kind": "Service", "name": "digit-reader"},
        "reason": "x",
        "patch": {"metadata": {"labels": {}}},
    }
    assert found(spec, minimal(patches=[patch] * PATCHES.most)) == []
    (one,) = found(spec, minimal(patches=[patch] * (PATCHES.most + 2)))
    assert one.message == "the spec has more than 200 patches"


@pytest.mark.parametrize("path", ["problem__useCase", "metadata__description"])
def test_trap_the_api_server_rejects_annotations_with_a_long_text(spec: Path, path: str) -> None:
    assert found(spec, minimal(**{path: "x" * TEXT.most})) == []
    (one,) = found(spec, minimal(**{path: "x" * 300_000}))
    assert one.message == "the value has 300,000 characters, more than 32,768"
    assert one.help == "shorten it by 267,232 characters"
    assert spec.read_text().split("\n")[one.span.line][one.span.column :].startswith("xxx")


# Objects


def sized(spec: Path, *notes: int, kind: str = "Service") -> list[Any]:
    """The findings about an object with annotations of these sizes."""
    annotations = {f"n{number}": "x" * length for number, length in enumerate(notes)}
    target = {"kind": kind, "name": "digit-reader"}
    spec.write_text(
        minimal(patches=[{"target": target, "reason": "x", "patch": {"metadata": {"annotations": annotations}}}])
    )
    return [one for one in mlspec.lint(spec, today="2026-11-27") if one.id in ("MLS040", "MLS041")]


def test_objects_at_the_limits_of_the_api_server(spec: Path) -> None:
    """256,000 + 5,000 bytes of annotations are less than 262,144, but the whole object is more than 261,120."""
    assert ANNOTATIONS.most == 262_144
    assert APPLIED.most == 261_120
    assert sized(spec, *[30_000] * 8) == []
    (one,) = sized(spec, *[32_000] * 8, 5_000)
    assert (one.id, one.severity) == ("MLS041", "warning")
    (one,) = sized(spec, *[32_000] * 8, 10_000)
    assert (one.id, one.severity) == ("MLS040", "error")
    assert one.message.startswith(
        "`serving/service.yaml` is too large: the annotations of its Service would have 266,0"
    )
    assert spec.read_text().split("\n")[one.span.line].strip().startswith("n0: xxx")


@pytest.mark.parametrize(("characters", "id_"), [(5_000, ""), (18_000, "MLS041"), (32_000, "MLS040")])
def test_trap_the_prometheus_operator_skips_rules_of_more_than_half_a_mebibyte(
    spec: Path, characters: int, id_: str
) -> None:
    """Each alert repeats the texts of the spec. The API server accepts the object, and no alert in it ever fires."""
    spec.write_text(minimal(problem__useCase="x" * characters))
    said = [one for one in mlspec.lint(spec, today="2026-11-27") if one.id in ("MLS040", "MLS041")]
    assert [one.id for one in said] == ([id_] if id_ else [])
    assert all("/prometheusrule" in one.message and "remove bounds or columns" in one.help for one in said)


def test_trap_kubectl_apply_keeps_a_copy_of_the_object_in_an_annotation(spec: Path) -> None:
    """What is accepted can be applied: the JSON of each object, which becomes an annotation, is below the limit."""
    assert sized(spec, *[32_000] * 8) == []
    made = mlspec.compile(spec)
    sizes = [
        len(json.dumps(loaded(file.text), separators=(",", ":")))
        for environment in made._compiled.environments
        for file in environment.bundle.files()
        if file.artifact.object is not None
    ]
    assert 256_000 < max(sizes) <= APPLIED.most


# Downloads


@pytest.mark.parametrize(
    ("uri", "size", "limit"),
    [
        ("https://models.example.com/1.onnx", None, "10240Mi"),
        ("s3://models/1.onnx", None, "10240Mi"),
        ("https://models.example.com/1.onnx", "38Mi", "64Mi"),
        ("oci://registry.example.com/models/digits:1", None, None),  # the kubelet mounts the image
    ],
)
def test_trap_a_download_without_a_limit_fills_the_disk_of_a_node(
    spec: Path, uri: str, size: str | None, limit: str | None
) -> None:
    """Without a size, the limit is a guess, and the finding says so."""
    changes: dict[str, Any] = {"release__artifact__uri": uri, "release__artifact__size": size}
    if uri.startswith("oci:"):
        changes |= {"platform__kubernetes": "1.35"}
    assert len(found(spec, minimal(**changes), "MLS414")) == (limit == "10240Mi")
    made = mlspec.compile(spec)
    assert made.ok, made.diagnostics
    rollout = next(
        loaded(file.text)
        for environment in made._compiled.environments
        for file in environment.bundle.files()
        if file.path.endswith("rollout.yaml")
    )
    volumes = rollout["spec"]["template"]["spec"]["volumes"]
    (model,) = (volume for volume in volumes if volume["name"] == "model")
    assert model.get("emptyDir") == ({"sizeLimit": limit} if limit is not None else None)
