"""No autoscaling provider: the workload sets a fixed number of replicas."""

from __future__ import annotations

from ...providers import AutoscalingProvider

__all__ = ["PROVIDER"]

PROVIDER = AutoscalingProvider(name="none")
