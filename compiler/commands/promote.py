"""`mlspec promote` and `mlspec rollback`: write the release file of an environment, and compile.

What the new file comes to is compiled in memory first, so a release that does not compile changes nothing. The file is
replaced in one step and the bundle in another: killed between the two, `mlspec check` tells, and `mlspec compile` ends
what was begun.
"""

from __future__ import annotations

import calendar
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from ...schema.units import Duration
from .. import release as releases
from ..because import Unavailable
from ..bind import check_as_written
from ..pipeline import Compiled, Environment
from ..record import Record
from ..tree import Mapping, Scalar, lookup, name_of
from ..words import listing
from ..workspace import Input, read_file
from .compile import written
from .request import Request, folders

__all__ = ["Entry", "promote", "rollback"]

_CLOCK = "%Y-%m-%dT%H:%M:%SZ"


class Entry(Record):
    """What is promoted, and how fast."""

    source: str | None = None
    """The environment whose release in service is taken."""
    file: str | None = None
    """The file that describes a new version. With neither, the version in the shadow goes on."""
    skip_shadow: bool = False
    now: str | None = None
    """The moment that counts as now, such as `2026-11-02T04:12:00Z`, instead of the clock's."""


class Impossible(Exception):  # noqa: N818 - an answer
    """What was asked for cannot be done; nothing was written."""

    status = 2


class TooEarly(Impossible):
    """It cannot be done yet."""

    status = 1


class _Step(Record):
    """The release of one model in one environment, before and after."""

    said: str
    release: Mapping


def promote(request: Request, to: str, model: str | None, entry: Entry, *, dry_run: bool = False) -> int:
    """Let a version enter its next stage in an environment."""
    return _release(request, to, model, lambda at: _promoted(at, entry, request), dry_run=dry_run)


def rollback(request: Request, environment: str, model: str | None, to: str, *, dry_run: bool = False) -> int:
    """Put an earlier version into service again."""
    return _release(request, environment, model, lambda at: _rolled_back(at, to), dry_run=dry_run)


class _At(Record):
    """Where a release is about to change."""

    system: Compiled
    environment: Environment
    model: str

    @property
    def file(self) -> Mapping | None:
        """The release file as it stands."""
        sources = self.system.input.sources
        return sources.releases.get(self.environment.name) if sources is not None else None

    @property
    def release(self) -> Mapping | None:
        """The model's release as it stands."""
        found = lookup(self.file, ("releases", self.model)) if self.file is not None else None
        return found if isinstance(found, Mapping) else None

    @property
    def keep(self) -> int:
        """How many versions can be gone back to."""
        return self.environment.system.rollout.keep_versions.value

    @property
    def shadow_duration(self) -> Duration | None:
        """How long the shadow stage lasts, if the rollout has one."""
        stages = self.environment.system.rollout.stages
        return next((stage.shadow.duration.value for stage in stages if stage.shadow is not None), None)


def _release(
    request: Request, environment: str, model: str | None, change: Callable[[_At], _Step], *, dry_run: bool
) -> int:
    inputs, terminal = request.load(), request.terminal
    if inputs is None:
        return 2
    if len(inputs) != 1 or inputs[0].path is None:
        terminal.complain("error: a release belongs to one spec in a folder: name that spec")
        return 2
    try:
        at = _at(request.compile(inputs[0]), environment, model)
        step = change(at)
    except Impossible as impossible:
        terminal.complain(f"error: {impossible}")
        return impossible.status
    except Unavailable:
        terminal.complain(f"error: {inputs[0].shown} does not say enough of `rollout`: run mlspec lint")
        return 1
    return _carried_out(request, at, step, dry_run=dry_run)


def _at(system: Compiled, environment: str, model: str | None) -> _At:
    sources = system.input.sources
    if sources is None or system.name is None:
        raise Impossible(f"{system.input.shown} cannot be understood: run mlspec lint")
    inline = sources.spec.keys.get("releases")
    if inline is not None:
        raise Impossible(
            f"{system.input.shown}:{inline.line + 1}: the release is written inline, in a file that is yours.\n"
            f"help: cut it out into a file of its own, and enter that: "
            f"mlspec promote {system.input.shown} --to {environment} --release FILE"
        )
    chosen = next((e for e in system.environments if e.name == environment), None)
    if chosen is None:
        raise Impossible(f"there is no environment `{environment}`: choose {listing(system.declared)}")
    return _At(system=system, environment=chosen, model=_model(list(chosen.system.models), model))


def _model(known: list[str], asked: str | None) -> str:
    if asked is None and len(known) == 1:
        return known[0]
    if asked is None:
        raise Impossible(f"name the model with --model: {listing(known)}")
    if asked not in known:
        raise Impossible(f"there is no model `{asked}`")
    return asked


