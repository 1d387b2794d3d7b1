"""The order in which kinds are applied: first what others refer to, then workloads, then what acts on workloads."""

from __future__ import annotations

from collections.abc import Iterable

from .access import Object

__all__ = ["KINDS", "ordered", "written"]

BEFORE = (
    ("v1", "ServiceAccount"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Service"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("trainer.kubeflow.org/v1alpha1", "TrainingRuntime"),  # a TrainJob names it
    ("networking.k8s.io/v1", "NetworkPolicy"),  # before the pods, so that none runs without it
    ("argoproj.io/v1alpha1", "AnalysisTemplate"),  # a Rollout without its templates is invalid
    ("monitoring.coreos.com/v1", "PodMonitor"),
    ("monitoring.coreos.com/v1", "PrometheusRule"),
    ("monitoring.coreos.com/v1alpha1", "AlertmanagerConfig"),
    ("grafana.integreatly.org/v1beta1", "GrafanaDashboard"),
    ("networking.gke.io/v1", "GCPBackendPolicy"),  # a load balancer reads these when it gets the route
    ("networking.gke.io/v1", "HealthCheckPolicy"),
    ("gateway.k8s.aws/v1", "TargetGroupConfiguration"),
    ("application-networking.k8s.aws/v1alpha1", "TargetGroupPolicy"),
    ("gateway.envoyproxy.io/v1alpha1", "SecurityPolicy"),  # before the route, so that none lets a request pass
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),  # the controller sets weights in it as soon as a rollout starts
    ("gateway.networking.k8s.io/v1", "GRPCRoute"),
)
AFTER = (
    ("apps/v1", "Deployment"),
    ("argoproj.io/v1alpha1", "Rollout"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("keda.sh/v1alpha1", "TriggerAuthentication"),
    ("keda.sh/v1alpha1", "ScaledObject"),
    ("policy/v1", "PodDisruptionBudget"),
    ("batch/v1", "CronJob"),
    ("argoproj.io/v1alpha1", "WorkflowTemplate"),
    ("argoproj.io/v1alpha1", "CronWorkflow"),  # it refers to the template
)

KINDS = (*BEFORE, *AFTER)
"""Every kind that mlspec writes, in this order. Kinds of plugins come before the workloads."""

_RANKS = {kind: rank for rank, (_, kind) in enumerate(KINDS)}


def ordered(bodies: Iterable[Object]) -> list[Object]:
    """Objects in the order in which they are applied; those of one kind keep theirs."""
    return sorted(bodies, key=lambda body: _RANKS.get(body["kind"], len(BEFORE) - 0.5))


def written(bodies: Iterable[Object]) -> list[tuple[str, str]]:
    """The versions and kinds that mlspec and the plugins of a system write."""
    return list(dict.fromkeys([*KINDS, *((body["apiVersion"], body["kind"]) for body in bodies)]))
