"""Images of the helpers that mlspec adds to pods, from registries that the platform does not allow.

The rule on images knows those that a spec or a runtime brings. Whether a pod has a helper, only its object says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..because import Because, Unavailable
from ..diagnostics import Diagnostic
from ..emit.artifact import Artifact
from ..emit.dump import plain
from ..finding import finding
from ..plan import Plan
from ..words import listing
from .rules.images import registry_of

__all__ = ["forbidden_helpers"]

HELPERS = ("downloader", "runtime", "python")
"""The images of helpers, as fields of `platform.images`."""


def forbidden_helpers(plan: Plan, artifacts: Iterable[Artifact]) -> Iterator[Diagnostic]:
    """One finding for each helper that some pod has, and whose image the platform does not allow."""
    try:
        allowed, images = plan.platform.policies.registries, plan.platform.images
        if not allowed:
            return
        given = {field: getattr(images, field) for field in HELPERS}
    except Unavailable:
        return
    names = [registry.value.lower() for registry in allowed]
    known = [(field, image) for field, image in given.items() if image is not None]
    foreign = {field: image for field, image in known if registry_of(image.value) not in names}
    pulled = _pulled(one.object for one in artifacts) if foreign else set()
    for field, image in foreign.items():
        if image.value in pulled:
            yield _forbidden(field, image, allowed, names).but(environments=(plan.name,))


def _pulled(bodies: Iterable[object]) -> set[str]:
    """The images of all containers."""
    found: set[str] = set()
    stack = [plain(body) for body in bodies if body is not None]
    while stack:
        thing = stack.pop()
        if isinstance(thing, dict):
            for key in ("initContainers", "containers"):
                found.update(str(one.get("image")) for one in thing.get(key) or () if isinstance(one, dict))
            stack += thing.values()
        elif isinstance(thing, list):
            stack += thing
    return found


def _forbidden(field: str, image: Because[str], allowed: object, names: list[str]) -> Diagnostic:
    return finding(
        "MLS903",
        f"the platform does not allow images from `{registry_of(image.value)}`",
        image,
        allowed,
        label="" if image.kind != "default" else f"the image of the {field} is {image.value.partition('@')[0]}",
        others=((allowed, "the allowed registries"),),
        note="the cluster would reject the pods that it is part of",
        help=f"copy the image to {listing(names)}, and set `platform.images.{field}` to the copy",
    )
