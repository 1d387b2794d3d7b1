"""Serving runtimes: the catalog's, the platform's copies of them, and servers that mlspec does not know."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any, NamedTuple

from .maker import DIGEST, Maker, cataloged

__all__ = ["OWN_IMAGE", "SECONDS", "Runtime", "container", "runtime"]

SECONDS = {"s": Decimal(1), "ms": Decimal("0.001"), "us": Decimal("0.000001")}
OWN_IMAGE = f"registry.example.com/team/server:1@{DIGEST}"


class Runtime(NamedTuple):
    """A serving runtime, by its name and what is known of it."""

    name: str
    facts: dict[str, Any]
    named: bool = True
    """Whether its name is written; else it is chosen by the format."""

    @property
    def setup(self) -> str:
        """Who configures it."""
        return str(self.facts.get("setup", "none"))

    @property
    def formats(self) -> tuple[str, ...]:
        """What it loads, or what it is chosen for where no service names it."""
        return tuple(self.facts["formats" if self.named else "usualFor"])

    @property
    def written(self) -> str | None:
        """Its name, where a service says it."""
        return self.name if self.named else None

    @property
    def bounds(self) -> tuple[str, ...]:
        """The bounds that it has a histogram for."""
        return tuple(name for name in ("latency", "firstToken", "interToken") if name in self.facts["metrics"])

    def measures(self, promised: Collection[str]) -> bool:
        """Whether it exports what some promises are judged by."""
        return ("latency" not in promised or "latency" in self.bounds) and (
            "availability" not in promised or self.counts_errors
        )

    @property
    def counts_errors(self) -> bool:
        """Whether an availability can be promised."""
        return bool(self.facts["metrics"].get("errors"))

    @property
    def serves_language_models(self) -> bool:
        """Whether it is a server of them."""
        return self.supports("llm")

    def supports(self, feature: str) -> bool:
        """Whether it can do a part of a service."""
        return feature in self.facts.get("features", ())


def runtime(maker: Maker, *, language: bool, promised: Collection[str] = ()) -> Runtime:
    """One of the catalog, or the platform's own copy of one, that can measure what the whole system promises."""
    known = [Runtime(name, cataloged(f"runtimes/{name}")) for name in maker.declared["runtimes"]]
    fitting = [one for one in known if one.serves_language_models == language and one.measures(promised)]
    chosen = maker.pick(fitting)
    if maker.maybe(0.3 if chosen.name == "custom" else 0.7):
        return _perhaps_unnamed(maker, chosen)
    facts = {key: str(value) if key == "checked" else value for key, value in chosen.facts.items()}
    if chosen.name == "custom":
        facts |= _own_facts(maker)
    elif "build" in facts and maker.maybe(0.5):
        facts["image"] = OWN_IMAGE
    own = Runtime(f"own-{chosen.name}", facts)
    maker.runtimes[own.name] = facts
    return _perhaps_unnamed(maker, own)


def _own_facts(maker: Maker) -> dict[str, Any]:
    """An entry for a custom server, the default for formats without another default."""
    exported = _vocabulary(maker)
    more = {"setup": "none", "usualFor": ["custom", "mar"], "metrics": exported}
    if maker.maybe(0.3):
        more["grpcMetrics"] = exported
    return {**container(maker), **more, **({"build": "it is ours"} if maker.maybe(0.3) else {})}


def _perhaps_unnamed(maker: Maker, chosen: Runtime) -> Runtime:
    """Some services leave the choice to the format of the model's files."""
    return chosen._replace(named="usualFor" not in chosen.facts or maker.maybe(0.7))


def _vocabulary(maker: Maker) -> dict[str, Any]:
    """What a custom runtime exports: everything, in different units."""
    unit = maker.pick(SECONDS)
    scale = 1 / SECONDS[unit]
    buckets = [float(bound * scale) for bound in map(Decimal, ("0.01", "0.05", "0.1", "0.5", "1", "5"))]
    latency = {"series": "own_latency", "unit": unit, "buckets": buckets, "settable": False}
    return maker.free(
        "MetricVocabulary",
        path="/metrics",
        requests=[maker.free("Counter", series="own_requests_total")],
        errors=[maker.free("Counter", series="own_errors_total")],
        successes=None,  # the same as the two above say
        canceled=[maker.free("Counter", series="own_canceled_total")],
        latency=maker.free("LatencySeries", **latency),
        firstToken=None,
        interToken=None,
        inFlight=maker.free("InFlight", **maker.pick(({"gauge": "own_in_flight"}, {"busy": "own_busy"}))),
        queue=maker.free("SeriesRef", series="own_queue"),
        saturation=maker.free("SeriesRef", series="own_saturation"),
    )


def container(maker: Maker) -> dict[str, Any]:
    """The description of a container that mlspec does not know."""
    ports = maker.free("Ports", http=8080, grpc=9000, metrics=8081)
    return maker.free(
        "Runtime",
        setup=None,
        build=None,
        usualFor=None,
        image=OWN_IMAGE,
        user=1000,
        formats=None,
        needsAccelerator=None,
        deviceMemory=None,
        imageSize=None if maker.waits else maker.pick((None, "4G")),
        startTime=None if maker.waits else maker.pick((None, "10s")),
        features=None,
        bodies=None,
        capture=None,
        ports=ports,
        probes=maker.free("Probes", startup=_probe(maker), readiness=_probe(maker), liveness=_probe(maker)),
        metrics={"path": "/metrics", "inFlight": {"gauge": "requests_in_flight"}},
        grpcMetrics=None,
        checked=None,
        source=None,
    )


def _probe(maker: Maker) -> dict[str, Any]:
    by_grpc = maker.maybe(0.3)
    return maker.free(
        "Probe",
        path=None if by_grpc else maker.pick((None, "/healthz")),
        grpc=by_grpc,
        port=None if by_grpc else maker.pick(("http", "metrics")),
    )
