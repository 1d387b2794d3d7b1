"""What a GitOps tool applies: the folder of an environment's output, the repository that it is in, and the object that
names both. And the folder that a promotion writes.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..because import Because, because, text
from ..system import Promote
from .choose import or_else

if TYPE_CHECKING:
    from . import Plan

__all__ = ["address", "applied", "deployed_by", "home", "promoted"]

SSH_AT_443 = {
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}
"""The hosts that serve SSH on port 443, for networks that block port 22, and whose repositories they have.

Sources: GitHub, "Using SSH over the HTTPS port"; GitLab, "GitLab.com now supports an alternate git+ssh port". The host
of Bitbucket is from SSH configurations that its users publish.
"""


USUAL = {"argocd": "argocd", "flux": "flux-system"}
"""The namespace in which each tool looks for the objects that tell it what to apply."""


def deployed_by(plan: Plan) -> Because[str]:
    """The name of the object that tells the tool to apply an environment."""
    return text("{system}-{environment}", system=plan.system.metadata.name, environment=plan.environment)


def home(plan: Plan) -> Because[str]:
    """The namespace of that object."""
    gitops = plan.platform.gitops
    usual = USUAL.get(gitops.tool.value, "default")
    return or_else(gitops.namespace, lambda: because(usual, "the namespace of the tool itself", gitops.tool))


def applied(plan: Plan) -> Because[str]:
    """The folder in the repository that holds the environment's output."""
    template, system = plan.platform.gitops.path, plan.system.metadata.name
    found = template.value.format(system=system.value, environment=plan.environment.value)
    return because(found, "where the environment's files are", template, system, plan.environment)


def promoted(part: Promote, system: str) -> str | None:
    """The folder that `mlspec runtime promote` writes, as a template like `platform.gitops.path`; None if the spec does
    not say where it is. Without `out`, the folder has no system in it.
    """
    if part.path is None:
        return None
    if part.out is not None:
        return f"{part.out.value}/{{system}}/{{environment}}"
    steps = PurePosixPath(part.path.value).parent.parts
    return "/".join([*("{system}" if step == system else step for step in steps), "out", "{environment}"])


def address(url: str) -> str:
    """A repository without what differs between the URLs that a person, a tool, and a promotion use for it."""
    short = re.fullmatch(r"[^/:@]+@([^/:]+):(.+)", url)
    parts = urlsplit(f"ssh://{short[1]}/{short[2]}" if short else url)
    path = parts.path.strip("/").removesuffix(".git").removeprefix("scm/")
    host = (parts.hostname or "").lower()
    return f"{SSH_AT_443.get(host, host)}/{path.lower()}"
