"""Rehearse a compiled system: run its alerts and its rollouts on series, before it runs in a cluster.

Prometheus's own `promtool` evaluates all queries. What is here prepares its input, and reads its results.
"""
