"""Prices and budgets, in everyday notation: `4000 USD/month`, `3.43 USD/h`, `0.9 USD/1M predictions`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Self

from .units import NUMBER, Count, Quantity, UnitError, like, plain

__all__ = ["Budget", "HourlyPrice", "Money", "StoragePrice", "TransferPrice", "UnitPrice"]


class Money(Quantity):
    """An amount of money per unit; the subclasses define the unit."""

    __slots__ = ("currency", "per")
    currency: str
    per: str

    def __init__(self, amount: Decimal | int, currency: str = "USD", per: str = "") -> None:
        super().__init__(amount)
        object.__setattr__(self, "currency", currency)
        object.__setattr__(self, "per", per)

    @classmethod
    def _from(cls, match: re.Match[str]) -> Self:
        return cls(Decimal(match[1]), match[2], match[3])

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and (self.currency, self.per) == (other.currency, other.per)  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), self.amount, self.currency, self.per))

    def __str__(self) -> str:
        return f"{plain(self.amount)} {self.currency}/{self.per}"


class Budget(Money):
    """Money per month of 730 hours."""

    __slots__ = ()
    WHAT = "a monthly amount of money"
    PATTERN = rf"({NUMBER}) ([A-Z]{{3}})/(month)"
    EXAMPLES = ("4000 USD/month",)


class HourlyPrice(Money):
    """Money per hour."""

    __slots__ = ()
    WHAT = "an hourly amount of money"
    PATTERN = rf"({NUMBER}) ([A-Z]{{3}})/(h)"
    EXAMPLES = ("3.43 USD/h",)


class StoragePrice(Money):
    """Money per gibibyte that is stored for a month."""

    __slots__ = ()
    WHAT = "a price of storage"
    PATTERN = rf"({NUMBER}) ([A-Z]{{3}})/(GiB-month)"
    EXAMPLES = ("0.08 USD/GiB-month",)


class TransferPrice(Money):
    """Money per gibibyte that is sent."""

    __slots__ = ()
    WHAT = "a price of traffic"
    PATTERN = rf"({NUMBER}) ([A-Z]{{3}})/(GiB)"
    EXAMPLES = ("0.09 USD/GiB",)


class UnitPrice(Money):
    """Money per number of things; `amount` is the price of one."""

    __slots__ = ("count",)
    WHAT = "a price"
    PATTERN = rf"({NUMBER}) ([A-Z]{{3}})/(?:([0-9]{{1,9}}[kMB]?) )?(predictions?|tokens?|labels?|items?)"
    EXAMPLES = ("0.9 USD/1M predictions", "0.05 USD/label")
    count: Count

    @classmethod
    def _from(cls, match: re.Match[str]) -> Self:
        count = Count.parse(match[3] or "1")
        if not count.amount:
            raise UnitError("is a price per zero units", like(cls.EXAMPLES))
        price = cls(Decimal(match[1]) / count.amount, match[2], match[4].rstrip("s"))
        object.__setattr__(price, "count", count)
        return price

    def __str__(self) -> str:
        many = f"{self.count} {self.per}s" if self.count.amount != 1 else self.per
        return f"{plain((self.amount * self.count.amount).normalize())} {self.currency}/{many}"
