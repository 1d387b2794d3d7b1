"""The monthly cost of storage and of traffic to callers, where the platform file has prices for them.

Only what the spec sizes counts: model versions, the copies on the cache that pods share, versions of data, and
responses. Logs, metrics, captures, and traffic within the cloud do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from ....schema.money import Budget, StoragePrice, TransferPrice
from ....schema.units import Memory, Percent, Rate
from ...because import Because, because, decision, first
from ..choose import count, number
from ..service import ServicePlan
from ..serving.files import ModelFiles
from .prices import MONTH, in_one_currency, money

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["EGRESS", "STORAGE", "egress", "storage"]

STORAGE = "storage"
"""The name of the part."""

EGRESS = "egress of "
"""The start of the names of the parts of services."""

GIB = 2**30


def storage(plan: Plan) -> dict[str, Because[Budget]]:
    """What is stored, if storage has a price and the spec sizes something."""
    price, sizes = plan.platform.prices.storage, tuple(_sizes(plan))
    if price is None or not sizes:
        return {}
    in_one_currency(plan.platform.prices.core, price)
    return {STORAGE: _stored(price, *sizes)}


def egress(plan: Plan, service: ServicePlan) -> dict[str, Because[Budget]]:
    """The responses of a service that leave through the gateway, if they have a size and traffic has a price."""
    size, price = service.part.endpoint.response_size, plan.platform.prices.egress
    rate = first(service.requested("mean"), service.requested("peak"))
    if size is None or price is None or rate is None or not service.routed.value:
        return {}
    in_one_currency(plan.platform.prices.core, price)
    share = service.arrival.share
    through = share if share is not None else because(Percent(1), "the share that bypasses the gateway is unknown")
    return {f"{EGRESS}{service.part.own_name.value}": _sent(rate, size, through, price)}


def _sizes(plan: Plan) -> Iterator[Because[Memory]]:
    """Everything that is stored, each with what it is as its reason."""
    for name, release in plan.system.releases.items() if plan.runs("serving").value else ():
        versions = (release, *((release.shadow,) if release.shadow is not None else ()), *release.previous)
        known = tuple(one.artifact.size for one in versions if one.artifact.size is not None)
        if known:
            yield _versions(name, *known)
    copies = {files.artifact.digest.value: files for files in _files(plan) if files.source.value == "cached"}
    for files in copies.values():
        if files.artifact.size is not None:
            yield because(files.artifact.size.value, "for a copy on the model cache", files.artifact.size, files.source)
    for source in plan.system.data.sources if plan.training is not None else ():
        size = source.volume.size if source.volume is not None else None
        if size is not None and source.version is not None:
            yield because(size.value, f"for the version of `{source.name.value}`", size, source.version)


def _files(plan: Plan) -> Iterator[ModelFiles]:
    for service in plan.online.values():
        yield from (version.files for version in service.versions)
    yield from (batch.files for batch in plan.batch.values())


@decision
def _versions(name: str, *sizes: Because[Memory]) -> tuple[Memory, str]:
    total = sum((size.value.amount for size in sizes), Decimal(0))
    return Memory(total), f"for {count(len(sizes), 'version')} of `{name}`"


@decision
def _stored(price: Because[StoragePrice], *sizes: Because[Memory]) -> tuple[Budget, str]:
    total = sum((size.value.amount for size in sizes), Decimal(0)) / GIB
    said = ", ".join(f"{_gibibytes(size.value.amount)} {size.why}" for size in sizes)
    return money(total * price.value.amount, price), f"{_gibibytes(total * GIB)} x {price.value}: {said}"


@decision
def _sent(
    rate: Because[Rate], size: Because[Memory], share: Because[Percent], price: Because[TransferPrice]
) -> tuple[Budget, str]:
    total = rate.value.amount * MONTH * 3600 * size.value.amount * share.value.amount
    part = f" x {share.value} through the gateway" if share.value.amount != 1 else ""
    why = f"{rate.value} x {MONTH} h x {size.value}{part} = {_gibibytes(total)} x {price.value}"
    return money(total / GIB * price.value.amount, price), why


def _gibibytes(amount: Decimal) -> str:
    return f"{number(float(amount / GIB))} GiB"
