"""The model registry of MLflow: where the files of `models:/NAME/VERSION` or `models:/NAME@ALIAS` are.

The requests are those of `mlflow/protos/model_registry.proto` and, for logged models, `mlflow/protos/service.proto`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Mapping as Dict
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ..compiler.record import Record

__all__ = ["RegistryError", "located"]

TIMEOUT = 30
"""Seconds for each request."""

LONGEST = 1 << 20
"""Bytes of an answer, which describes one version."""

FETCHED = ("s3", "gs")
"""The object stores that MLflow and the downloader of a pod call by the same scheme."""

_VERSION = re.compile(r"models:/([^/@:]+)/([1-9][0-9]*)")
_ALIAS = re.compile(r"models:/([^/@:]+)@([^/@:]+)")
_LOGGED = re.compile(r"models:/(m-[0-9A-Za-z]+)")


class RegistryError(Exception):
    """Why the registry does not tell where the files are, and what to do."""

    def __init__(self, message: str, help: str) -> None:  # noqa: A002 - the name of the field in a diagnostic
        super().__init__(message)
        self.help = help


def located(uri: str, address: str | None, environ: Dict[str, str] = os.environ) -> str:
    """The folder in an object store that a name in the registry stands for now."""
    if _VERSION.fullmatch(uri) is None and _ALIAS.fullmatch(uri) is None:
        raise RegistryError(
            f"`{uri}` does not name one version: the latest version, and the one in a stage, change without a release",
            "write `models:/NAME/3` or `models:/NAME@ALIAS`",
        )
    server = _Server(address=_checked(uri, address or environ.get("MLFLOW_TRACKING_URI")), login=_login(environ))
    return _folder(uri, _download_uri(server, uri))


class _Server(Record):
    address: str
    login: str | None
    """The value of the `Authorization` header."""

    def get(self, path: str, uri: str, **query: str) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.address}/api/2.0/mlflow/{path}?{urlencode(query)}")
        if self.login is not None:
            request.add_unredirected_header("Authorization", self.login)
        try:
            with urllib.request.build_opener(_Redirects).open(request, timeout=TIMEOUT) as response:
                answer = json.loads(response.read(LONGEST))
        except urllib.error.HTTPError as error:
            unknown = error.code == 400 and path.endswith("/alias")  # what MLflow answers for an unknown alias
            raise _refused(uri, self.address, 404 if unknown else error.code) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise RegistryError(
                f"the registry at {self.address} cannot be reached: {reason}",
                "check the address and the network, and promote again",
            ) from None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise _strange(self.address, "is not JSON")
        return answer


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Sends the login again only to the origin that it was meant for."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is None:
            return None
        if urlsplit(newurl).scheme not in {"https", req.type}:
            raise urllib.error.URLError("it redirects to an address without TLS")
        login = req.unredirected_hdrs.get("Authorization")
        if login is not None and _origin(newurl) == _origin(req.full_url):
            new.add_unredirected_header("Authorization", login)
        return new


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def _checked(uri: str, address: str | None) -> str:
    """The address of the registry. One with a login in it is never repeated in a message."""
    if not address:
        raise RegistryError(
            f"`{uri}` is a name in a registry whose address is unknown",
            "pass `--mlflow https://mlflow.example.com`, or set MLFLOW_TRACKING_URI",
        )
    try:
        parts = urlsplit(address)
        valid = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or True)
    except ValueError:
        valid = False
    if not valid or "@" in parts.netloc or parts.query or parts.fragment:
        raise RegistryError(
            "the address of the registry is not a plain URL of an HTTP server",
            "pass it as `--mlflow https://mlflow.example.com`; a login belongs in MLFLOW_TRACKING_TOKEN, or in "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
        )
    return address.rstrip("/")


def _login(environ: Dict[str, str]) -> str | None:
    """A user and a password count before a token, as in `mlflow/utils/rest_utils.py`."""
    user, password = environ.get("MLFLOW_TRACKING_USERNAME"), environ.get("MLFLOW_TRACKING_PASSWORD")
    if user and password:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    token = environ.get("MLFLOW_TRACKING_TOKEN")
    return f"Bearer {token}" if token else None


def _download_uri(server: _Server, uri: str) -> str:
    by_alias, by_version = _ALIAS.fullmatch(uri), _VERSION.fullmatch(uri)
    if by_alias is not None:
        name, alias = by_alias.groups()
        answer = server.get("registered-models/alias", uri, name=name, alias=alias)
    else:
        assert by_version is not None
        name, version = by_version.groups()
        answer = server.get("model-versions/get", uri, name=name, version=version)
    version = _text(server, answer, "model_version", "version")
    status = _text(server, answer, "model_version", "status")
    if status != "READY":
        raise RegistryError(
            f"version {version} of `{name}` is not ready: its status is {status}",
            "wait until the registry has the whole model, or register it again",
        )
    answer = server.get("model-versions/get-download-uri", uri, name=name, version=version)
    found = _text(server, answer, "artifact_uri")
    logged = _LOGGED.fullmatch(found)
    if logged is None:
        return found
    return _text(server, server.get(f"logged-models/{quote(logged[1])}", uri), "model", "info", "artifact_uri")


def _text(server: _Server, answer: Any, *path: str) -> str:
    for step in path:
        answer = answer.get(step) if isinstance(answer, dict) else None
    if not isinstance(answer, (str, int)) or answer == "":
        raise _strange(server.address, f"lacks `{'.'.join(path)}`")
    return str(answer)


def _folder(uri: str, found: str) -> str:
    scheme, colon, _ = found.partition("://")
    if colon and scheme in FETCHED:
        return f"{found.rstrip('/')}/"
    raise RegistryError(
        f"`{uri}` is at `{found}`, from which no pod can fetch it",
        "copy the folder to an object store and write its address, with `/` at the end; for later models, start the "
        "MLflow server with `--no-serve-artifacts` and an `s3://` or `gs://` address as `--default-artifact-root`",
    )


def _strange(address: str, what: str) -> RegistryError:
    return RegistryError(
        f"the answer of the registry at {address} {what}",
        "check that the address is the one of an MLflow server, and not of a login page or a proxy in front of it",
    )


def _refused(uri: str, address: str, status: int) -> RegistryError:
    if status in {401, 403}:
        return RegistryError(
            f"the registry at {address} does not let you read `{uri}` (status {status})",
            "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD; they are not sent to "
            "another server that this one redirects to",
        )
    if status == 404:
        return RegistryError(
            f"the registry at {address} does not know `{uri}`",
            "check the name of the model, and its version or alias, in the registry",
        )
    return RegistryError(
        f"the registry at {address} fails with status {status}", "see the log of the MLflow server, and promote again"
    )
