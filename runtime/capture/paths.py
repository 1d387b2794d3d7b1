"""Which requests are for predictions, and what their bodies look like, by the path."""

from __future__ import annotations

import re
from urllib.parse import unquote

from .config import Config

__all__ = ["protocol_of"]

PATHS = {
    "v2": r"/v2/models/{model}(?:/versions/[^/]+)?/infer",
    "v1": r"/v1/models/{model}(?:/(?:versions|labels)/[^/]+)?:predict",
    "openai": r"(?:/openai)?/v1/(?:chat/completions|completions)",
}
"""The paths of each protocol (V2: kserve/open-inference-protocol; V1: tensorflow.org/tfx/serving/api_rest)."""

OTHERS = r"/(?:metrics|health|healthz|livez|readyz|ready|ping|docs|openapi\.json|v[12](?:/.*)?|-/.*)"
"""Paths that answer with no prediction, whatever the server."""


def protocol_of(path: str, config: Config) -> str | None:
    """The protocol of the bodies; None if the path is not that of predictions of the model."""
    known = unquote(path)
    for name in config.protocols:
        pattern = PATHS.get(name)
        if pattern is not None and re.fullmatch(pattern.replace("{model}", re.escape(config.model)), known):
            return name
    return "json" if "json" in config.protocols and not re.fullmatch(OTHERS, known) else None
