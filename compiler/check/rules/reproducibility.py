"""Rules on reproducibility: the same spec must train and run the same thing tomorrow."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import MLSystem
from ..lint import rule
from .images import given_images, is_given, is_of_the_catalog, registry_of

__all__ = ["IMAGES", "training_without_seed", "unpinned_image", "unpinned_image_of_the_platform"]


IMAGES = (
    "features.materialization.image",
    "training.image",
    *(f"training.steps.{step}.image" for step in ("validate", "train", "compress", "evaluate", "register")),
    "services.*.image",
    "services.*.container.image",
    "services.*.container.acceleratedImage",
    "services.*.sidecars.*.image",
    "training.sidecars.*.image",
    "retraining.online.image",
)


@rule("MLS302", "error", *IMAGES)
def unpinned_image(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Image without a digest.

    Why: a tag can point to a different image tomorrow. Pods of the same version would then differ, a rollback would not
    restore the old image, and a training run could not be reproduced.

    Bad:
        training:
          image: registry.example.com/train:latest
    Good:
        training:
          image: registry.example.com/train@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
    """
    for image in given_images(system):
        if not _is_pinned(image):
            name, tag = _parts(image.value)
            yield finding(
                "MLS302",
                f"the image `{name}` is not pinned to a digest",
                image,
                label=f"the tag `{tag}` can be moved" if tag else "without a tag, this is whatever was pushed last",
                note=_NOTE,
                help=f"write `{_pinned(image)}` {_inspected(image)}",
            )


@rule("MLS304", "warning", "platform.images", "platform.policies.registries")
def unpinned_image_of_the_platform(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Image of the platform without a digest.

    Why: a tag can point to a different image tomorrow, and all systems share these images. The
    catalog pins only the images whose digest it could verify, so a platform that lists the registries that it allows
    pins the others itself.

    Bad:
        platform:
          images: {runtime: "registry.example.com/mlspec:0.1.0"}
    Good:
        platform:
          images:
            runtime: registry.example.com/mlspec@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
    """
    images = system.platform.images
    for field, image in (("downloader", images.downloader), ("runtime", images.runtime), ("python", images.python)):
        if image is not None and not _is_pinned(image):
            yield _unpinned(f"platform.images.{field}", image, image)
    known = set[str]()
    for service in plan.online.values():
        image, name = service.image, service.runtime_name
        if image is None or image.value in known or is_given(image, system):
            continue
        known.add(image.value)
        ours = is_of_the_catalog(image)
        if not _is_pinned(image) and (not ours or _allows(system, image)):
            accelerated = service.accelerated.value and service.runtime.accelerated_image is not None
            field = "acceleratedImage" if accelerated else "image"
            yield _unpinned(f"platform.runtimes.{name.value}.{field}", image, name if ours else image)


def _allows(system: MLSystem, image: Because[str]) -> bool:
    """Whether the platform lists this registry; MLS903 reports an image from any other."""
    return registry_of(image.value) in {registry.value.lower() for registry in system.platform.policies.registries}


def _unpinned(path: str, image: Because[str], at: Because[str]) -> Diagnostic:
    return finding(
        "MLS304",
        f"`{path}` is not pinned to a digest",
        at,
        label="" if at is image else f"its image is {image.value}",
        note=_NOTE,
        help=f"in the platform file, set it to `{_pinned(image)}` {_inspected(image)}",
    )


_NOTE = "pods of one version may differ, and a rollback or a repeated training run may get another image"


def _is_pinned(image: Because[str]) -> bool:
    return "@sha256:" in image.value


def _pinned(image: Because[str]) -> str:
    """The image with a digest to fill in. Next to a digest, `latest` would be wrong tomorrow."""
    name, tag = _parts(image.value)
    return f"{name}{f':{tag}' if tag and tag != 'latest' else ''}@sha256:..."


def _inspected(image: Because[str]) -> str:
    return f"with the digest that `docker buildx imagetools inspect {image.value}` prints"


def _parts(image: str) -> tuple[str, str]:
    """Name and tag; the colon before a registry's port does not start a tag."""
    name, colon, tag = image.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (image, "")


@rule("MLS303", "warning", "training.seed")
def training_without_seed(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Training without a seed.

    Why: two runs on the same data, code, and image produce two different models. A difference between them proves
    nothing, and a bug cannot be reproduced.

    Bad:
        training:
          fit: 40m
    Good:
        training:
          fit: 40m
          seed: 17
    """
    training = system.training
    if training is not None and training.seed is None:
        yield finding(
            "MLS303",
            "training has no random seed",
            training.image,
            label="uses different random numbers in each run",
            note="the same data and code produce a different model every time, and a bug cannot be reproduced",
            help="add `seed: 17` under `training`, and seed every library that the training code uses with it",
        )
