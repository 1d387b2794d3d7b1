"""Accelerator specifications, in data-sheet notation: `300 GB/s`, `121 TFLOP/s`.

Data sheets count in powers of ten, and quote rates with and without sparsity and in several precisions. The language
uses the dense 16-bit rate, because most models are served at that precision.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from .units import NUMBER, Quantity

__all__ = ["Bandwidth", "Compute"]


class Bandwidth(Quantity):
    """A bandwidth; `amount` is in bytes per second."""

    __slots__ = ()
    WHAT = "a bandwidth"
    UNITS: ClassVar[dict[str, Decimal]] = {" MB/s": Decimal(10**6), " GB/s": Decimal(10**9), " TB/s": Decimal(10**12)}
    PATTERN = rf"({NUMBER})( MB/s| GB/s| TB/s)"
    EXAMPLES = ("300 GB/s", "3.35 TB/s")
    USUAL = (" GB/s",)


class Compute(Quantity):
    """A compute rate; `amount` is in operations per second."""

    __slots__ = ()
    WHAT = "a compute rate"
    UNITS: ClassVar[dict[str, Decimal]] = {" TFLOP/s": Decimal(10**12), " PFLOP/s": Decimal(10**15)}
    PATTERN = rf"({NUMBER})( TFLOP/s| PFLOP/s)"
    EXAMPLES = ("121 TFLOP/s", "2.25 PFLOP/s")
    USUAL = (" TFLOP/s",)
