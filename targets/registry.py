"""The only lists of targets and of providers. Adding one takes a module and a line here."""

from __future__ import annotations

from ..compiler.emit.artifact import SystemTarget, Target
from ..compiler.emit.backends import Backends
from ..compiler.provider import Provider
from . import autoscaling, features, gitops, learning, measuring, monitoring, retraining, rollout, serving
from .autoscaling.providers import hpa, keda
from .autoscaling.providers import none as no_autoscaling
from .orchestration import argo_workflows, cronjob
from .rollout.providers import argo_rollouts
from .rollout.providers import none as no_rollout
from .traffic import gateway_api
from .traffic import none as no_traffic

__all__ = ["BACKENDS", "PROVIDERS", "SYSTEM_TARGETS", "TARGETS"]

TARGETS: tuple[Target, ...] = (
    gitops.TARGET,  # lists the objects of all others, so it finishes last
    serving.TARGET,
    autoscaling.TARGET,
    rollout.TARGET,
    features.TARGET,
    retraining.TARGET,
    measuring.TARGET,
    learning.TARGET,
    monitoring.TARGET,
)

PROVIDERS: tuple[Provider, ...] = (
    argo_rollouts.PROVIDER,
    no_rollout.PROVIDER,
    gateway_api.PROVIDER,
    no_traffic.PROVIDER,
    keda.PROVIDER,
    hpa.PROVIDER,
    no_autoscaling.PROVIDER,
    cronjob.PROVIDER,
    argo_workflows.PROVIDER,
)

SYSTEM_TARGETS: tuple[SystemTarget, ...] = (gitops.DEPLOYMENTS,)

BACKENDS = Backends(targets=TARGETS, system_targets=SYSTEM_TARGETS, providers=PROVIDERS)
"""Everything that mlspec compiles a system with, apart from the plugins that its platform file names."""
