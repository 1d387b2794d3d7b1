"""Cloud identities: whose they are, by how they are written."""

from __future__ import annotations

import re

__all__ = ["STORES", "provider_of"]

_PATTERNS = {
    "aws": r"arn:aws[a-z-]*:iam::[0-9]{12}:role/.+",
    "google": r"[^@]+@[^@]+\.iam\.gserviceaccount\.com",
    "azure": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
}

STORES = {"s3": "aws", "gcs": "google", "azure": "azure"}
"""The provider whose identities a store admits, by the kind of its access."""


def provider_of(identity: str) -> str | None:
    """The provider of an identity: a role ARN, the email address of a service account, or the ID of a client."""
    return next((name for name, pattern in _PATTERNS.items() if re.fullmatch(pattern, identity)), None)
