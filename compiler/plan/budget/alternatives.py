"""An API instead of own hosting: what it would cost, and from which traffic on hosting is cheaper.

Hosting costs its replicas, whatever they do; an API costs every request. So there is a rate at which both cost the
same, as long as the planned replicas carry it. What both ways need, such as training and traffic to callers, does not
count, and neither does the work of people.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ....schema.money import Budget, UnitPrice
from ....schema.units import Rate
from ...because import Because, decision, first
from ...finding import refusal
from ...row import Row
from ...system import ApiPrice, Candidate
from ..choose import count, number
from ..scope import Scope
from ..service import ServicePlan
from .online import OnlineCost
from .prices import MONTH, in_one_currency, money, rounded
from .stored import EGRESS

__all__ = ["Alternative", "alternatives"]


class Alternative(Row):
    """A candidate that is an API, next to the hosting that is planned for one service."""

    service: str
    candidate: Candidate
    hosting: Because[Budget]
    """The replicas and rollouts of the service."""
    costs: Because[Budget]
    """The API at the mean rate."""
    even: Because[Rate]
    """The rate at which both cost the same."""


def alternatives(scope: Scope, online: OnlineCost) -> Iterator[Alternative]:
    """The candidates of a service's model that are an API, if its rate is known and the API charges for requests."""
    service = online.service
    rate = first(service.traffic("mean"), service.traffic("peak"))
    for candidate in scope.system.models[service.model.value].candidates:
        if candidate.api is None or rate is None:
            continue
        each = _of_request(service, candidate.api, scope)
        if each.value:
            parts = [part for name, part in online.parts.items() if not name.startswith(EGRESS)]
            hosting = _hosting(*parts)
            costs = _costs(rate, each, hosting)
            even = _even(hosting, each, costs, rate, candidate.name)
            yield Alternative(service.part.own_name.value, candidate, hosting, costs, even)


def _of_request(service: ServicePlan, api: ApiPrice, scope: Scope) -> Because[Decimal]:
    """The price of a request: per request, and per token if the service has a language model."""
    for price, per in ((api.input, "token"), (api.output, "token"), (api.request, "prediction")):
        if price is not None:
            in_one_currency(scope.platform.prices.core, price)
            _per(price, per)
    if service.part.llm is None and not service.is_language_model:
        return _price(api.request)
    tokens = service.hardware.tokens
    return _price(api.request, tokens.usual_prompt, api.input, tokens.usual_output, api.output)


def _per(price: Because[UnitPrice], per: str) -> None:
    if price.value.per != per:
        raise refusal(
            "MLS008",
            f"a price of {price.value} is not a price per {per}",
            price,
            note=f"it is multiplied by a number of {per}s",
            help=f"write it like `0.9 USD/1M {per}s`",
        )


@decision
def _price(
    request: Because[UnitPrice] | None,
    prompt: Because[int] | None = None,
    read: Because[UnitPrice] | None = None,
    output: Because[int] | None = None,
    written: Because[UnitPrice] | None = None,
) -> tuple[Decimal, str]:
    parts = [(1, request, "")] if request is not None else []
    if prompt is not None and read is not None:
        parts.append((prompt.value, read, f"{count(prompt.value, 'prompt token')} x "))
    if output is not None and written is not None:
        parts.append((output.value, written, f"{count(output.value, 'output token')} x "))
    total = sum((many * price.value.amount for many, price, _ in parts), Decimal(0))
    return total, " + ".join(f"{said}{price.value}" for _, price, said in parts)


@decision
def _hosting(*parts: Because[Budget]) -> tuple[Budget, str]:
    total = sum((part.value.amount for part in parts), Decimal(0))
    return Budget(total, parts[0].value.currency, "month"), "its replicas and rollouts"


@decision
def _costs(rate: Because[Rate], each: Because[Decimal], hosting: Because[Budget]) -> tuple[Budget, str]:
    many = rate.value.amount * MONTH * 3600
    why = f"{rate.value} x {MONTH} h = {number(float(many))} requests of {each.reason}"
    return money(many * each.value, hosting), why


@decision
def _even(
    hosting: Because[Budget], each: Because[Decimal], costs: Because[Budget], rate: Because[Rate], name: Because[str]
) -> tuple[Rate, str]:
    even = Rate(rounded(hosting.value.amount / (MONTH * 3600 * each.value), 9))
    million = f"{number(float(each.value * 10**6))} {hosting.value.currency}"
    return even, (
        f"{hosting.value} for hosting / ({MONTH} h x 3,600 s x {million} per million requests); per request: "
        f"{each.reason}; at {rate.value}, `{name.value}` costs {costs.value}"
    )
