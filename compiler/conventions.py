"""Every suffix, label and metric name that mlspec writes, so that no two places can disagree."""

from __future__ import annotations

__all__ = [
    "BAD_EVENTS",
    "CANARY",
    "ERROR_RATIO",
    "HELPER_CPU",
    "HELPER_MEMORY",
    "INDEX",
    "LOAD",
    "LOAD_METRIC",
    "MANAGED_BY",
    "MODEL_INFO",
    "SHADOW",
    "label_value",
]

MANAGED_BY = "mlspec"
INDEX = ".mlspec-index.json"

# Suffixes of object names. The longest decides how long a system's name may be (schema.scalars, `system-name`).
CANARY = "canary"
SHADOW = "shadow"

# What each container of mlspec's own asks for: it waits for the network, or reads a few files.
HELPER_CPU = "100m"
HELPER_MEMORY = "128Mi"

# What Prometheus records: `level:metric:operation`.
ERROR_RATIO = "mlspec:sli_error:ratio_rate{window}"
BAD_EVENTS = "mlspec:sli_bad:increase{window}"
MODEL_INFO = "mlspec:model_info"
LOAD = "mlspec:load:sum"
LOAD_METRIC = "mlspec_load"
"""The same as a metrics adapter serves it: a colon has no place in the path of an API."""


def label_value(text: str) -> str:
    """The nearest text that a label may hold: at most 63 letters, digits, `-`, `_` and `.`."""
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "-" for char in text)[:63]
    return kept.strip("-_.")
