"""The download from a store: an init container fetches the model, verifies its digest, and only then exposes it.

The script fetches files into `part`, and renames `part` to `model` once the digest is right. So the server's mount
holds either the whole model or nothing. The script is the same for every system; environment variables carry what
differs.
"""

from __future__ import annotations

from typing import Any

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Body
from ...compiler.finding import refusal
from ...compiler.plan.serving.files import WEB, ModelFiles, url_parts
from ...compiler.system import AzureAccess, GcsAccess, S3Access
from ...schema.units import Memory
from .access import Grant, environment, granted
from .address import check_access, check_place
from .fetching import VOLUME, container, stored

__all__ = ["DIGEST", "SCRIPT", "init_container"]

DIGEST = r"""
# No pipe runs a command whose failure matters: a pipe only reports its last one.
sha256_of() { sum=$(sha256sum < "$1"); echo "${sum%% *}"; }
digest_of_folder() {  # SHA-256 over the sorted lines: path NUL sha256
  cd "$1"
  find . -type f > "$work.files"
  sed 's|^\./||' "$work.files" > "$work.paths"
  LC_ALL=C sort "$work.paths" > "$work.sorted"
  while IFS= read -r file; do
    sum=$(sha256_of "$file")
    printf '%s\0%s\n' "$file" "$sum"
  done < "$work.sorted" > "$work.lines"
  sha256_of "$work.lines"
  rm "$work.files" "$work.paths" "$work.sorted" "$work.lines"
}
""".strip()
"""How scripts compute digests, with `mlspec.runtime.digest` in a pod."""

SCRIPT = rf"""
set -eu
key=${{MODEL_KEY:-model}}
work=$MODEL_VOLUME/$key
part=$work.part model=$work
if [ -e "$model" ]; then echo "the model is here already"; exit 0; fi
if [ -n "${{MODEL_KEY:-}}" ]; then  # pods share this volume: one of them downloads, and the others wait for it
  exec 9> "$work.lock"
  flock 9
  if [ -e "$model" ]; then echo "another pod downloaded the model"; exit 0; fi
fi
rm -rf "$part" && mkdir -p "$part"
ulimit -f "$((MODEL_LIMIT / 512))"  # a file that grows beyond it ends the download

# rclone sends these headers to the host of the URL only. Variables do not show in the process list, as arguments do.
token=$(printf %s "${{MODEL_TOKEN:-}}")  # without the line break that a Secret often ends with
token=$(printf %s "$token" | sed 's/"/""/g')  # quoted as in a CSV file
if [ -n "$token" ]; then export RCLONE_HTTP_HEADERS="Authorization,\"Bearer $token\""; fi

{DIGEST}

case $MODEL_REMOTE in
  */)
    rclone copy --config "" --retries 5 "$MODEL_REMOTE" "$part"
    found=$(digest_of_folder "$part") ;;
  *)
    rclone copyto --config "" --retries 5 "$MODEL_REMOTE" "$part/$MODEL_FILE"
    if [ -d "$part/$MODEL_FILE" ]; then
      echo "the store has a folder there, not a file: the URI of a folder ends in /" >&2
      rm -rf "$part"
      exit 1
    fi
    found=$(sha256_of "$part/$MODEL_FILE") ;;
esac

if [ "sha256:$found" != "$MODEL_DIGEST" ]; then
  echo "the model is not what was released: sha256:$found instead of $MODEL_DIGEST" >&2
  rm -rf "$part"
  exit 1
fi
mv "$part" "$model"
echo "the model is complete: $MODEL_DIGEST"
""".strip()

# scheme -> the rclone remote for such a store
REMOTES = {"s3": ":s3:", "gs": ":gcs:", "azure": ":azureblob:", "http": ":http:", "https": ":http:"}


def init_container(files: ModelFiles, file: Because[str], security: Body, most: Because[Memory] | None) -> Body:
    """The init container. It stores a single-file model as `file`."""
    scope, artifact = files.scope, files.artifact
    grant = next(iter(granted(scope, (artifact.access,))), None)
    _check(files)
    env: list[Body | Because[Body]] = [
        {"name": "MODEL_REMOTE", "value": _remote(artifact.uri)},
        {"name": "MODEL_DIGEST", "value": artifact.digest},
        *stored(files, file),
        {"name": "HOME", "value": VOLUME},
        *_store(artifact.uri, grant),
        *(environment(grant, _RENAMED) if grant is not None else []),
    ]
    return container(files, scope.platform.images.downloader, ["/bin/sh", "-c", SCRIPT], env, security, most)


# The script's names for the secrets of a web server.
_RENAMED = {"TOKEN": "MODEL_TOKEN"}


def _remote(uri: Because[str]) -> Because[str]:
    """Where rclone finds the model. It gets the folder of a URL separately."""
    scheme, _, rest = uri.value.partition("://")
    return uri.map(lambda whole: REMOTES[scheme] + (_in_folder(whole) if scheme in WEB else rest))


def _in_folder(url: str) -> str:
    """The rest of a URL. A `/` in the query must not look like another folder."""
    _, leaf, query = url_parts(url)
    return leaf + query.replace("/", "%2F")


def _store(uri: Because[str], grant: Grant | None) -> list[Body]:
    """What rclone needs to know about the store. Without an access, it reads public data."""
    scheme = uri.value.partition("://")[0]
    access = grant.access if grant is not None else None
    named_by = (grant.named, grant.access.kind) if grant is not None else ()
    known = because("true", "credentials come from the environment or from the cluster", *named_by)
    named: dict[str, Any] = {}
    if scheme == "s3":
        endpoint = access.endpoint if isinstance(access, S3Access) else None
        named["RCLONE_S3_PROVIDER"] = because(
            "Other" if endpoint is not None else "AWS", "a store with its own endpoint is not AWS", access
        )
        named["RCLONE_S3_ENV_AUTH"] = known if access is not None else None
        if isinstance(access, S3Access):
            named["RCLONE_S3_REGION"] = access.region
            named["RCLONE_S3_ENDPOINT"] = access.endpoint
    elif scheme == "gs":
        named["RCLONE_GCS_ENV_AUTH" if isinstance(access, GcsAccess) else "RCLONE_GCS_ANONYMOUS"] = known
    elif scheme in WEB:
        named["RCLONE_HTTP_URL"] = uri.map(lambda whole: url_parts(whole)[0])
        named["RCLONE_HTTP_NO_HEAD"] = fixed("true", "signed URLs refuse requests for the size")
        named["RCLONE_HTTP_NO_ESCAPE"] = fixed("true", "the URL is escaped as its server needs it")
    elif scheme == "azure" and isinstance(access, AzureAccess):
        named["RCLONE_AZUREBLOB_ACCOUNT"] = access.account
        named["RCLONE_AZUREBLOB_ENV_AUTH"] = known
    return [{"name": name, "value": value} for name, value in named.items() if value is not None]


def _check(files: ModelFiles) -> None:
    artifact = files.artifact
    if not artifact.digest.value.startswith("sha256:"):
        raise refusal(
            "MLS012",
            "the digest of a download must be a SHA-256",
            artifact.digest,
            others=((artifact.uri, "the download"),),
            note="a commit pins only a hub repository",
            help="write the digest that `mlspec digest PATH` prints for the model's file or folder",
        )
    check_place(files)
    check_access(files)
