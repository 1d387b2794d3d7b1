"""No traffic provider: callers reach the Service by its name in the cluster."""

from __future__ import annotations

from ..providers import TrafficProvider

__all__ = ["PROVIDER"]

PROVIDER = TrafficProvider(name="none")
