"""The images that the spec itself sets, for the rules on images."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because
from ...catalog.load import ships
from ...finding import where
from ...system import MLSystem, OnlineService, Service

__all__ = ["given_images", "is_given", "is_of_the_catalog", "registry_of"]


def given_images(system: MLSystem) -> Iterator[Because[str]]:
    """Every image that the spec sets, but none that the catalog or the platform sets for a runtime."""
    training, features, retraining = system.training, system.features, system.retraining
    if features is not None and features.materialization is not None:
        yield features.materialization.image
    if retraining is not None and retraining.online is not None and retraining.online.image is not None:
        yield retraining.online.image
    if training is not None:
        steps = training.steps
        yield training.image
        yield from (sidecar.image for sidecar in training.sidecars.values())
        for step in (steps.validate_, steps.train, steps.compress, steps.evaluate, steps.register_):
            if step is not None and step.image is not None:
                yield step.image
    for service in system.services.values():
        yield from (sidecar.image for sidecar in service.sidecars.values())
        yield from (image for image in _images(service) if image is not None and is_given(image, system))


def _images(service: Service) -> tuple[Because[str] | None, ...]:
    if isinstance(service, OnlineService):
        return service.container.image, service.container.accelerated_image
    return (service.image,)


def is_given(value: Because[object], system: MLSystem) -> bool:
    """Whether a value is set in the spec, or on the command line, which overrides it."""
    here, spec = where(value), where(system.metadata.name)
    return here is not None and spec is not None and (here.file is spec.file or here.file.name == "--set")


def is_of_the_catalog(value: Because[object]) -> bool:
    """Whether nothing overrides the catalog's value."""
    here = where(value)
    return here is not None and ships(here.file)


def registry_of(image: str) -> str:
    """The registry of an image; Docker Hub if the image names none."""
    first, slash, _ = image.partition("/")
    given = slash and ("." in first or ":" in first or first == "localhost")
    return first.partition(":")[0].lower() if given else "docker.io"
