"""Decisions about money and quotas: what a system costs, and the most it has at once."""
