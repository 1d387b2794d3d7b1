"""The download from a hub: an init container fetches one commit of a repository, or a part of it.

Traps handled here: a branch of a repository moves. Other hosts that the hub redirects to must not get the token.
"""

from __future__ import annotations

from ...compiler.because import Because
from ...compiler.emit.artifact import Body
from ...compiler.finding import refusal
from ...compiler.plan.serving.files import ModelFiles
from ...compiler.plan.serving.source import place_of
from ...compiler.system import HuggingFaceAccess
from .access import environment, granted
from .address import check_access, check_place
from .fetching import container, stored
from .own import own_image

__all__ = ["check_commit", "init_container"]


def init_container(files: ModelFiles, file: Because[str], security: Body) -> Body:
    """The init container, which runs mlspec's own image. It stores a single-file model as `file`."""
    scope, artifact = files.scope, files.artifact
    check_place(files)
    check_commit(files, "the download fetches the repository at this revision")
    grant = next(iter(granted(scope, (artifact.access,))), None)
    access = grant.access if grant is not None else None
    place = artifact.uri.map(place_of)
    env: list[Body | Because[Body]] = [
        {"name": "MODEL_REPOSITORY", "value": place.map(lambda place: place.container)},
        {"name": "MODEL_PATH", "value": place.map(lambda place: place.path)},
        {"name": "MODEL_COMMIT", "value": artifact.digest},
        *stored(files, file),
        *([{"name": "HF_ENDPOINT", "value": access.endpoint}] if isinstance(access, HuggingFaceAccess) else []),
        *(environment(grant) if grant is not None else []),
    ]
    image = own_image(
        scope,
        "the download from the hub needs mlspec's own image",
        artifact.uri,
        instead="put the files into an object store",
    )
    return container(files, image, ["mlspec", "runtime", "fetch"], env, security)


def check_commit(files: ModelFiles, note: str) -> None:
    """Refuse a repository that no commit pins, and an access that is not for a hub."""
    artifact = files.artifact
    _, at, revision = place_of(artifact.uri.value).container.partition("@")
    if at:
        raise refusal(
            "MLS012",
            "a hub repository has no `@` in its name",
            artifact.uri,
            others=((artifact.digest, "the commit"),),
            note="the hub would not find it, and the pod would never start",
            help=f"remove `@{revision}` from the URI; `digest` is the commit",
        )
    if len(artifact.digest.value) != 40:
        raise refusal(
            "MLS012",
            "a hub repository must be pinned by its commit",
            artifact.digest,
            others=((artifact.uri, "a hub repository"),),
            note=note,
            help="write the 40 hex digits of the commit, from the repository's history",
        )
    check_access(files)
