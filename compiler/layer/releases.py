"""Release files that contradict the place where they are, or that promotion could not read."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic, Label
from ..language import OBJECTS
from ..tree import Mapping, Node, Scalar, only, wrapped
from .merge import system_name

__all__ = ["misplaced", "releases_of", "unused"]

_WHY = "the file decides which version is live in `{name}`; one of another {what} releases what was never meant for it"


def misplaced(spec: Mapping, release: Mapping, environment: str) -> Iterator[Diagnostic]:
    """Whether the file of an environment says that it belongs to another environment or system, and a version in the
    shadow stage without the time at which it entered.
    """
    declared = spec.entries.get("environments")
    key = declared.keys.get(environment) if isinstance(declared, Mapping) else None
    said = release.entries.get("environment")
    if isinstance(said, Scalar) and said.text != environment:
        yield _contradiction(
            said,
            f"the release file of `{environment}` says `environment: {said.text}`",
            key or system_name(spec),
            "the environment that uses the file" if key is not None else "the system that uses the file",
            _WHY.format(name=environment, what="environment"),
            f"write `environment: {environment}`, or move the file to `releases/{said.text}.yaml`",
        )
    system, own = release.entries.get("system"), system_name(spec)
    if isinstance(system, Scalar) and own is not None and system.text != own.text:
        yield _contradiction(
            system,
            f"the release file of `{environment}` says `system: {system.text}`",
            own,
            "the system that uses the file",
            _WHY.format(name=environment, what="system"),
            f"write `system: {own.text}`, or move the file to the folder of `{system.text}`: "
            "systems with release files need folders of their own",
        )
    yield from _undated(release)


def unused(spec: Mapping, releases: dict[str, Mapping], environments: tuple[str, ...]) -> Iterator[Diagnostic]:
    """Release files of this system that no environment has the name of, unless `environments` may be misspelled."""
    own = system_name(spec)
    if "environments" not in spec.entries and not spec.entries.keys() <= OBJECTS["MLSystem"].keys():
        return
    for name, release in releases.items():
        system, said = release.entries.get("system"), release.entries.get("environment")
        foreign = isinstance(system, Scalar) and own is not None and system.text != own.text
        if name in environments or foreign:
            continue
        meant = said.text if isinstance(said, Scalar) and said.text in environments else None
        free = meant is not None and meant not in releases
        yield Diagnostic(
            id="MLS016",
            severity="warning",
            message=f"no environment uses this release file: none is called `{name}`",
            span=(said or next(iter(release.keys.values()), release)).span,
            note="the versions in it are live nowhere",
            help=f"move it to `releases/{meant}.yaml`" if free else f"remove it, or declare `{name}` in `environments`",
        )


def releases_of(spec: Mapping, release: Mapping) -> Mapping:
    """The releases of a file as a layer. A version under the name of another system counts as that of this one, so that
    the contradiction is the only finding.
    """
    layer = only(release, "releases")
    system, own, models = release.entries.get("system"), system_name(spec), layer.entries.get("releases")
    if not (isinstance(system, Scalar) and own is not None and isinstance(models, Mapping)):
        return layer
    if system.text == own.text or system.text not in models.entries:
        return layer
    named = {own.text if model == system.text else model: node for model, node in models.entries.items()}
    keys = {own.text if model == system.text else model: node for model, node in models.keys.items()}
    return wrapped("releases", Mapping(models.place, keys, named), layer)


def _contradiction(node: Node, message: str, other: Node | None, label: str, note: str, help_: str) -> Diagnostic:
    others = (Label(span=other.span, text=label),) if other is not None else ()
    return Diagnostic(
        id="MLS016", severity="error", message=message, span=node.span, others=others, note=note, help=help_
    )


def _undated(release: Mapping) -> Iterator[Diagnostic]:
    models = release.entries.get("releases")
    for model in models.entries.values() if isinstance(models, Mapping) else ():
        shadow = model.entries.get("shadow") if isinstance(model, Mapping) else None
        if isinstance(model, Mapping) and isinstance(shadow, Mapping) and _lacks_since(shadow):
            yield Diagnostic(
                id="MLS009",
                severity="error",
                message="`shadow` lacks `since`",
                span=model.keys["shadow"].span,
                note="`mlspec promote` could not tell when the shadow stage of the version ends",
                help="add `since`, the time at which the version entered the stage, such as `since: "
                "'2026-11-02T04:12:00Z'`",
            )


def _lacks_since(shadow: Mapping) -> bool:
    """Whether the time is missing, and not under a misspelled key, which is reported."""
    return "since" not in shadow.entries and shadow.entries.keys() <= OBJECTS["Shadow"].keys()
