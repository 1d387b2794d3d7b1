"""mlspec's own image, which runs `mlspec runtime` in pods."""

from __future__ import annotations

from ...compiler.because import Because
from ...compiler.finding import refusal
from ...compiler.plan.scope import Scope

__all__ = ["own_image"]


def own_image(
    scope: Scope,
    what: str,
    at: object,
    others: tuple[tuple[object, str], ...] = (),
    instead: str = "",
) -> Because[str]:
    """The image. Without one, `what` at `at` is refused, with another way out if there is one."""
    image = scope.platform.images.runtime
    if image is None:
        raise refusal(
            "MLS035",
            what,
            at,
            others=others,
            note="there is no public image, so that every organization runs only an image that it has built itself",
            help="in mlspec's repository, run `docker build -t REGISTRY/mlspec-runtime:VERSION .` and "
            "`docker push REGISTRY/mlspec-runtime:VERSION`, and set `platform.images.runtime` to that image"
            + (f", or {instead}" if instead else ""),
        )
    return image
