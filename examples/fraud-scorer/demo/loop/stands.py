"""What is real in the demo, and what stands in for what, as the page says it. Words in backticks are code."""

from __future__ import annotations

__all__ = ["STANDS"]

_CANARY = (
    "replayed: both servers answer real requests, and `mlspec test --series` plays what they measured of themselves "
    "against the compiled rollout, with promtool. A step takes 20 minutes, which compressed time does not have"
)
_TIME = (
    "real clocks. A day of the system takes a few seconds, and every duration in rules, routes, and configurations is "
    "divided by the same number. Nothing waits less than half a second. The diagnosis knows weeks in real time only, "
    "so no season can be found here"
)
_SERVER = (
    "real: MLServer 1.7.1 with its scikit-learn runtime, and the settings of the bundle. It is in the catalog, so "
    "its settings, metrics, and analyses are those that compile for it"
)
_ALERTS = (
    "real, with the compiled rules on the model and the compiled routes. Rules that need the metrics of a cluster are "
    "not loaded"
)

STANDS = {
    "The data": "payments drawn from one seed: no bank gives its own away",
    "The model": "real: boosted trees of scikit-learn, trained in each run",
    "The server": _SERVER,
    "The recorder": "real: `mlspec runtime capture`, with the configuration of the bundle",
    "Measurements, diagnoses, requests": "real: `mlspec runtime exporter`, with the configuration of the bundle",
    "Prometheus and Alertmanager": _ALERTS,
    "The API server": "a stand-in that knows one CronJob and its Jobs, and answers what the exporter asks",
    "The pods of a run": "processes, with the commands, arguments, and variables of the compiled CronJob",
    "The image for training": "the package `fraud` next to this demo",
    "Stores": "folders: `s3://` in the bundle becomes a path",
    "The forge": "a bare Git repository on this machine, which `promote` pushes to",
    "The GitOps tool": "`git pull`, and a restart of what the commit changes",
    "The canary": _CANARY,
    "Time": _TIME,
}
