"""The download from a hub: an init container fetches one commit of a repository, or a part of it.

Traps handled here: a branch of a repository moves. Other hosts that the hub redirects to must not get the token.
"""

from __future__ import annotations

from ...compiler.because import Because
from ...compiler.emit.artifact import Body
from ...compiler.plan.serving.files import ModelFiles
from ...compiler.plan.serving.source import place_of
from ...compiler.system import HuggingFaceAccess
from ...schema.units import Memory
from .access import environment, granted
from .address import check_commit, check_place
from .fetching import container, stored
from .own import own_image

__all__ = ["init_container"]


def init_container(files: ModelFiles, file: Because[str], security: Body, most: Because[Memory] | None) -> Body:
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
    return container(files, image, ["mlspec", "runtime", "fetch"], env, security, most)
