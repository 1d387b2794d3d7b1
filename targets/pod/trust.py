"""The certificate authorities that containers trust: a bundle in a ConfigMap, and the variables that clients read.

Each variable replaces the authorities that its clients have built in. What reads which:

- `SSL_CERT_FILE`: OpenSSL, and with it Python's `ssl`; Go (crypto/x509/root_unix.go), and with it rclone; httpx.
- `REQUESTS_CA_BUNDLE`: Requests (requests/sessions.py), and with it MLflow, azure-core, and google-auth.
- `CURL_CA_BUNDLE`: curl, and Requests if the other one is missing.
- `AWS_CA_BUNDLE`: the SDKs of AWS for Python and Go, which do not read the others (botocore/configprovider.py).
- `GRPC_DEFAULT_SSL_ROOTS_FILE_PATH`: gRPC's C core, and with it grpcio (doc/environment_variables.md).

librdkafka reads none of them: its clients set `ssl.ca.location`.
"""

from __future__ import annotations

from ...compiler.because import Because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.plan.scope import Scope

__all__ = ["mounts", "named", "volumes"]

FOLDER = "/etc/mlspec/certificates"
NAME = "certificates"
VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)


def named(scope: Scope) -> dict[str, Because[str]]:
    """The variables that name the bundle; none without one."""
    bundle = scope.platform.ca_bundle
    if bundle is None:
        return {}
    path = text("{folder}/{key}", "the bundle", folder=fixed(FOLDER, "its folder"), key=bundle.key)
    return dict.fromkeys(VARIABLES, path.also(bundle.config_map))


def volumes(scope: Scope) -> list[Body]:
    """The volume with the bundle. A pod does not start without it: it would trust the wrong authorities."""
    bundle = scope.platform.ca_bundle
    return [] if bundle is None else [{"name": NAME, "configMap": {"name": bundle.config_map}}]


def mounts(scope: Scope) -> list[Body]:
    """The whole folder, so that the kubelet replaces the bundle when it changes; it never replaces a single file."""
    bundle = scope.platform.ca_bundle
    read_only = fixed(True, "ConfigMaps are read-only")
    return [] if bundle is None else [{"name": NAME, "mountPath": FOLDER, "readOnly": read_only}]
