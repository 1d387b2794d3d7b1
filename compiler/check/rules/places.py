"""Rules on places: where models, data and images come from, and how they travel."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import BatchService, MLSystem
from ...words import listing
from ..lint import rule
from .images import given_images, is_given
from .texts import texts

__all__ = ["foreign_place", "plain_text"]

_FOR_PEOPLE = ("runbook", "source", "dashboard", "project", "guidelines", "description")
"""Links that people follow; nothing of the system travels by them."""

_INSIDE = (".svc", ".local", ".internal", ".localhost")
_PRIVATE = (
    "10.", "127.", "192.168.", "169.254.", *(f"172.{n}." for n in range(16, 32)),
)  # fmt: skip
_PUBLIC = ("com", "org", "net", "io", "ai", "dev", "app", "co", "cloud", "edu", "gov")
"""Ends of names that are public even when a name has only two parts; else those are a Service and its namespace."""


@rule("MLS902", "error")
def plain_text(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Plain HTTP to a place outside the cluster.

    Why: models, data and tokens can be read and changed on the way.

    Bad:
        training:
          tracking: {uri: http://mlflow.example.com}
    Good:
        training:
          tracking: {uri: https://mlflow.example.com}
    """
    for text in texts(system):
        uri = text.value.value
        if uri.startswith("http://") and not text.variable and text.key not in _FOR_PEOPLE and not _inside(_host(uri)):
            yield finding(
                "MLS902",
                f"`{_host(uri)}` is reached in plain text",
                text.value,
                note="what is sent can be read and changed on the way, and so can a model before it is loaded",
                help=f"write `https{uri[4:]}`",
            )


def _host(uri: str) -> str:
    """The host of a URI, without user and port."""
    return uri.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0].partition("?")[0].lower()


def _inside(host: str) -> bool:
    """Whether a host is one of the cluster, or of its private network."""
    if host.endswith(_INSIDE) or host.startswith(_PRIVATE):
        return True
    return "." not in host or (host.count(".") == 1 and host.rpartition(".")[2] not in _PUBLIC)


@rule("MLS903", "error", "platform.policies.registries", "platform.policies.stores")
def foreign_place(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Image or store that the platform does not allow.

    Why: what comes from elsewhere was not scanned, can vanish, and is refused by the cluster's admission when it is
    needed most.

    Bad:
        platform:
          policies: {registries: [registry.example.com, nvcr.io]}
        training:
          image: docker.io/library/python@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
    Good:
        platform:
          policies: {registries: [registry.example.com, nvcr.io]}
        training:
          image: registry.example.com/train@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
    """
    yield from _registries(system, plan)
    yield from _stores(system)


def _registries(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    allowed = system.platform.policies.registries
    names = [registry.value for registry in allowed]
    for image, at in _images(system, plan) if allowed else ():
        registry = _registry(image.value)
        if registry not in names:
            yield finding(
                "MLS903",
                f"the platform allows no image from `{registry}`",
                at,
                label="" if at is image else f"its image is {image.value.partition('@')[0]}",
                others=((allowed, "what it allows"),),
                note="the cluster would refuse the pod, or run what nobody has checked",
                help=f"copy the image to {listing(names)}, and name it "
                + ("there" if at is image else f"under `platform.runtimes.{at.value}.image`"),
            )


def _images(system: MLSystem, plan: Plan) -> Iterator[tuple[Because[str], Because[str]]]:
    """Every image that runs, and what to point at: the image, or the runtime that has it from elsewhere."""
    yield from ((image, image) for image in given_images(system))
    for service in plan.online.values():
        if service.runtime.image is not None and not is_given(service.runtime.image, system):
            yield service.image, service.runtime_name


def _registry(image: str) -> str:
    """The registry of an image; one without is Docker Hub's."""
    first, slash, _ = image.partition("/")
    return first.partition(":")[0] if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def _stores(system: MLSystem) -> Iterator[Diagnostic]:
    allowed = system.platform.policies.stores
    for uri in _uris(system) if allowed else ():
        if not any(_lies_in(uri.value, store.value) for store in allowed):
            yield finding(
                "MLS903",
                "the platform allows nothing from this store",
                uri,
                others=((allowed, "what it allows"),),
                note="what comes from elsewhere was checked by nobody, and can vanish",
                help=f"copy it below {listing([store.value for store in allowed])}",
            )


def _lies_in(uri: str, store: str) -> bool:
    """`s3://lake` holds `s3://lake/x`, and not `s3://lake-of-another`."""
    return uri == store or uri.startswith(store if store.endswith("/") else f"{store}/")


def _uris(system: MLSystem) -> Iterator[Because[str]]:
    """Where models and data come from."""
    for release in system.releases.values():
        yield release.artifact.uri
        if release.shadow is not None:
            yield release.shadow.artifact.uri
    for model in system.models.values():
        yield from (adapter.uri for adapter in model.llm.adapters) if model.llm is not None else ()
    yield from (source.uri for source in system.data.sources if source.uri is not None)
    if system.evaluation is not None and system.evaluation.test_set is not None:
        yield system.evaluation.test_set.uri
    yield from (service.input.uri for service in system.services.values() if isinstance(service, BatchService))
