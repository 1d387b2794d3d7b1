"""Deployments: the folders that GitOps tools apply, and the objects that tell them to.

A folder has the output of one environment. A tool that applies it for another one deploys the wrong files there, in the
namespace of the first, and removes them again as soon as one of the two moves on. The systems of one run are compared,
too, because a path without `{system}` is the same for all of them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from ..because import Unavailable
from ..diagnostics import Diagnostic
from ..finding import where
from ..plan import Plan
from ..plan.gitops import address, applied, deployed_by, home, promoted
from ..row import Row
from .claims import NOWHERE, Claims, DeploymentClaim, ObjectClaim
from .clashes import DEPLOYED, Owner, Place, kept_place, of_both, told

__all__ = ["Deployed", "deployments", "prunes", "shared_deployments", "told_to_apply"]

IN_CLUSTER = "https://kubernetes.default.svc"
"""The API server of the cluster that Argo CD runs in, as it is known there."""


def deployments(plan: Plan) -> tuple[DeploymentClaim, ...]:
    """The folder that a GitOps tool applies for an environment; none if mlspec writes no object for it."""
    try:
        return tuple(_deployments(plan))
    except Unavailable:
        return ()


def prunes(plan: Plan) -> bool:
    """Whether a GitOps tool applies an environment, and deletes what it no longer finds."""
    try:
        return plan.platform.gitops.tool.value in _TOOLS
    except Unavailable:
        return False


def _deployments(plan: Plan) -> Iterator[DeploymentClaim]:
    gitops = plan.platform.gitops
    tool = gitops.tool.value
    if tool == "argocd" and gitops.repository is not None:
        source = f"{address(gitops.repository.value)}@{gitops.revision.value.removeprefix('refs/heads/')}"
    elif tool == "flux" and gitops.source is not None:
        namespace = gitops.namespace.given
        source = "/".join((_cluster(plan), namespace.value if namespace is not None else "", gitops.source.value))
    else:
        return
    yield DeploymentClaim(
        tool=_TOOLS[tool],
        source=source,
        folder=posixpath.normpath(applied(plan).value),
        template=gitops.path.value,
        promoted=_promoted(plan),
        at=where(gitops.path) or where(gitops.tool) or NOWHERE,
    )


_TOOLS = {"argocd": "Argo CD", "flux": "Flux"}


def _cluster(plan: Plan) -> str:
    return plan.cluster.value if plan.cluster is not None else ""


def _promoted(plan: Plan) -> str | None:
    """The folder that promotions write, as a template of the path."""
    part = plan.system.retraining.promote if plan.system.retraining is not None else None
    return promoted(part, plan.system.metadata.name.value) if part is not None else None


def told_to_apply(plan: Plan) -> tuple[ObjectClaim, ...]:
    """The claim of the object that tells the tool what to apply.

    A Kustomization is in the cluster that it deploys to. An Application is there as well if it deploys to the cluster
    of Argo CD, and otherwise in another one, which is taken to be the same for all.
    """
    try:
        gitops = plan.platform.gitops
        found = deployments(plan)
        if not found:
            return ()
        group, kind = _OBJECTS[gitops.tool.value]
        far = kind == "Application" and gitops.server.value != IN_CLUSTER
        named = where(plan.system.metadata.name) or NOWHERE
        return (
            ObjectClaim(
                cluster="" if far else _cluster(plan),
                group=group,
                kind=kind,
                namespace=home(plan).value,
                name=deployed_by(plan).value,
                content="",
                named=named,
                placed=named,
            ),
        )
    except Unavailable:
        return ()


_OBJECTS = {"argocd": ("argoproj.io", "Application"), "flux": ("kustomize.toolkit.fluxcd.io", "Kustomization")}


class _Known(Row):
    """Who applies a folder, and where that is from."""

    owner: Owner
    claim: DeploymentClaim
    place: Place | None = None


def shared_deployments(all_: Iterable[Claims]) -> Iterator[Diagnostic]:
    """One finding for each environment of a system whose folder is also that of another one."""
    known: dict[str, _Known] = {}
    for claims in all_:
        mine = Owner(claims.system, claims.environment)
        for one in claims.deployed:
            other = known.setdefault(one.key, _Known(mine, one))
            if other.claim is not one:
                yield _same_folder(mine, one, other, apart=False)


class Deployed:
    """The folders of all systems of a run so far, without the texts of their files."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def among(self, claims: Claims) -> Iterator[Diagnostic]:
        """One finding for the folder if another system has it."""
        mine = Owner(claims.system, claims.environment)
        for one in claims.deployed:
            other = self._known.get(one.key)
            if other is not None and one.severity is not None and other.claim.severity is not None:
                yield _same_folder(mine, one, other, apart=True).but(severity=one.severity)

    def keep(self, claims: Claims) -> None:
        """Keep the folder of an environment, for those after it."""
        for one in claims.deployed:
            owner = Owner(claims.system, claims.environment)
            self._known.setdefault(one.key, _Known(owner, one.but(at=NOWHERE), kept_place(one.at)))


def _same_folder(mine: Owner, claim: DeploymentClaim, other: _Known, *, apart: bool) -> Diagnostic:
    us, them = told(mine, other.owner, apart=apart)
    return of_both(
        DEPLOYED,
        f"{claim.tool} applies the folder `{claim.folder}` for {us} and for {them}",
        claim.at,
        (other.place or other.claim.at, f"the path of {them}"),
        "the folder has the files of at most one of them: the other one is never deployed, or both fight over the same "
        "objects and delete them for each other",
        _own_path(claim, {mine.environment, other.owner.environment}, apart=apart),
        (mine,) if apart else (other.owner, mine),
    )


def _own_path(claim: DeploymentClaim, environments: set[str], *, apart: bool) -> str:
    """How to give it a path that no other environment has: where promotions write, or with what the path lacks."""
    wanted = ("{system}", "{environment}") if apart else ("{environment}",)
    if claim.promoted is not None and all(one in claim.promoted for one in wanted):
        path = claim.promoted
    else:
        path = _with_names(claim.template, environments, wanted)
    if path == claim.template:
        return "give each its own `path` under `platform.gitops`" + (", or rename one of the systems" if apart else "")
    return f'write `path: "{path}"` under `platform.gitops`'


def _with_names(template: str, environments: set[str], wanted: tuple[str, ...]) -> str:
    """A template with the names that it lacks. That of the environment replaces a step that is one, or comes last."""
    steps = [step for step in template.split("/") if step not in ("", ".")]
    if "{environment}" not in template:
        named = ["{environment}" if step in environments else step for step in steps]
        steps = named if named != steps else [*steps, "{environment}"]
    if "{system}" in wanted and "{system}" not in template:
        steps.insert(next(at for at, step in enumerate(steps) if "{environment}" in step), "{system}")
    return "/".join(steps)
