"""Mask personal data: a keyed hash if there is a key, otherwise nothing is kept.

Without a key, a hash hides nothing: card numbers and email addresses can be guessed and hashed. With a key that only
the recorder has, equal values stay equal, and no other program can compute them (HMAC, RFC 2104).
"""

from __future__ import annotations

import hmac
import json
from typing import Any

__all__ = ["masked"]


def masked(record: dict[str, Any], personal: tuple[str, ...], key: bytes) -> dict[str, Any]:
    """The record without personal data. A missing value stays missing."""
    return {name: _hidden(value, key) if name in personal else value for name, value in record.items()}


def _hidden(value: Any, key: bytes) -> str | None:
    if value is None or not key:
        return None
    plain = value if isinstance(value, str) else json.dumps(value)
    return hmac.digest(key, plain.encode("utf-8", "surrogatepass"), "sha256").hex()
