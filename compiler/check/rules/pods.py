"""The rule on what a patch may do to pods, all of which satisfy the Pod Security Standard "restricted" without it."""

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

# By key, the values that the standard refuses (kubernetes.io, Pod Security Standards).
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
"""What a patch may not take away."""


@rule("MLS407", "error")
def unrestricted_pod(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Patch that takes a pod's restrictions away.

    Why: every pod is emitted with the Pod Security Standard "restricted". A namespace that enforces it refuses a pod
    with less, and one that does not lets whoever breaks into the model reach the node.

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
            why = _refused(key.text, node)
            if why is not None:
                yield finding(
                    "MLS407",
                    why,
                    node if not is_null(node) else key,
                    others=((patch.reason, "the reason that is given"),),
                    note='the Pod Security Standard "restricted" refuses it, and so do namespaces that enforce it',
                    help="leave it out; an image that needs it can be built for a user with a number and folders of "
                    "its own",
                )


def _refused(name: str, node: Node) -> str | None:
    """What is wrong with a key and its value; None when nothing is."""
    if name in _NEEDED and is_null(node):
        return f"the patch removes `{name}` from a pod"
    if name == "hostPath":
        return "the patch mounts a folder of the node"
    if name == "add" and isinstance(node, Sequence) and node.items:
        return "the patch adds capabilities to a container"
    if not isinstance(node, Scalar):
        return None
    value = core_value(node)
    if any(value == refused and type(value) is type(refused) for refused in _REFUSED.get(name, ())):
        return f"the patch sets `{name}: {node.text}`"
    if name == "type" and value == "Unconfined":
        return "the patch takes the system-call filter away"
    return None
