"""The traps of disk space: the kubelet adds up everything that a pod writes, and compares it with a single limit.

The limit of a pod is the sum of those of the containers that run at once, or that of an init container if it is higher.
Containers without one add nothing, so a single limit anywhere is the limit of all of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlspec.schema.units import Memory

from . import batch, online
from .test_traps_capture import SIDECAR, sidecar
from .test_traps_pod_fields import EACH, Make

DISK = "ephemeral-storage"


def _limit(container: dict[str, Any]) -> int | None:
    found = container["resources"].get("limits", {}).get(DISK)
    return int(Memory.parse(found).amount) if found is not None else None


def most(pod: dict[str, Any]) -> int | None:
    """What the pod may use, as the kubelet computes it; None for no limit."""
    before = pod.get("initContainers", [])
    at_once = [*pod["containers"], *(one for one in before if one.get("restartPolicy") == "Always")]
    first = [one for one in before if one not in at_once]
    running = [limit for one in at_once if (limit := _limit(one)) is not None]
    limits = [sum(running)] if running else []
    limits += [limit for one in first if (limit := _limit(one)) is not None]
    return max(limits, default=None)


def volumes(pod: dict[str, Any]) -> dict[str, int]:
    """The sizes of the volumes that are on the disk of the node."""
    empty = {one["name"]: one["emptyDir"] for one in pod["volumes"] if "emptyDir" in one}
    on_disk = {name: body["sizeLimit"] for name, body in empty.items() if body.get("medium") != "Memory" if body}
    return {name: int(Memory.parse(size).amount) for name, size in on_disk.items()}


@pytest.mark.parametrize("cache", [None, "models"], ids=["own", "shared"])
def test_trap_the_limit_of_a_download_evicts_what_runs_after_it(cache: str | None, tmp_path: Path) -> None:
    """A batch image may write what it likes, unless the spec says how much."""
    shared = {"platform__storage": {"modelCache": cache}} if cache is not None else {}
    pod = batch.job(tmp_path, **shared)["template"]["spec"]
    assert [one["name"] for one in pod["initContainers"]] == ["download"]
    assert most(pod) is None
    limited = batch.job(tmp_path, **shared, serving__resources__ephemeralStorage="20Gi")
    assert most(limited["template"]["spec"]) == 20 * 2**30


def test_trap_the_limit_of_a_download_evicts_a_server_whose_own_files_are_unknown(tmp_path: Path) -> None:
    made = online.emitted(tmp_path, "custom", release__artifact__size="50Mi")
    assert [one["name"] for one in made.pod["initContainers"]] == ["download"]
    assert most(made.pod) is None
    known = online.emitted(tmp_path, "custom", release__artifact__size="50Mi", serving__container__scratch="1Gi")
    assert most(known.pod) is not None


@EACH
@pytest.mark.parametrize("disk", [None, "6Gi"])
def test_trap_a_volume_of_the_spec_counts_against_the_limit_of_the_pod(
    make: Make, disk: str | None, tmp_path: Path
) -> None:
    own = {"volumes": {"scratch": {"size": "200Gi", "path": "/scratch"}, "more": {"size": "10Gi", "path": "/more"}}}
    resources = {"resources": {"cpu": 4, "memory": "12Gi", "ephemeralStorage": disk}} if disk else {}
    pod = make(tmp_path, {**own, **resources}, {})["spec"]
    allowed, without = most(pod), most(make(tmp_path, resources, {})["spec"])
    assert (allowed is None) == (without is None)
    if allowed is not None and without is not None:
        assert allowed == without + 210 * 2**30
    asked = [one["resources"]["requests"][DISK] for one in (*pod.get("initContainers", []), *pod["containers"])]
    assert max(Memory.parse(one) for one in asked) > Memory.parse("210Gi")


def test_trap_records_that_wait_count_against_the_limit_of_the_server(tmp_path: Path) -> None:
    pod = online.emitted(tmp_path, **SIDECAR, release__artifact__size="50Mi").pod
    recorder = sidecar(pod)
    [server] = pod["containers"]
    spool = volumes(pod)["capture-files"]
    assert _limit(recorder) == spool
    assert most(pod) == (_limit(server) or 0) + spool
