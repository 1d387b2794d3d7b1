"""MLS407: what a patch may do to pods, against each control of the Pod Security Standard "restricted"."""

from __future__ import annotations

from pathlib import Path

import pytest

from .rules import findings

PATCH = """
patches:
  - target: {kind: Rollout, name: base}
    reason: a test
    patch: {spec: {template: {spec: %s}}}
"""


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        ("{hostNetwork: true}", "the patch sets `hostNetwork: true`"),
        ("{hostPID: true}", "the patch sets `hostPID: true`"),
        ("{hostIPC: true}", "the patch sets `hostIPC: true`"),
        ("{securityContext: {runAsNonRoot: false}}", "the patch sets `runAsNonRoot: false`"),
        ("{securityContext: {runAsUser: 0}}", "the patch sets `runAsUser: 0`"),
        ("{securityContext: null}", "the patch removes `securityContext` from a pod"),
        ("{securityContext: {seccompProfile: {type: Unconfined}}}", "the patch disables the seccomp filter"),
        ("{securityContext: {seccompProfile: null}}", "the patch removes `seccompProfile` from a pod"),
        ("{volumes: [{name: node, hostPath: {path: /}}]}", "the patch mounts a directory of the node"),
        ("{containers: [{name: server, securityContext: {privileged: true}}]}", "the patch sets `privileged: true`"),
        (
            "{containers: [{name: server, securityContext: {capabilities: {add: [SYS_ADMIN]}}}]}",
            "the patch adds capabilities to a container",
        ),
    ],
)
def test_what_the_standard_forbids(tmp_path: Path, pod: str, said: str) -> None:
    assert [found.message for found in findings(tmp_path, "MLS407", PATCH % pod)] == [said]


@pytest.mark.parametrize(
    "pod",
    [
        "{hostNetwork: false}",
        "{securityContext: {runAsUser: 2000, runAsNonRoot: true}}",
        "{securityContext: {seccompProfile: {type: Localhost, localhostProfile: models.json}}}",
        "{priorityClassName: high}",
        "{containers: [{name: server, securityContext: {capabilities: {drop: [ALL], add: []}}}]}",
    ],
)
def test_what_it_allows(tmp_path: Path, pod: str) -> None:
    assert findings(tmp_path, "MLS407", PATCH % pod) == []
