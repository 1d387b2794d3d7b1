"""Rules on reproducibility: the same spec must train and run the same thing tomorrow."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import MLSystem
from ..lint import rule
from .images import given_images

__all__ = ["training_without_seed", "unpinned_image"]


_IMAGES = (
    "training.image",
    *(f"training.steps.{step}.image" for step in ("validate", "train", "evaluate", "register")),
    "services.*.image",
    "services.*.container.image",
    "services.*.container.acceleratedImage",
)


@rule("MLS302", "error", *_IMAGES)
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
        if "@sha256:" not in image.value:
            name, tag = _parts(image.value)
            yield finding(
                "MLS302",
                f"the image `{name}` is not pinned to a digest",
                image,
                label=f"the tag `{tag}` can be moved" if tag else "without a tag, this is whatever was pushed last",
                note="pods of one version may differ, and a rollback or a repeated training run may get another image",
                help=f"write `{name}{f':{tag}' if tag and tag != 'latest' else ''}@sha256:...` with the digest that "
                f"`docker buildx imagetools inspect {image.value}` prints",
            )


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
