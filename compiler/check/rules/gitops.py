"""Rules on the tool that applies the output: it must not undo what a rollout controller does, and must read what a
promotion writes.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding, where
from ...layer.locks import Lock
from ...plan import Plan
from ...plan.forges import forge_of
from ...plan.gitops import address, applied, promoted
from ...plan.serving.hubs import is_commit
from ...record import Record
from ...system import GitAccess, GitOps, MLSystem, Promote
from ..lint import rule
from .images import is_given

__all__ = ["promoted_to_another_folder", "promoted_to_another_repository", "resets_the_canary"]

READS = {"argocd": "repository", "flux": "source"}
"""The field that each tool's object needs."""


@rule("MLS614", "warning", "platform.gitops.tool")
def resets_the_canary(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """GitOps tool that resets a canary.

    Why: the weights of a route are in Git and change during a rollout. Argo CD and Flux set them back, so the new
    version loses its traffic. It looks like one that answers no request, and is rolled back. The objects that mlspec
    writes prevent it.

    Bad:
        platform:
          gitops: {tool: flux}
    Good:
        platform:
          gitops: {tool: flux, source: deploy}
    """
    gitops = plan.platform.gitops
    needs = READS.get(gitops.tool.value)
    if needs is None or getattr(gitops, needs) is not None:
        return
    shifted = [service for service in plan.online.values() if service.workload.progressive.value]
    if shifted:
        example = "https://git.example.com/deploy.git" if needs == "repository" else "deploy"
        yield finding(
            "MLS614",
            f"`{gitops.tool.value}` would reset the traffic of a canary",
            gitops.tool,
            others=tuple((service.workload.progressive, "the canary") for service in shifted[:1]),
            note="each time it applies the route, the new version gets no requests until its step ends; it looks like "
            "one that answers none, and is rolled back",
            help=f"write `{needs}: {example}`, so that mlspec writes the object that prevents it, or apply the "
            "settings of docs/gitops.md and turn this rule off",
        )


class _Promotion(Record):
    """What a promotion writes, and what the GitOps tool applies."""

    part: Promote
    repository: Because[str]
    url: str
    template: str
    """The folder that it writes, as `platform.gitops.path` would name it."""
    folder: str
    applied: str
    branch: Because[str]

    @property
    def elsewhere(self) -> bool:
        """Whether the tool applies another folder."""
        return posixpath.normpath(self.folder) != posixpath.normpath(self.applied)


def _promotion(system: MLSystem, plan: Plan) -> _Promotion | None:
    """The promotion of this environment's models; None if there is none, or the spec does not say where it goes."""
    part = system.retraining.promote if system.retraining is not None else None
    if system.training is None or part is None or part.repository is None or not plan.runs("training").value:
        return None
    access = system.access.get(part.access.value) if part.access is not None else None
    name = system.metadata.name.value
    template = promoted(part, name)
    if not isinstance(access, GitAccess) or template is None:
        return None
    return _Promotion(
        part=part,
        repository=part.repository,
        url=f"{forge_of(access).url.value}/{part.repository.value}.git",
        template=template,
        folder=template.format(system=name, environment=plan.name),
        applied=applied(plan).value,
        branch=part.branch,
    )


def _here(found: _Promotion, system: MLSystem, *values: Because[str] | None) -> str:
    """Where to write what the tool applies. In a platform file, it would apply the folder of one system for all."""
    if any(value is not None and where(value) is not None and not is_given(value, system) for value in values):
        return "under `platform.gitops` of this spec (other systems share the platform file)"
    return "under `platform.gitops`" + ("" if "{system}" in found.template else " of this spec")


def _all(texts: list[str]) -> str:
    return " and ".join(texts) if len(texts) < 3 else f"{', '.join(texts[:-1])}, and {texts[-1]}"


def _same_folder(found: _Promotion, system: MLSystem, plan: Plan) -> str:
    """What makes the promotion write the folder that the tool applies, or the tool apply what the promotion writes."""
    shared = re.fullmatch(r"([^{}]+)/\{system\}/\{environment\}", plan.platform.gitops.path.value)
    if shared:
        return f"write `out: {posixpath.normpath(shared[1])}` under `retraining.promote`"
    gitops = plan.platform.gitops
    if _locked(system, "path"):
        ask = "ask the owner of the platform, which locks it, for"
        return f'write `out: deploy` under `retraining.promote`, and {ask} `path: "deploy/{{system}}/{{environment}}"`'
    here = _here(found, system, gitops.path, getattr(gitops, READS[gitops.tool.value]))
    return f'write `path: "{found.template}"` {here}'


def _locked(system: MLSystem, *fields: str) -> bool:
    """Whether the platform locks one of the fields of `platform.gitops`, so that no spec may write it."""
    locks = [Lock(path=one.value, at=None) for one in system.platform.policies.locked]
    return any(lock.covers(f"platform.gitops.{field}") for lock in locks for field in fields)


@rule(
    "MLS628",
    "warning",
    "platform.gitops.tool",
    "platform.gitops.repository if platform.gitops[tool=argocd]",
    "platform.gitops.revision if platform.gitops[tool=argocd]",
    "platform.gitops.source if platform.gitops[tool=flux]",
    "platform.gitops.path",
    "platform.policies.locked",
    "retraining.promote",
    "access.*.host",
    "access.*.url",
    "access.*.forge",
)
def promoted_to_another_repository(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Promotion to a place that the GitOps tool may not read.

    Why: the pull request is merged, and the GitOps tool applies another repository, another branch, or another folder
    of a repository that the spec does not name. Unless a CI job copies the output, the cluster keeps the old model.

    Bad:
        access: {git: {kind: git, host: github.com, secret: git-token}}
        training: {steps: {register: {command: [register]}}}
        retraining: {promote: {repository: payments/fraud, path: mlspec.yaml, out: clusters, access: git}}
        platform:
          images: {runtime: "registry.example.com/mlspec-runtime:1"}
          gitops: {tool: flux, source: deploy}
    Good:
        access: {git: {kind: git, host: github.com, secret: git-token}}
        training: {steps: {register: {command: [register]}}}
        retraining: {promote: {repository: payments/fraud, path: mlspec.yaml, out: clusters, access: git}}
        platform:
          images: {runtime: "registry.example.com/mlspec-runtime:1"}
          gitops: {tool: flux, source: deploy, path: "clusters/{system}/{environment}"}
    """
    gitops, found = plan.platform.gitops, _promotion(system, plan)
    if found is None:
        return
    if gitops.tool.value == "argocd" and gitops.repository is not None:
        if address(gitops.repository.value) != address(found.url):
            yield _another_repository(found, system, gitops)
        elif _misses(gitops.revision.value, found.branch.value):
            yield _another_branch(found, system, gitops)
    elif gitops.tool.value == "flux" and gitops.source is not None and found.elsewhere:
        yield finding(
            "MLS628",
            f"promotions write `{found.folder}`, and Flux applies `{found.applied}`",
            found.part,
            others=((gitops.source, "the GitRepository that Flux applies"),),
            note=f"unless `{gitops.source.value}` is another repository, and a CI job copies the folder there, a model "
            "that passed its gates is merged, and the cluster keeps the old one",
            help=f"{_same_folder(found, system, plan)}, or copy the folder in a CI job and turn this rule off",
        )


def _misses(revision: str, branch: str) -> bool:
    """Whether Argo CD applies something else than a branch. Only the Git host knows which branch `HEAD` is."""
    return revision.removeprefix("refs/heads/") not in ("HEAD", branch)


def _another_repository(found: _Promotion, system: MLSystem, gitops: GitOps) -> Diagnostic:
    assert gitops.repository is not None  # the caller compared it
    write = [f"`repository: {found.url}`"]
    if _misses(gitops.revision.value, found.branch.value):
        write.append(f"`revision: {found.branch.value}`")
    if found.elsewhere:
        write.append(f'`path: "{found.template}"`')
    here = _here(found, system, gitops.path, gitops.repository, gitops.revision)
    copy = f"copy `{found.folder}` to `{found.applied}` in a CI job and turn this rule off"
    ask = "ask the owner of the platform, which locks `platform.gitops`, to apply that repository"
    locked = _locked(system, "repository", "revision", "path")
    return finding(
        "MLS628",
        f"promotions write to `{found.url}`, and Argo CD applies `{gitops.repository.value}`",
        found.repository,
        others=((gitops.repository, "the repository that Argo CD applies"),),
        note="unless a CI job copies the output there, a model that passed its gates is merged, and the cluster keeps "
        "the old one",
        help=f"{copy}, or {ask}" if locked else f"write {_all(write)} {here}, or {copy}",
    )


def _another_branch(found: _Promotion, system: MLSystem, gitops: GitOps) -> Diagnostic:
    branch, revision = found.branch.value, gitops.revision.value
    here = _here(found, system, gitops.repository, gitops.revision)
    ways = [] if _locked(system, "revision") else [f"write `revision: {branch}` {here}"]
    ways += (
        [] if is_commit(revision) else [f"write `branch: {revision}` under `retraining.promote` if that is a branch"]
    )
    return finding(
        "MLS628",
        f"promotions go to the branch `{branch}`, and Argo CD applies `{revision}` of the same repository",
        found.branch,
        found.part,
        others=((gitops.revision, "what Argo CD applies"),),
        note=f"unless a CI job brings `{branch}` to `{revision}`, a model that passed its gates is merged, and the "
        "cluster keeps the old one",
        help=", or ".join([*ways, "turn this rule off if a CI job brings it there"]),
    )


@rule(
    "MLS629",
    "error",
    "platform.gitops.tool",
    "platform.gitops.repository if platform.gitops[tool=argocd]",
    "platform.gitops.path",
    "platform.policies.locked",
    "retraining.promote",
    "access.*.host",
    "access.*.url",
    "access.*.forge",
)
def promoted_to_another_folder(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Promotion to a folder that Argo CD does not apply.

    Why: the pull request is merged, and Argo CD applies another folder of the same repository. The cluster keeps the
    old model, and no alert fires until it is too old. Without `out`, a promotion writes to `out/ENVIRONMENT` next to
    the spec. With it, it writes to `OUT/SYSTEM/ENVIRONMENT`.

    Bad:
        access: {git: {kind: git, host: github.com, secret: git-token}}
        training: {steps: {register: {command: [register]}}}
        retraining: {promote: {repository: payments/fraud, path: mlspec.yaml, access: git}}
        platform:
          images: {runtime: "registry.example.com/mlspec-runtime:1"}
          gitops: {tool: argocd, repository: "https://github.com/payments/fraud.git"}
    Good:
        access: {git: {kind: git, host: github.com, secret: git-token}}
        training: {steps: {register: {command: [register]}}}
        retraining: {promote: {repository: payments/fraud, path: mlspec.yaml, access: git}}
        platform:
          images: {runtime: "registry.example.com/mlspec-runtime:1"}
          gitops: {tool: argocd, repository: "https://github.com/payments/fraud.git", path: "out/{environment}"}
    """
    gitops, found = plan.platform.gitops, _promotion(system, plan)
    if found is None or gitops.tool.value != "argocd" or gitops.repository is None or not found.elsewhere:
        return
    if address(gitops.repository.value) == address(found.url):
        yield finding(
            "MLS629",
            f"promotions write `{found.folder}`, and Argo CD applies `{found.applied}` of the same repository",
            found.part,
            others=((gitops.path, "the folder that Argo CD applies"), (gitops.repository, "the same repository")),
            note="a model that passed its gates is merged, and the cluster keeps the old one",
            help=_same_folder(found, system, plan),
        )
