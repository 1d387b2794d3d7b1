"""Rules on places: where models, data, and images come from, and how they are transferred."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import BatchService, MLSystem
from ...words import listing
from ..lint import rule
from .images import given_images, is_given, registry_of
from .texts import texts

__all__ = ["foreign_place", "plain_text"]

_FOR_PEOPLE = ("runbook", "source", "dashboard", "project", "guidelines", "description")
"""Links for people; the system itself does not use them."""

_INSIDE = (".svc", ".local", ".internal", ".localhost")
_PRIVATE = (
    "10.", "127.", "192.168.", "169.254.", *(f"172.{n}." for n in range(16, 32)),
)  # fmt: skip
_PUBLIC = ("com", "org", "net", "io", "ai", "dev", "app", "co", "cloud", "edu", "gov")
"""Domains in which even a name of two parts is public; elsewhere, two parts are a Service and its namespace."""


@rule("MLS902", "error")
def plain_text(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Plain HTTP to a host outside the cluster.

    Why: models, data, and tokens can be read and modified in transit.

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
                f"`{_host(uri)}` is accessed over plain HTTP",
                text.value,
                note="traffic can be read and modified in transit, and so can a model before it is loaded",
                help=f"write `https{uri[4:]}`",
            )


def _host(uri: str) -> str:
    """The host of a URI, without user and port."""
    return uri.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0].partition("?")[0].lower()


def _inside(host: str) -> bool:
    """Whether a host is in the cluster or in its private network."""
    if host.endswith(_INSIDE) or host.startswith(_PRIVATE):
        return True
    return "." not in host or (host.count(".") == 1 and host.rpartition(".")[2] not in _PUBLIC)


@rule("MLS903", "error", "platform.policies.registries", "platform.policies.stores")
def foreign_place(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Image or store that the platform does not allow.

    Why: an image or a model from elsewhere was not scanned, can disappear, and is rejected by the cluster's admission
    control when it is needed most.

    Bad:
        platform:
          policies: {registries: [registry.example.com, nvcr.io]}
          images: {downloader: registry.example.com/rclone/rclone:1.75.1}
        training:
          image: docker.io/library/python@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
    Good:
        platform:
          policies: {registries: [registry.example.com, nvcr.io]}
          images: {downloader: registry.example.com/rclone/rclone:1.75.1}
        training:
          image: registry.example.com/train@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
    """
    yield from _registries(system, plan)
    yield from _stores(system)


def _registries(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    allowed = system.platform.policies.registries
    names = [registry.value.lower() for registry in allowed]
    for image, at in _images(system, plan) if allowed else ():
        registry = registry_of(image.value)
        if registry not in names:
            yield finding(
                "MLS903",
                f"the platform does not allow images from `{registry}`",
                at,
                label="" if at is image else f"its image is {image.value.partition('@')[0]}",
                others=((allowed, "the allowed registries"),),
                note="the cluster would reject the pod, or run an image that was never scanned",
                help=f"copy the image to {listing(names)}, and "
                + ("use the copy" if at is image else f"set `platform.runtimes.{at.value}.image` to the copy"),
            )


def _images(system: MLSystem, plan: Plan) -> Iterator[tuple[Because[str], Because[str]]]:
    """Every image that runs, and what to point at: the image itself, or the runtime that brings it."""
    yield from ((image, image) for image in given_images(system))
    for service in plan.online.values():
        if service.image is not None and not is_given(service.image, system):
            yield service.image, service.runtime_name
    for uri in _locations(system):
        if uri.value.partition("://")[0] == "image":
            yield uri.map(lambda text: text.partition("://")[2]), uri


def _stores(system: MLSystem) -> Iterator[Diagnostic]:
    allowed = system.platform.policies.stores
    for uri in _uris(system) if allowed else ():
        if uri.value.partition("://")[0] != "image" and not any(_lies_in(uri.value, store.value) for store in allowed):
            yield finding(
                "MLS903",
                "the platform does not allow this store",
                uri,
                others=((allowed, "the allowed stores"),),
                note="data and models from elsewhere were never checked, and can disappear",
                help=f"copy it to {listing([store.value for store in allowed])}, and use the copy",
            )


def _lies_in(uri: str, store: str) -> bool:
    """`s3://lake` contains `s3://lake/x`, but not `s3://lake-of-another`.

    Servers and download programs differ in what they decode, so a URI must be in the store either way, and one that
    steps out of a folder is in none.
    """
    decoded = _decoded(uri)
    if decoded is None or not uri.isprintable() or {".", ".."} & {*decoded.replace("\\", "/").split("/")}:
        return False
    return all(
        _within(_parts(one), _parts(other)) for one, other in ((uri, store), (decoded, _decoded(store) or store))
    )


def _decoded(uri: str) -> str | None:
    """Without percent-encoding, even if it was applied several times; None if it was applied more often than that."""
    for _ in range(4):
        uri, before = unquote(uri), uri
        if uri == before:
            return uri
    return None


def _within(inner: list[str], outer: list[str]) -> bool:
    """Whether a path is at or below another one; one that ends with `/` has an empty part that stands for any other."""
    if outer[-1] == "":
        return len(inner) >= len(outer) and inner[: len(outer) - 1] == outer[:-1]
    return inner[: len(outer)] == outer


def _parts(uri: str) -> list[str]:
    """The scheme, host, and path of a URI, without what does not change the server: case, user, and default port."""
    scheme, found, rest = uri.partition("://")
    if not found:
        return uri.split("/")
    host, *path = rest.split("/")
    scheme, host = scheme.lower(), host.lower()
    if scheme in _DEFAULT_PORTS:
        host = host.rpartition("@")[2].removesuffix(f":{_DEFAULT_PORTS[scheme]}").removesuffix(".")
    return [scheme, host, *path]


_DEFAULT_PORTS = {"http": 80, "https": 443}
"""The schemes in which a name before `@` is a user; in `abfss://container@account`, it is the container."""


def _locations(system: MLSystem) -> Iterator[Because[str]]:
    """Where models come from."""
    for release in system.releases.values():
        yield release.artifact.uri
        if release.shadow is not None:
            yield release.shadow.artifact.uri


def _uris(system: MLSystem) -> Iterator[Because[str]]:
    """Where models and data come from."""
    yield from _locations(system)
    for model in system.models.values():
        yield from (adapter.uri for adapter in model.llm.adapters) if model.llm is not None else ()
    yield from (source.uri for source in system.data.sources if source.uri is not None)
    if system.evaluation is not None and system.evaluation.test_set is not None:
        yield system.evaluation.test_set.uri
    yield from (service.input.uri for service in system.services.values() if isinstance(service, BatchService))
