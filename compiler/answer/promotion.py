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
from ..diagnostics import SourceFile
from ..errors import CompileError, NotFoundError, ReleaseError, TooEarlyError, UnchangedError
from ..inputs import Input
from ..layer.merge import desugar
from ..layer.releases import misplaced
from ..pipeline import Compiled, Environment
from ..read import read
from ..record import Record
from ..tree import Mapping, Scalar, lookup, name_of
from ..words import listing
from . import release as releases

__all__ = ["CLOCK", "Entry", "Move", "Standing", "promoted", "rolled_back", "standing"]

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
    """The system with that file, in which each value has the place that it comes from."""

    @property
    def stored(self) -> Input:
        """The same as the next command reads it: each value has its place in the release file."""
        tree, _ = read(SourceFile(self.path, self.text))
        assert tree is not None
        return _with_release(self.input, self.environment, desugar(tree, "ReleaseFile")[0])


class Standing(Record):
    """Where a version is in a release file."""

    stage: str
    """`live`, `shadow`, or `previous`."""
    digest: str | None


def standing(system: Compiled, environment: str, model: str, version: str) -> Standing | None:
    """Where the release file of an environment has a version of a model; None if it does not have it."""
    sources = system.input.sources
    file = sources.releases.get(environment) if sources is not None else None
    release = lookup(file, ("releases", model)) if file is not None else None
    if not isinstance(release, Mapping):
        return None
    stages = [("live", release), ("shadow", release.entries.get("shadow"))]
    stages += [("previous", one) for one in releases.versions_before(release)]
    for stage, one in stages:
        if isinstance(one, Mapping) and name_of(one, "version") == version:
            return Standing(stage=stage, digest=releases.digest_of(one))
    return None


def promoted(system: Compiled, environment: str, model: str | None, entry: Entry) -> Move:
    """Move a version to its next stage in an environment: the shadow stage if the rollout has one, or live.

    From another environment and without the name of a model, moves the versions of all models that have another one
    there.
    """
    _seconds(entry.now)
    try:
        chosen = _chosen(system, environment)
        known = tuple(chosen.system.models)
        if model is None and len(known) > 1 and entry.source is not None:
            return _move(system, chosen, _all(system, chosen, known, entry))
        at = _At(system=system, environment=chosen, model=_model(known, model))
        return _move(system, chosen, [_promoted(at, entry)])
    except Unavailable:
        raise _unclear(system) from None


def _promoted(at: _At, entry: Entry) -> _Change:
    version = _entering(at, entry)
    return _out_of_shadow(at, entry) if version is None else _entered(at, version, entry)


def _all(system: Compiled, environment: Environment, known: tuple[str, ...], entry: Entry) -> list[_Change]:
    """The changes of all models that have another version in the other environment."""
    changes = []
    refused: list[ReleaseError] = []
    for model in known:
        try:
            changes.append(_promoted(_At(system=system, environment=environment, model=model), entry))
        except ReleaseError as error:
            refused.append(error)
    if not changes:
        there = all(isinstance(error, UnchangedError) for error in refused)
        raise (UnchangedError if there else ReleaseError)("; ".join(map(str, refused)))
    return changes


def rolled_back(system: Compiled, environment: str, model: str | None, to: str) -> Move:
    """Make a previous version live again, or end the shadow stage next to the live one."""
    try:
        chosen = _chosen(system, environment)
        at = _At(system=system, environment=chosen, model=_model(tuple(chosen.system.models), model))
        return _move(system, chosen, [_back(at, to)])
    except Unavailable:
        raise _unclear(system) from None


def _back(at: _At, to: str) -> _Change:
    release = at.release
    if release is not None and to == name_of(release, "version"):
        return _without_shadow(at, release)
    known = [name_of(version, "version") or "" for version in releases.versions_before(release)] if release else []
    if release is None or to not in known:
        have = f"choose {listing(known)}" if known else "its release file has no previous versions"
        raise NotFoundError(f"`{at.environment.name}` has no previous version {to}: {have}", to, tuple(known))
    back = releases.rolled_back(release, to, at.keep)
    back = back if at.shadow_duration is None else releases.skipping(back)
    return _Change(model=at.model, said=_said(at, back), release=back)


def _without_shadow(at: _At, release: Mapping) -> _Change:
    """A version that failed in its shadow stage has to leave it, and the live version stays."""
    if at.shadow is None:
        raise UnchangedError(_live_already(at, release))
    said = f"{name_of(at.shadow, 'version')} leaves the shadow stage, and {name_of(release, 'version')} stays live"
    return _Change(model=at.model, said=said, release=releases.out_of_shadow(release))


class _Change(Record):
    """The new release of one model."""

    model: str
    said: str
    release: Mapping


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
    def shadow(self) -> Mapping | None:
        """The version in the shadow stage."""
        found = self.release.entries.get("shadow") if self.release is not None else None
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


def _chosen(system: Compiled, environment: str) -> Environment:
    """The environment, if its release file can change."""
    sources = system.input.sources
    if sources is None or system.name is None:
        raise CompileError(f"{system.input.shown} cannot be parsed: run mlspec lint", system.found)
    if system.input.path is None:
        raise ReleaseError("a release file is stored next to the spec, so the spec must be a file: pass its path")
    inline = sources.spec.keys.get("releases")
    if inline is not None:
        raise ReleaseError(
            f"{system.input.shown}:{inline.line + 1}: the release is inline in the spec, which mlspec never edits\n"
            f"help: move what is below `release:` to a separate file, and promote that file: "
            f"mlspec promote {system.input.shown} --to {environment} --release FILE"
        )
    chosen = next((e for e in system.environments if e.name == environment), None)
    if chosen is None:
        raise _no_environment(environment, system)
    _refuse_wrong(system, environment)
    return chosen


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


