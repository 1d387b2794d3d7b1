"""No traffic provider: callers use the Service's name in the cluster."""

from __future__ import annotations

from ..providers import TrafficProvider

__all__ = ["PROVIDER"]

PROVIDER = TrafficProvider(name="none")