def _promoted(at: _At, entry: Entry, request: Request) -> _Step:
    version = _entering(at, entry, request)
    now = entry.now or time.strftime(_CLOCK, time.gmtime())
    if version is None:
        return _out_of_shadow(at, entry, now)
    name = name_of(version, "version")
    if at.release is not None and name == name_of(at.release, "version"):
        raise Impossible(f"version {name} is already in service in `{at.environment.name}`")
    if at.release is None or at.shadow_duration is None or entry.skip_shadow:
        return _Step(said=_change(at, version), release=releases.entered(at.release, version, at.keep))
    return _Step(said=f"{name} enters the shadow stage", release=releases.shadowed(at.release, version, now))


def _entering(at: _At, entry: Entry, request: Request) -> Mapping | None:
    """The version that enters from outside; None when the one in the shadow goes on."""
    if entry.file is not None:
        tree, wrong = read_file(entry.file)
        wrong = [*wrong, *(check_as_written(tree, "Version") if tree is not None else ())]
        request.terminal.diagnostics(wrong)
        if tree is None or wrong:
            raise Impossible(f"{entry.file} does not describe a version")
        return tree
    if entry.source is None:
        return None
    other = next((e for e in at.system.environments if e.name == entry.source), None)
    if other is None:
        raise Impossible(f"there is no environment `{entry.source}`: choose {listing(at.system.declared)}")
    found = lookup(other.layered.tree, ("releases", at.model))
    if not isinstance(found, Mapping):
        raise Impossible(f"nothing of `{at.model}` is in service in `{entry.source}`")
    return releases.in_service(found)


def _out_of_shadow(at: _At, entry: Entry, now: str) -> _Step:
    release = at.release
    shadow = release.entries.get("shadow") if release is not None else None
    if release is None or not isinstance(shadow, Mapping):
        raise Impossible(
            f"nothing is in the shadow stage of `{at.environment.name}`: name what enters with --from or --release"
        )
    since, least = shadow.entries.get("since"), at.shadow_duration
    if isinstance(since, Scalar) and least is not None and not entry.skip_shadow:
        end = _seconds(since.text) + math.ceil(least.amount)
        if _seconds(now) < end:
            raise TooEarly(
                f"version {name_of(shadow, 'version')} is in the shadow stage for {least}, until "
                f"{time.strftime(_CLOCK, time.gmtime(end))}\nhelp: wait, or pass --skip-shadow to cut the stage short"
            )
    return _Step(said=_change(at, shadow), release=releases.promoted(release, at.keep))


def _rolled_back(at: _At, to: str) -> _Step:
    release = at.release
    known = [name_of(version, "version") or "" for version in releases.versions_before(release)] if release else []
    if release is None or to not in known:
        have = f"it can go back to {listing(known)}" if known else "no earlier version is kept"
        raise Impossible(f"`{at.environment.name}` cannot go back to version {to}: {have}")
    back = releases.rolled_back(release, to, at.keep)
    return _Step(said=_change(at, back), release=back)


def _change(at: _At, version: Mapping) -> str:
    name = name_of(version, "version")
    return f"{name_of(at.release, 'version')} -> {name}" if at.release is not None else f"{name} is the first"


def _seconds(moment: str) -> int:
    try:
        return calendar.timegm(time.strptime(moment, _CLOCK))
    except ValueError:
        raise Impossible(f"`{moment}` is no moment in UTC: write it like 2026-11-02T04:12:00Z") from None


def _carried_out(request: Request, at: _At, step: _Step, *, dry_run: bool) -> int:
    file = _next_file(at, step)
    result = request.compile(_with_release(at.system.input, at.environment.name, file), at.environment.name)
    request.terminal.diagnostics(result.found)
    if result.failed:
        request.terminal.complain("error: the release does not compile, so nothing was written")
        return 1
    into = folders([result], request)
    assert at.system.input.path is not None
    assert into is not None
    path = at.system.input.path.parent / "releases" / f"{at.environment.name}.yaml"
    verb = "would change" if dry_run else "wrote"
    if not dry_run:
        try:
            _replace(path, releases.render(file))
        except OSError as error:
            request.terminal.complain(f"error: {path} cannot be written: {error.strerror}")
            return 2
    request.terminal.result(f"{path}: {verb} {at.model} in {at.environment.name}: {step.said}")
    return written(result, into[0], request.terminal, dry_run=dry_run)


def _next_file(at: _At, step: _Step) -> Mapping:
    present = lookup(at.file, ("releases",)) if at.file is not None else None
    others = present.entries if isinstance(present, Mapping) else {}
    models = {name: node for name, node in others.items() if isinstance(node, Mapping)} | {at.model: step.release}
    assert at.system.name is not None
    return releases.release_file(at.system.name, at.environment.name, models, step.release)


def _with_release(input_: Input, environment: str, file: Mapping) -> Input:
    """The same system with another release file."""
    assert input_.sources is not None
    old = input_.sources.releases.get(environment)
    sources = input_.sources.but(releases={**input_.sources.releases, environment: file})
    kept = tuple((type_, tree) for type_, tree in input_.written if tree is not old)
    return input_.but(sources=sources, written=(*kept, ("ReleaseFile", file)))


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    beside = path.with_name(f".{path.name}.mlspec-new")
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
