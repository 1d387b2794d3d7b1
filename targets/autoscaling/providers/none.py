"""No autoscaling provider: the workload says how many replicas there are."""

from __future__ import annotations

from ...providers import AutoscalingProvider

__all__ = ["PROVIDER"]

PROVIDER = AutoscalingProvider(name="none")
