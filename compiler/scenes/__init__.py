"""Scenes: what Prometheus sees of a system in a situation, as series in promtool's notation.

The series are named after the metrics of the plan, as the queries are. Alerts and analyses are tested with them.
"""
