"""Promotion: how to move the release of one environment forward, and how to roll it back.

The result is a new release file and the system with that file, or an error with a reason. This module writes no files.
"""

from __future__ import annotations

import calendar
import math
import time

from ...schema.units import Duration
from ..because import Unavailable
from ..bind import check_as_written
from ..errors import CompileError, NotFoundError, ReleaseError, TooEarlyError
from ..inputs import Input
from ..layer.releases import misplaced
from ..pipeline import Compiled, Environment
from ..record import Record
from ..tree import Mapping, Scalar, lookup, name_of
from ..words import listing
from . import release as releases

__all__ = ["CLOCK", "Entry", "Move", "promoted", "rolled_back"]

CLOCK = "%Y-%m-%dT%H:%M:%SZ"
"""The format of a time in UTC."""


class Entry(Record):
    """What to promote, when, and how fast. Without a source or a version, promotes the shadow version."""

    now: str
    """The current time, such as `2026-11-02T04:12:00Z`."""
    source: str | None = None
    """The environment whose live version to promote."""
    version: Mapping | None = None
    """A new version, as in its source file."""
    skip_shadow: bool = False


class Move(Record):
    """The new release of an environment."""

    environment: str
    said: str
    """The change, in words."""
    path: str
    """The path of the release file."""
    text: str
    """The new content of the release file."""
    before: str | None
    """Its content when it was read; None if there was none."""
    input: Input
    """The system with that file."""


def promoted(system: Compiled, environment: str, model: str | None, entry: Entry) -> Move:
    """Move a version to its next stage in an environment: the shadow stage if the rollout has one, or live."""
    try:
        at = _at(system, environment, model)
        version = _entering(at, entry)
        return _out_of_shadow(at, entry) if version is None else _entered(at, version, entry)
    except Unavailable:
        raise _unclear(system) from None


def rolled_back(system: Compiled, environment: str, model: str | None, to: str) -> Move:
    """Make a previous version live again."""
    try:
        at = _at(system, environment, model)
        release = at.release
        known = [name_of(version, "version") or "" for version in releases.versions_before(release)] if release else []
        if release is None or to not in known:
            have = f"choose {listing(known)}" if known else "its release file has no previous versions"
            raise NotFoundError(f"`{at.environment.name}` has no previous version {to}: {have}", to, tuple(known))
        back = releases.rolled_back(release, to, at.keep)
        back = back if at.shadow_duration is None else releases.skipping(back)
        return _move(at, _change(at, back), back)
    except Unavailable:
        raise _unclear(system) from None


class _At(Record):
    """The release that is about to change."""

    system: Compiled
    environment: Environment
    model: str

    @property
    def file(self) -> Mapping | None:
        """The current release file."""
        sources = self.system.input.sources
        return sources.releases.get(self.environment.name) if sources is not None else None

    @property
    def release(self) -> Mapping | None:
        """The current release of the model."""
        found = lookup(self.file, ("releases", self.model)) if self.file is not None else None
        return found if isinstance(found, Mapping) else None

    @property
    def keep(self) -> int:
        """How many previous versions to keep."""
        return self.environment.system.rollout.keep_versions.value

    @property
    def shadow_duration(self) -> Duration | None:
        """How long the shadow stage lasts, if the rollout has one and a route can mirror requests to it."""
        services = [one for one in self.environment.plan.online.values() if one.model.value == self.model]
        if services and all(service.arrival.direct.value for service in services):
            return None
        stages = self.environment.system.rollout.stages
        return next((stage.shadow.duration.value for stage in stages if stage.shadow is not None), None)


def _unclear(system: Compiled) -> CompileError:
    return CompileError(f"{system.input.shown} has an error in `rollout`: run mlspec lint", system.found)


def _at(system: Compiled, environment: str, model: str | None) -> _At:
    sources = system.input.sources
    if sources is None or system.name is None:
        raise CompileError(f"{system.input.shown} cannot be parsed: run mlspec lint", system.found)
    if system.input.path is None:
        raise ReleaseError("a release file is stored next to the spec, so the spec must be a file: pass its path")
    inline = sources.spec.keys.get("releases")
    if inline is not None:
        raise ReleaseError(
            f"{system.input.shown}:{inline.line + 1}: the release is inline in the spec, which mlspec never edits\n"
            f"help: move it to a separate file, and promote that file: "
            f"mlspec promote {system.input.shown} --to {environment} --release FILE"
        )
    chosen = next((e for e in system.environments if e.name == environment), None)
    if chosen is None:
        raise _no_environment(environment, system)
    _refuse_wrong(system, environment)
    return _At(system=system, environment=chosen, model=_model(tuple(chosen.system.models), model))