def _model(models: tuple[str, ...], asked: str | None) -> str:
    if asked is None and len(models) == 1:
        return models[0]
    if asked is None:
        raise ReleaseError(f"name the model with --model: {listing(models)}", models)
    if asked not in models:
        raise NotFoundError(f"there is no model `{asked}`: choose {listing(models)}", asked, models)
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


def _entered(at: _At, version: Mapping, entry: Entry) -> _Change:
    name = name_of(version, "version")
    if at.release is not None:
        _refuse_known(at, at.release, version, entry)
    if at.release is not None and at.shadow_duration is not None and not entry.skip_shadow:
        entered = releases.shadowed(at.release, version, entry.now)
        instead = f", in place of {name_of(at.shadow, 'version')}" if at.shadow is not None else ""
        return _Change(model=at.model, said=f"{name} enters the shadow stage{instead}", release=entered)
    live = releases.entered(at.release, version, at.keep)
    skips = at.release is not None and at.shadow_duration is not None
    return _Change(model=at.model, said=_said(at, version), release=releases.skipping(live) if skips else live)


def _refuse_known(at: _At, release: Mapping, version: Mapping, entry: Entry) -> None:
    """Refuse what is live, what waits in its shadow stage, another model of a known name, and a silent way back."""
    name, before = name_of(version, "version"), releases.versions_before(release)
    known = [one for one in (release, at.shadow, *before) if one is not None and name_of(one, "version") == name]
    digest = releases.digest_of(version)
    other = next((d for d in map(releases.digest_of, known) if digest is not None and d not in (None, digest)), None)
    if other is not None:
        raise ReleaseError(
            f"version {name} of `{at.model}` is another model in `{at.environment.name}`, with the digest {other}: "
            "give the new model a version of its own"
        )
    if release in known:
        if releases.alike(release, version):
            raise UnchangedError(_live_already(at, version))
        raise ReleaseError(
            f"{_live_already(at, version)}, and is described in another way there: give the new one a version of its "
            "own, or edit the release file"
        )
    if at.shadow in known and not entry.skip_shadow and at.shadow_duration is not None:
        _refuse_waiting(at, at.shadow, version)
    elif entry.source is not None and any(one in known for one in before):
        raise ReleaseError(
            f"version {name} of `{at.model}` was live in `{at.environment.name}` before, and was replaced or rolled "
            f"back: to bring it back, run `mlspec rollback --env {at.environment.name} --to {name}`, or promote a file "
            "that describes it, with --release"
        )


def _refuse_waiting(at: _At, shadow: Mapping, version: Mapping) -> None:
    """Entering again would start the stage again, so that a pipeline that repeats a command never ends it."""
    if releases.alike(shadow, version):
        since = name_of(shadow, "since")
        raise UnchangedError(
            f"version {name_of(version, 'version')} of `{at.model}` is already in the shadow stage of "
            f"`{at.environment.name}`, since {since}: once it is over, promote it without --from and --release"
        )


def _live_already(at: _At, version: Mapping) -> str:
    return f"version {name_of(version, 'version')} of `{at.model}` is already live in `{at.environment.name}`"


def _out_of_shadow(at: _At, entry: Entry) -> _Change:
    release, shadow = at.release, at.shadow
    if release is None or shadow is None:
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
    after = releases.skipping(live) if entry.skip_shadow else live
    return _Change(model=at.model, said=_said(at, shadow), release=after)


def _said(at: _At, version: Mapping) -> str:
    name = name_of(version, "version")
    return f"{name_of(at.release, 'version')} -> {name}" if at.release is not None else f"{name} is the first version"


def _seconds(moment: str) -> int:
    try:
        return calendar.timegm(time.strptime(moment, CLOCK))
    except ValueError:
        raise ReleaseError(f"`{moment}` is not a valid time in UTC: write it like 2026-11-02T04:12:00Z") from None


def _move(system: Compiled, environment: Environment, changes: list[_Change]) -> Move:
    sources, spec = system.input.sources, system.input.path
    assert system.name is not None
    assert sources is not None
    assert spec is not None
    before = sources.releases.get(environment.name)
    present = lookup(before, ("releases",)) if before is not None else None
    others = present.entries if isinstance(present, Mapping) else {}
    models = {name: node for name, node in others.items() if isinstance(node, Mapping)}
    models |= {change.model: change.release for change in changes}
    file = releases.release_file(system.name, environment.name, models, changes[0].release)
    return Move(
        environment=environment.name,
        said="; ".join(f"{change.model} in {environment.name}: {change.said}" for change in changes),
        path=str(spec.parent / "releases" / f"{environment.name}.yaml"),
        text=releases.render(file),
        before=before.file.text if before is not None else None,
        input=_with_release(system.input, environment.name, file),
    )


def _with_release(input_: Input, environment: str, file: Mapping) -> Input:
    """The same system with a new release file."""
    assert input_.sources is not None
    old = input_.sources.releases.get(environment)
    sources = input_.sources.but(releases={**input_.sources.releases, environment: file})
    kept = tuple((type_, tree) for type_, tree in input_.written if tree is not old)
    return input_.but(sources=sources, written=(*kept, ("ReleaseFile", file)))
