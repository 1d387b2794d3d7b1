"""Which predictions are recorded: a share of them, by the hash of their ID.

A retry, a shadow, and another replica see the same ID, so all of them record it or none does. A label can then be
joined to every version's prediction.
"""

from __future__ import annotations

from hashlib import sha256

__all__ = ["sampled"]


def sampled(id_: str, share: float) -> bool:
    """Whether the prediction with this ID belongs to the sample. `share` is from 0 to 1."""
    return int.from_bytes(sha256(id_.encode("utf-8", "surrogatepass")).digest()[:8]) < share * 2**64
