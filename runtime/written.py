"""Values as `values.oneOf` writes them."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["as_written", "number"]

ROUNDED: dict[str, Any] = {"float16": np.float16, "float32": np.float32, "float64": np.float64}


def as_written(word: str, dtype: object) -> str:
    """A word as values of a type are written: `1.0` in a spec is 1 in a column, and 0.1 has fewer digits in 32 bits."""
    try:
        return number(float(ROUNDED[str(dtype)](word)))
    except (KeyError, ValueError):
        return word


def number(value: float) -> str:
    """A number: `3` for 3.0."""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else str(value)
