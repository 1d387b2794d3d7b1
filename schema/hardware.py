"""What accelerators can do, as data sheets write it: `300 GB/s`, `121 TFLOP/s`.

Data sheets count in powers of ten, and quote rates with and without sparsity and in several precisions: the language
takes the dense rate of 16-bit numbers, which is what most models are served in.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from .units import NUMBER, Quantity

__all__ = ["Bandwidth", "Compute"]


class Bandwidth(Quantity):
    """How fast bytes are read or fetched; `amount` is in bytes a second."""

    __slots__ = ()
    WHAT = "a bandwidth"
    UNITS: ClassVar[dict[str, Decimal]] = {" MB/s": Decimal(10**6), " GB/s": Decimal(10**9), " TB/s": Decimal(10**12)}
    PATTERN = rf"({NUMBER})( MB/s| GB/s| TB/s)"
    EXAMPLES = ("300 GB/s", "3.35 TB/s")
    USUAL = (" GB/s",)


class Compute(Quantity):
    """How fast a device multiplies; `amount` is in operations a second."""

    __slots__ = ()
    WHAT = "a rate of operations"
    UNITS: ClassVar[dict[str, Decimal]] = {" TFLOP/s": Decimal(10**12), " PFLOP/s": Decimal(10**15)}
    PATTERN = rf"({NUMBER})( TFLOP/s| PFLOP/s)"
    EXAMPLES = ("121 TFLOP/s", "2.25 PFLOP/s")
    USUAL = (" TFLOP/s",)
