"""The step `promote`: mlspec's own, after `register`. It puts the judged model into Git (docs/promotion.md).

Traps handled here: the token that may push is in no other container of the pod, and a version that no gate judged, or
that no step describes, would be promoted by nothing. What cannot work is refused here, before hours of training.
"""

from __future__ import annotations

from typing import Any

from ...compiler import conventions
from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.finding import Refusal, refusal
from ...compiler.plan.forges import forge_of
from ...compiler.plan.training import TrainingPlan
from ...compiler.system import GitAccess, Promote
from ..pod import access, trust
from ..pod.access import Grant
from ..pod.credentials import variables
from ..pod.own import own_image
from ..pod.security import container_security

__all__ = ["container", "grants", "settings"]

TOKEN = "GIT_TOKEN"


def _part(training: TrainingPlan) -> Promote | None:
    retraining = training.scope.system.retraining
    return retraining.promote if retraining is not None else None


def settings(training: TrainingPlan) -> dict[str, Any] | None:
    """The `promote` section of the training configuration; None if no model is promoted."""
    part = _part(training)
    if part is None:
        return None
    own = _access(training, part)
    where = forge_of(own)
    repository = _given(part, part.repository, "repository", _suggested(training, own))
    pull_request = part.via.value == "pull-request"
    if pull_request and where.forge is None:
        raise _unknown_forge(part, own)
    for address in (where.url, where.api):
        if address is not None and not address.value.startswith("https://"):
            raise _plain_text(part, address)
    return {
        "via": part.via,
        "url": text("{url}/{repository}.git", "the repository", url=where.url, repository=repository),
        "branch": part.branch,
        "path": _given(part, part.path, "path", "mlspec.yaml"),
        "out": part.out,
        "repository": repository.also(part.via) if pull_request else None,
        "forge": where.forge,
        "api": where.api.also(part.via) if pull_request and where.api is not None else None,
    }


def _given(part: Promote, value: Because[str] | None, name: str, example: str) -> Because[str]:
    if value is not None:
        return value
    raise refusal(
        "MLS009",
        f"`promote` does not say the `{name}`",
        part,
        note="nothing else in a spec says where the spec itself is, and a run would train for hours before it failed",
        help=f"add it under `retraining.promote`, such as `{name}: {example}`",
    )


def _suggested(training: TrainingPlan, own: GitAccess) -> str:
    """The repository that a link for people names, if it is on the same host. It is a suggestion, and not taken."""
    source = training.scope.system.metadata.links.source
    _, found, rest = source.value.partition(f"//{own.host.value}/") if source is not None else ("", "", "")
    steps = [step for step in rest.removesuffix("/").removesuffix(".git").split("/") if step]
    return "/".join(steps) if found and len(steps) == 2 else "organization/name"


def _access(training: TrainingPlan, part: Promote) -> GitAccess:
    """The access to the Git host, which has a token."""
    if part.access is None:
        raise refusal(
            "MLS009",
            "`promote` has no `access` to the Git host",
            part,
            note="no one may push to the repository without a token",
            help="add `git: {kind: git, secret: git-token}` under `access`, and `access: git` under "
            "`retraining.promote`",
        )
    own = training.scope.system.access[part.access.value]
    if not isinstance(own, GitAccess):
        raise refusal(
            "MLS012",
            f"the access `{part.access.value}` is not for a Git host",
            part.access,
            others=((own.kind, "its kind"),),
            note="its credentials cannot push to a repository",
            help="name an access with `kind: git`",
        )
    if own.secret is None or (own.keys and TOKEN not in own.keys):
        raise refusal(
            "MLS009",
            f"the access `{part.access.value}` has no token",
            part.access,
            own.kind,
            note="a Git host knows no identities of the cluster: it takes a token",
            help=f"add `secret` to the access, and if the Secret's key is not `token`, `keys: {{{TOKEN}: KEY}}`",
        )
    return own


def _unknown_forge(part: Promote, own: GitAccess) -> Refusal:
    return refusal(
        "MLS009",
        f"the software of `{own.host.value}` is unknown",
        part,
        others=((own.host, "not a host that mlspec knows"),),
        note="each forge opens pull requests in its own way",
        help="add `forge` to the access: `github`, `gitlab`, `gitea`, `bitbucket`, or `bitbucket-data-center`, or "
        "write `via: push`",
    )


def _plain_text(part: Promote, address: Because[str]) -> Refusal:
    return refusal(
        "MLS012",
        "the token for the Git host would travel in plain text",
        address,
        others=((part, "the step that sends it"),),
        note="anyone on the way can read it and push to the repository, and a cluster is no exception",
        help=f"write `https{address.value[4:]}`",
    )


def grants(training: TrainingPlan) -> list[Grant]:
    """The access of this step alone."""
    part = _part(training)
    return [] if part is None else access.granted(training.scope, [part.access])


def container(training: TrainingPlan, contract: list[Body], mounts: list[Body]) -> Because[Body] | None:
    """The container; None if no model is promoted. `contract` and `mounts` are those of all steps."""
    part = _part(training)
    if part is None:
        return None
    if training.part.steps.register_ is None:
        raise refusal(
            "MLS009",
            "no step publishes the model that `promote` would release",
            part,
            others=((training.part.steps.train.command, "the model is trained here"),),
            note="a release needs the address of the model's files, and only the step that uploads them knows it",
            help="add `register: {command: [...]}` under `training.steps`, which writes `release.json`, or remove "
            "`promote`",
        )
    own = _access(training, part)
    (grant,) = grants(training)
    disk = training.part.resources.ephemeral_storage.map(str)
    why = "it compiles one system, and keeps one commit of the repository on disk"
    body = {
        "name": "promote",
        "image": own_image(
            training.scope,
            "promotion needs mlspec's own image",
            part,
            others=((training.part.steps.train.command, "the model is trained here"),),
            instead="remove `promote`",
        ),
        "command": ["mlspec", "runtime", "promote", "--in-job"],
        "env": [*contract, *variables(trust.named(training.scope)), *_token(grant, own)],
        "resources": {
            "requests": {
                "cpu": fixed(conventions.HELPER_CPU, why),
                "memory": fixed("256Mi", why),
                "ephemeral-storage": disk,
            },
            "limits": {"memory": fixed("1Gi", why), "ephemeral-storage": disk},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(),
        "volumeMounts": [*mounts, *trust.mounts(training.scope)],
    }
    return because(body, "it puts the model that passed its gates into Git", part.via, part.access)


def _token(grant: Grant, own: GitAccess) -> list[Because[Body]]:
    """The token, and no other key of the Secret."""
    key: str | Because[str] = own.keys[TOKEN] if own.keys else "token"
    reference = {"name": own.secret, "key": key}
    why = "only this step may push"
    return [because({"name": TOKEN, "valueFrom": {"secretKeyRef": reference}}, why, own.kind, grant.named, key)]
