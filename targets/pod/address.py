"""Addresses that a download cannot use: folders that are written as files, web pages, and archives.

All of them pass for the address of a file. The pod would find out after the merge: its download fails, and it never
starts.
"""

from __future__ import annotations

import re

from ...compiler.because import Because
from ...compiler.finding import refusal
from ...compiler.plan.serving.files import WEB, ModelFiles, url_parts
from ...compiler.plan.serving.hubs import file_of
from ...compiler.plan.serving.source import place_of
from ...compiler.plan.stores import check_store_of

__all__ = ["CHECKPOINT", "FOLDERS", "check_access", "check_commit", "check_loadable", "check_place"]

_PLACE = r"(?!(?:[^/]*/)*\.{1,2}(?:/|$))[A-Za-z0-9][A-Za-z0-9._-]*(?:/[^/]+)*/?"
"""A repository or a claim, and a path in it without empty steps and without `.` and `..`."""

FOLDERS = {
    "mlflow": "an MLmodel file and what it names",
    "openvino": "a graph and its weights",
    "savedmodel": "a graph and its variables",
}
"""The formats that are always folders, and what is in them."""

CHECKPOINT = "safetensors"
"""A server with its own setup reads a folder of this format; a custom image may load single files of weights."""

WEIGHTS = (
    r"\.(?:safetensors|bin|pt|pth|ckpt|xml|pb|h5|hdf5|keras|onnx|gguf|pkl|pickle|joblib|json|msgpack|npz|ya?ml)$"
    r"|/MLmodel$"
)
"""What single files of such folders are called. A version or a name can have a dot, too, such as `1.2`."""

ARCHIVES = r"\.(?:tar|tgz|tbz2|txz|zip|7z|rar)$|\.(?:gz|bz2|xz|zst|lz4)$"


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


def check_place(files: ModelFiles) -> None:
    """Refuse the address of something that is not the model's file or folder."""
    uri, is_folder = files.artifact.uri, files.is_folder.value
    inside = _contents(files)
    scheme, _, rest = uri.value.partition("://")
    if scheme in ("hf", "pvc") and not re.fullmatch(_PLACE, rest):
        raise refusal(
            "MLS012",
            f"this does not name a {'repository' if scheme == 'hf' else 'claim'} and a path in it",
            uri,
            note="a pod whose path has an empty step or `..` never starts",
            help="write it like `hf://organization/repository/folder/`"
            if scheme == "hf"
            else "write it like `pvc://claim/folder/`, with the name of a PersistentVolumeClaim",
        )
    if uri.value.partition("://")[0] in WEB:
        if is_folder or inside is not None:
            raise refusal(
                "MLS012",
                "a folder cannot be downloaded from a web server",
                uri,
                others=() if is_folder else ((files.artifact.format, "a model of this format is a folder"),),
                note="the init container would find none of the files, and the pod would never start",
                help="put the folder into an object store, and write its URI with `/` at the end",
            )
        _check_url(uri)
    elif inside is not None and not is_folder:
        raise refusal(
            "MLS012",
            f"a model in the format `{files.artifact.format.value}` is a folder, but this is the URI of a file",
            uri,
            others=((files.artifact.format, "the format"),),
            note=f"the server needs {inside}, and would never start with a single file",
            help=f"write `{_folder(uri.value)}`, if that folder contains the model's files",
        )


def _folder(uri: str) -> str:
    """The folder that a reader means by the URI of a file: the one that the file is in, if it looks like a file."""
    if not re.search(WEIGHTS, uri):
        return f"{uri}/"
    above = uri.rpartition("/")[0]
    return above if uri.startswith("hf://") and not place_of(f"{above}/").path else f"{above}/"


def _contents(files: ModelFiles) -> str | None:
    """What is in the model's folder, if a model of this format is a folder for what loads it."""
    format_, runtime = files.artifact.format.value, files.runtime
    if format_ == CHECKPOINT and runtime is not None and "custom" not in {known.value for known in runtime.formats}:
        return "the weights, the configuration, and the tokenizer"
    return FOLDERS.get(format_)


def _check_url(uri: Because[str]) -> None:
    folder, leaf, _ = url_parts(uri.value)
    if not leaf or folder.endswith("://"):
        raise refusal(
            "MLS012",
            "the URL names no file",
            uri,
            note="the web server would answer with a page, and the pod would never start",
            help="write the URL of the model's file, such as `https://models.example.com/fraud/7/model.onnx`",
        )
    page = file_of(uri.value)
    if page is not None:
        site, address = page
        raise refusal(
            "MLS012",
            f"this is {site}'s page about a file, not the file",
            uri,
            note="the download would be HTML, whose digest is never the released one, and the pod would never start",
            help=f"write `{address}`"
            + (", with the commit that the page's history shows" if "<commit>" in address else ""),
        )


def check_loadable(files: ModelFiles, server: Because[str]) -> None:
    """Refuse an archive for a server that loads the files itself. A custom image can unpack what it likes."""
    uri = files.artifact.uri
    if (files.downloads or files.source.value == "claim") and re.search(ARCHIVES, files.file.value.lower()):
        raise refusal(
            "MLS012",
            f"`{server.value}` cannot load an archive",
            uri,
            others=((server, "the runtime"),),
            note="mlspec unpacks nothing, so that the digest covers what the server reads",
            help="unpack it, upload the model's file or folder, and write its URI and its digest",
        )


def check_access(files: ModelFiles) -> None:
    """Refuse an access that is not for the kind of store that holds the model."""
    artifact = files.artifact
    if artifact.access is None:
        return
    if artifact.uri.value.startswith("pvc://"):
        raise refusal(
            "MLS012",
            "a model on a claim needs no access",
            artifact.access,
            others=((artifact.uri, "the claim"),),
            note="the kubelet mounts the claim, and nothing would use the access",
            help="remove it",
        )
    check_store_of(files.scope, artifact)
