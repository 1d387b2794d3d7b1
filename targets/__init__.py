"""The backends: pure functions from a system and its plan to Kubernetes objects."""

from __future__ import annotations
