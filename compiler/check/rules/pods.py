"""The rule on patches of pods, which satisfy the Pod Security Standard "restricted" unless a patch weakens them."""

from __future__ import annotations

from collections.abc import Iterator

from ...bind.leaf import core_value
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import MLSystem
from ...tree import Node, Scalar, Sequence, entries, is_null
from ..lint import rule

__all__ = ["unrestricted_pod"]

# By key, the values that the standard forbids (kubernetes.io, Pod Security Standards).
_REFUSED: dict[str, tuple[object, ...]] = {
    "hostNetwork": (True,),
    "hostPID": (True,),
    "hostIPC": (True,),
    "privileged": (True,),
    "allowPrivilegeEscalation": (True,),
    "runAsNonRoot": (False,),
    "runAsUser": (0,),
    "procMount": ("Unmasked",),
}
_NEEDED = ("securityContext", "seccompProfile", "capabilities", "runAsNonRoot", "runAsUser", "allowPrivilegeEscalation")
"""Keys that a patch must not remove."""


_REBUILD = (
    "remove it; if the image needs it, rebuild the image to run as a numeric non-root user that owns the directories "
    "it writes to"
)
_ASSIGNED = (
    "remove it, and write `platform: {security: {users: cluster}}` or `platform: {cloud: openshift}` if the cluster "
    "chooses the users of pods"
)


@rule("MLS407", "error")
def unrestricted_pod(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Patch that weakens a pod's security.

    Why: every pod that mlspec emits satisfies the Pod Security Standard "restricted". A namespace that enforces it
    rejects a weaker pod, and one that does not lets an attacker who breaks into the model server reach the node.

    Bad:
        patches:
          - target: {kind: Rollout, name: base}
            reason: the image was built for root
            patch: {spec: {template: {spec: {securityContext: {runAsNonRoot: false}}}}}
    Good:
        patches:
          - target: {kind: Rollout, name: base}
            reason: the image writes as its own user
            patch: {spec: {template: {spec: {securityContext: {runAsUser: 2000}}}}}
    """
    for patch in system.patches:
        for key, node in entries(patch.patch) if patch.patch is not None else ():
            why = _refused(key.text, node, plan)
            if why is not None:
                yield finding(
                    "MLS407",
                    why,
                    node if not is_null(node) else key,
                    others=((patch.reason, "the reason given"),),
                    note='the Pod Security Standard "restricted" forbids it, and a namespace that enforces that '
                    "standard rejects the pod",
                    help=_ASSIGNED if key.text == "runAsUser" and is_null(node) else _REBUILD,
                )


def _refused(name: str, node: Node, plan: Plan) -> str | None:
    """What is wrong with a key and its value; None if nothing is."""
    if name == "runAsUser" and is_null(node) and plan.users.value == "cluster":
        return None
    if name in _NEEDED and is_null(node):
        return f"the patch removes `{name}` from a pod"
    if name == "hostPath":
        return "the patch mounts a directory of the node"
    if name == "add" and isinstance(node, Sequence) and node.items:
        return "the patch adds capabilities to a container"
    if not isinstance(node, Scalar):
        return None
    value = core_value(node)
    if any(value == refused and type(value) is type(refused) for refused in _REFUSED.get(name, ())):
        return f"the patch sets `{name}: {node.text}`"
    if name == "type" and value == "Unconfined":
        return "the patch disables the seccomp filter"
    return None