def _refuse_wrong(system: Compiled, environment: str) -> None:
    """A release file with errors in itself must not become the base of the next one: its history would be lost."""
    sources = system.input.sources
    file = sources.releases.get(environment) if sources is not None else None
    if sources is None or file is None:
        return
    wrong = [*check_as_written(file, "ReleaseFile"), *misplaced(sources.spec, file, environment)]
    errors = tuple(one for one in wrong if one.severity == "error")
    if errors:
        at = f"{file.file.name}:{errors[0].span.line + 1}"
        raise CompileError(f"{at}: {errors[0].message}\nhelp: fix the release file, and see mlspec lint", errors)


def _no_environment(name: str, system: Compiled) -> NotFoundError:
    message = f"there is no environment `{name}`: choose {listing(system.declared)}"
    return NotFoundError(message, name, system.declared)


def _model(known: tuple[str, ...], asked: str | None) -> str:
    if asked is None and len(known) == 1:
        return known[0]
    if asked is None:
        raise ReleaseError(f"name the model with --model: {listing(known)}", known)
    if asked not in known:
        raise NotFoundError(f"there is no model `{asked}`: choose {listing(known)}", asked, known)
    return asked


def _entering(at: _At, entry: Entry) -> Mapping | None:
    """The version from another environment or file; None to promote the shadow version."""
    if entry.version is not None or entry.source is None:
        return entry.version
    other = next((e for e in at.system.environments if e.name == entry.source), None)
    if other is None:
        raise _no_environment(entry.source, at.system)
    found = lookup(other.layered.tree, ("releases", at.model))
    if not isinstance(found, Mapping):
        raise ReleaseError(f"`{at.model}` has no live version in `{entry.source}`: promote one there first")
    return releases.live(found)


def _entered(at: _At, version: Mapping, entry: Entry) -> Move:
    name = name_of(version, "version")
    if at.release is not None and name == name_of(at.release, "version"):
        raise ReleaseError(f"version {name} is already live in `{at.environment.name}`")
    if at.release is None or at.shadow_duration is None:
        return _move(at, _change(at, version), releases.entered(at.release, version, at.keep))
    if entry.skip_shadow:
        return _move(at, _change(at, version), releases.skipping(releases.entered(at.release, version, at.keep)))
    return _move(at, f"{name} enters the shadow stage", releases.shadowed(at.release, version, entry.now))


def _out_of_shadow(at: _At, entry: Entry) -> Move:
    release = at.release
    shadow = release.entries.get("shadow") if release is not None else None
    if release is None or not isinstance(shadow, Mapping):
        raise ReleaseError(f"no version is in the shadow stage of `{at.environment.name}`: pass --from or --release")
    since, least = shadow.entries.get("since"), at.shadow_duration
    if least is not None and not entry.skip_shadow:
        assert isinstance(since, Scalar)  # _refuse_wrong has seen to it
        end = _seconds(since.text) + math.ceil(least.amount)
        if _seconds(entry.now) < end:
            until = time.strftime(CLOCK, time.gmtime(end))
            raise TooEarlyError(
                f"version {name_of(shadow, 'version')} is in the shadow stage for {least}, until {until}\n"
                "help: wait, or pass --skip-shadow to end the stage early",
                until,
            )
    live = releases.promoted(release, at.keep)
    return _move(at, _change(at, shadow), releases.skipping(live) if entry.skip_shadow else live)


def _change(at: _At, version: Mapping) -> str:
    name = name_of(version, "version")
    return f"{name_of(at.release, 'version')} -> {name}" if at.release is not None else f"{name} is the first version"


def _seconds(moment: str) -> int:
    try:
        return calendar.timegm(time.strptime(moment, CLOCK))
    except ValueError:
        raise ReleaseError(f"`{moment}` is not a valid time in UTC: write it like 2026-11-02T04:12:00Z") from None


def _move(at: _At, change: str, release: Mapping) -> Move:
    present = lookup(at.file, ("releases",)) if at.file is not None else None
    others = present.entries if isinstance(present, Mapping) else {}
    models = {name: node for name, node in others.items() if isinstance(node, Mapping)} | {at.model: release}
    assert at.system.name is not None
    file = releases.release_file(at.system.name, at.environment.name, models, release)
    spec = at.system.input.path
    assert spec is not None
    return Move(
        environment=at.environment.name,
        said=f"{at.model} in {at.environment.name}: {change}",
        path=str(spec.parent / "releases" / f"{at.environment.name}.yaml"),
        text=releases.render(file),
        before=at.file.file.text if at.file is not None else None,
        input=_with_release(at.system.input, at.environment.name, file),
    )


def _with_release(input_: Input, environment: str, file: Mapping) -> Input:
    """The same system with a new release file."""
    assert input_.sources is not None
    old = input_.sources.releases.get(environment)
    sources = input_.sources.but(releases={**input_.sources.releases, environment: file})
    kept = tuple((type_, tree) for type_, tree in input_.written if tree is not old)
    return input_.but(sources=sources, written=(*kept, ("ReleaseFile", file)))
