"""A model on a claim that something else fills: an init container verifies its digest before the server starts."""

from __future__ import annotations

from ...compiler import conventions
from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.finding import refusal
from ...compiler.plan.serving.files import ModelFiles
from ...compiler.plan.serving.source import place_of
from .address import check_access, check_place
from .download import DIGEST

__all__ = ["SCRIPT", "init_container", "mount", "volume", "work"]

SCRIPT = rf"""
set -eu
work=$MODEL_VOLUME/model
if [ ! -e "$MODEL_PLACE" ]; then echo "the claim has nothing at $MODEL_PLACE" >&2; exit 1; fi

{DIGEST}

case $MODEL_PLACE in
  */) found=$(digest_of_folder "$MODEL_PLACE") ;;
  *)
    if [ -d "$MODEL_PLACE" ]; then
      echo "the claim has a folder there, not a file: the URI of a folder ends in /" >&2
      exit 1
    fi
    found=$(sha256_of "$MODEL_PLACE") ;;
esac

if [ "sha256:$found" != "$MODEL_DIGEST" ]; then
  echo "the model is not what was released: sha256:$found instead of $MODEL_DIGEST" >&2
  exit 1
fi
echo "the model is complete: $MODEL_DIGEST"
""".strip()

CLAIM, WORK = "/claim", "/verify"


def init_container(files: ModelFiles, security: Body) -> Body:
    """The init container. It reads the whole model once."""
    artifact, why = files.artifact, "it reads the model, and stores the names of its files"
    if not artifact.digest.value.startswith("sha256:"):
        raise refusal(
            "MLS012",
            "the digest of a model on a claim must be a SHA-256",
            artifact.digest,
            others=((artifact.uri, "the claim"),),
            note="a commit pins only a hub repository",
            help="write the digest that `mlspec digest PATH` prints for the model's file or folder",
        )
    check_place(files)
    check_access(files)
    return {
        "name": "verify",
        "image": files.scope.platform.images.downloader,
        "command": ["/bin/sh", "-c", SCRIPT],
        "env": [
            {"name": "MODEL_PLACE", "value": artifact.uri.map(lambda uri: f"{CLAIM}/{place_of(uri).path}")},
            {"name": "MODEL_DIGEST", "value": artifact.digest},
            {"name": "MODEL_VOLUME", "value": WORK},
        ],
        "resources": {
            "requests": {"cpu": fixed(conventions.HELPER_CPU, why), "memory": fixed(conventions.HELPER_MEMORY, why)},
            "limits": {"memory": fixed("512Mi", why)},
        },
        "securityContext": security,
        "volumeMounts": [
            {"name": "model", "mountPath": CLAIM, "readOnly": fixed(True, "something else fills the claim")},
            {"name": "verify", "mountPath": WORK},
        ],
    }


def volume(files: ModelFiles) -> Body:
    """The claim, which pods only read."""
    claim = files.artifact.uri.map(lambda uri: place_of(uri).container)
    body = {"claimName": claim, "readOnly": fixed(True, "something else fills the claim")}
    return {"name": "model", "persistentVolumeClaim": because(body, "the claim with the model", files.source)}


def work() -> Body:
    """The volume for the names of the model's files, while they are verified."""
    return {"name": "verify", "emptyDir": {"sizeLimit": fixed("64Mi", "room for the names of half a million files")}}


def mount(files: ModelFiles, path: Because[str], file: Because[str]) -> Body:
    """Where the server finds the model, read-only: the folder, or a single file under the name that it looks for."""
    inside = files.artifact.uri.map(lambda uri: place_of(uri).path.rstrip("/"))
    folder = files.is_folder.value
    return {
        "name": "model",
        "mountPath": path if folder else text("{folder}/{file}", folder=path, file=file),
        "subPath": inside if inside.value else None,
        "readOnly": fixed(True, "the server only reads the model"),
    }
