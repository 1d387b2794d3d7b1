"""Every suffix, label, and metric name that mlspec writes, defined once so that no two places can disagree."""

from __future__ import annotations

__all__ = [
    "BAD_EVENTS",
    "CANARY",
    "ERROR_RATIO",
    "HELPER_CPU",
    "HELPER_MEMORY",
    "INDEX",
    "KUSTOMIZATION",
    "LOAD",
    "LOAD_METRIC",
    "MANAGED_BY",
    "MODEL_INFO",
    "QUERIED",
    "SHADOW",
    "SHADOW_AGREEMENT",
    "label_value",
]

MANAGED_BY = "mlspec"
INDEX = ".mlspec-index.json"
KUSTOMIZATION = "kustomization.yaml"

# Suffixes of object names. The longest one limits the length of a system's name (schema.scalars, `system-name`).
CANARY = "canary"
SHADOW = "shadow"

# The resource requests of mlspec's own containers, which wait for the network or read a few files.
HELPER_CPU = "100m"
HELPER_MEMORY = "128Mi"

# The series that recording rules write: `level:metric:operation`.
ERROR_RATIO = "mlspec:sli_error:ratio_rate{window}"
BAD_EVENTS = "mlspec:sli_bad:increase{window}"
MODEL_INFO = "mlspec:model_info"
LOAD = "mlspec:load:sum"
LOAD_METRIC = "mlspec_load"
"""The name under which a metrics adapter serves `LOAD`: an API path cannot contain a colon."""

SHADOW_AGREEMENT = "mlspec_shadow_agreement_ratio"
"""What a job exports that compares the answers of a shadow with those of the live version: the share that are alike,
from 0 to 1. Its labels are `namespace`, `service`, and `version`, the one of the shadow."""


QUERIED = ("ModelConditionViolated", "ModelConditionBlind")
"""The alerts on a query of the author: its violation, and its silence. Only the author knows series for them."""


def label_value(text: str) -> str:
    """The closest valid label value: at most 63 letters, digits, `-`, `_`, and `.`."""
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "-" for char in text)[:63]
    return kept.strip("-_.")
