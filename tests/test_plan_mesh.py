"""Which routes with a Service as their parent a mesh follows: with others, callers in the cluster bypass a canary."""

from __future__ import annotations

from pathlib import Path

import pytest

from .online import compiled, spec


def followed(tmp_path: Path, protocol: str, **mesh: str) -> tuple[bool, str]:
    made = spec(serving__protocol=protocol, platform={"mesh": mesh})
    [environment] = compiled(tmp_path, made)._compiled.environments
    [service] = environment.plan.online.values()
    return service.mesh.follows_routes.value, service.mesh.follows_routes.reason


@pytest.mark.parametrize(
    ("mesh", "http", "grpc"),
    [
        ("none", False, False),
        ("istio", True, False),
        ("cilium", True, True),
        ("linkerd", True, True),
    ],
)
def test_a_mesh_follows_routes_of_the_protocols_that_it_reports(
    tmp_path: Path, mesh: str, http: bool, grpc: bool
) -> None:
    assert followed(tmp_path, "http", provider=mesh)[0] is http
    assert followed(tmp_path, "grpc", provider=mesh)[0] is grpc


def test_trap_an_ambient_mesh_ignores_routes_without_a_waypoint(tmp_path: Path) -> None:
    without = followed(tmp_path, "http", provider="istio-ambient")
    assert without == (False, "the mesh follows routes at a waypoint, and there is none")
    assert followed(tmp_path, "http", provider="istio-ambient", waypoint="models")[0]
    assert not followed(tmp_path, "grpc", provider="istio-ambient", waypoint="models")[0]
