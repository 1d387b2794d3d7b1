"""Decisions about cost and quotas: what a system costs, and its peak resource usage."""
