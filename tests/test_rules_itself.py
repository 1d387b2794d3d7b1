"""Addresses of the pod itself, at which nothing listens."""

from __future__ import annotations

from pathlib import Path

import pytest

from .rules import findings

TRACKED = 'training: {tracking: {uri: "%s"}%s}\n'
SIDECAR = ', sidecars: {proxy: {image: "registry.example.com/proxy:1"}}'


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://localhost:5000", True),
        ("http://LOCALHOST/mlflow", True),
        ("http://127.0.0.1:5000", True),
        ("http://[::1]:5000", True),
        ("http://0.0.0.0:5000", True),
        ("http://mlflow.mlops:5000", False),
        ("https://localhost.example.com", False),
        ("http://mlflow.mlops:5000/127.0.0.1", False),
    ],
)
def test_trap_localhost_is_the_pod_itself(uri: str, expected: bool, tmp_path: Path) -> None:
    assert bool(findings(tmp_path / "alone", "MLS114", TRACKED % (uri, ""))) is expected
    assert findings(tmp_path / "proxy", "MLS114", TRACKED % (uri, SIDECAR)) == []


def test_an_address_without_a_scheme(tmp_path: Path) -> None:
    for host, expected in (("localhost", 1), ("postgres.orders.svc", 0)):
        access = f"access: {{orders: {{kind: tcp, host: {host}, ports: [5432]}}}}\n"
        assert len(findings(tmp_path / host, "MLS114", access)) == expected
