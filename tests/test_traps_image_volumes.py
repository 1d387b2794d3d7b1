"""The traps of models in images: which clusters mount them, what pins them, and what pulls them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.because import Because

from .online import DIGEST, compiled, emitted, refused, spec

IMAGE: dict[str, Any] = {
    "platform__kubernetes": "1.35",
    "release__artifact__uri": "oci://registry.example.com/fraud/model:7",
    "access__store": {"kind": "oci", "secret": "registry-key"},
}


def test_trap_an_image_volume_is_pinned_by_digest_and_read_only(tmp_path: Path) -> None:
    made = emitted(tmp_path, **IMAGE)
    reference = f"registry.example.com/fraud/model:7@{DIGEST}"
    assert made.volume("model")["image"] == {"reference": reference, "pullPolicy": "IfNotPresent"}
    [mount] = [mount for mount in made.server["volumeMounts"] if mount["name"] == "model"]
    assert (mount["readOnly"], mount["mountPath"]) == (True, "/models/fraud/7")
    assert "initContainers" not in made.pod


def test_trap_the_kubelet_pulls_a_volume_with_the_pods_secrets(tmp_path: Path) -> None:
    made = emitted(tmp_path, platform__images__pullSecret="platform-key", **IMAGE)
    assert made.pod["imagePullSecrets"] == [{"name": "platform-key"}, {"name": "registry-key"}]


@pytest.mark.parametrize(("version", "found"), [("1.34", 1), ("1.35", 0), ("1.37", 0)])
def test_trap_image_volumes_are_off_by_default_before_1_35(tmp_path: Path, version: str, found: int) -> None:
    told = refused(tmp_path, "triton", **{**IMAGE, "platform__kubernetes": version})
    assert told == [f"MLS012: Kubernetes {version} cannot mount a model from an image"] * found


def test_the_version_of_kubernetes_is_a_reason_for_an_image_volume(tmp_path: Path) -> None:
    result = compiled(tmp_path, spec(**IMAGE))
    [environment] = result._compiled.environments
    [file] = [file for file in environment.bundle.files() if file.path == "serving/rollout.yaml"]
    [line] = [i for i, text in enumerate(file.text.splitlines()) if "reference: registry.example.com" in text]
    assert "Kubernetes 1.35 mounts images as volumes" in {one.why for one in _chain(file.reasons[line])}


def _chain(reasons: Iterable[object]) -> Iterator[Because[Any]]:
    for reason in reasons:
        if isinstance(reason, Because):
            yield reason
            yield from _chain(reason.sources)


@pytest.mark.parametrize(
    "changes",
    [{"release__artifact__digest": "0" * 40}, {"release__artifact__uri": f"oci://registry.example.com/m@{DIGEST}"}],
    ids=["a commit", "two digests"],
)
def test_trap_an_image_reference_has_exactly_one_digest(tmp_path: Path, changes: dict[str, Any]) -> None:
    told = refused(tmp_path, "triton", **{**IMAGE, **changes})
    assert "MLS012: an image must be pinned by the digest of its manifest" in told
