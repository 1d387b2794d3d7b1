"""Every label, annotation, suffix and metric name that mlspec writes, so that no two places can disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .because import Because, fixed

if TYPE_CHECKING:
    from .artifact import Body
    from .plan import Plan
    from .plan.service import ServicePlan

__all__ = ["Names", "labels", "metadata", "path_of", "selector"]

MANAGED_BY = "mlspec"
INDEX = ".mlspec-index.json"

# Suffixes of object names. The longest decides how long a system's name may be (schema.scalars, `system-name`).
CANARY = "canary"
SHADOW = "shadow"
MODEL = "model"

# The label that Argo Rollouts puts on the pods of each version, as Prometheus sees it.
POD_HASH_LABEL = "rollouts-pod-template-hash"
POD_HASH_SERIES_LABEL = "rollouts_pod_template_hash"


class Names:
    """Prefixes and names of what Prometheus records for mlspec: `level:metric:operation`."""

    ERROR_RATIO = "mlspec:sli_error:ratio_rate{window}"
    BAD_EVENTS = "mlspec:sli_bad:increase{window}"
    MODEL_INFO = "mlspec:model_info"


def metadata(
    plan: Plan, name: Because[str], labels_: Body, annotations: Body | None = None, *, namespace: bool = True
) -> Body:
    """An object's metadata, in Kubernetes' order."""
    return {
        "name": name,
        "namespace": plan.namespace if namespace else None,
        "labels": labels_,
        "annotations": annotations or None,
    }


def labels(
    plan: Plan, component: str, instance: Because[str] | None = None, version: Because[str] | None = None
) -> Body:
    """The recommended labels of Kubernetes, the owner, and the spec's own labels.

    `component` names the role, such as `predictor`. The version is on no selector: selectors cannot change.
    """
    own: dict[str, Any] = dict(plan.system.metadata.labels)
    return {
        **selector(plan, component, instance),
        "app.kubernetes.io/version": version.map(label_value) if version is not None else None,
        "app.kubernetes.io/part-of": plan.system.metadata.name,
        "app.kubernetes.io/managed-by": MANAGED_BY,
        **own,
    }


def selector(plan: Plan, component: str, instance: Because[str] | None = None) -> Body:
    """What selects the pods of one component, and never changes over the life of a system."""
    return {
        "app.kubernetes.io/name": plan.system.metadata.name,
        "app.kubernetes.io/instance": plan.system.metadata.name if instance is None else instance,
        "app.kubernetes.io/component": component,
    }


def label_value(text: str) -> str:
    """The nearest text that a label may hold: at most 63 letters, digits, `-`, `_` and `.`."""
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "-" for char in text)[:63]
    return kept.strip("-_.")


def path_of(plan: Plan, folder: str, kind: str, name: Because[str]) -> str:
    """The file of one object: its folder by concern, its kind, and what its name adds to the system's."""
    added = name.value.removeprefix(plan.system.metadata.name.value).lstrip("-")
    return f"{folder}/{kind.lower()}{'-' if added else ''}{added}.yaml"


def selector_of(service: ServicePlan, component: str) -> Body:
    """What selects the pods of one service."""
    return selector(service.plan, component, service.name)


def yes(why: str) -> Because[bool]:
    """`true`, as a choice of the target."""
    return fixed(True, why)


def no(why: str) -> Because[bool]:
    """`false`, as a choice of the target."""
    return fixed(False, why)
