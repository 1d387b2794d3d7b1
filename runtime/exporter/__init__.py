"""The process that measures in every interval, serves the metrics, and starts training runs when it is asked."""

from __future__ import annotations
