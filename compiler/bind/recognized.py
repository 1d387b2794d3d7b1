"""Recognize a file that is something else than it is read as: then that is its only mistake.

Taken for a spec, a platform file lacks a `problem`, and a Kubernetes object has fields that no spec has. To add and
remove what such findings name makes one file out of another.
"""

from __future__ import annotations

from ..diagnostics import Diagnostic
from ..language import OBJECTS
from ..tree import Mapping, Scalar
from ..words import shown

__all__ = ["another"]

_FILES = {"MLSystem": "spec", "PlatformFile": "platform file", "ReleaseFile": "release file"}
_INSTEAD = {
    "MLSystem": "write `kind: {kind}` if it is a {wanted}, or give the file another name",
    "PlatformFile": "lint a spec below it, which checks this file, too: mlspec finds it by its name, "
    "`mlspec.platform.yaml`",
    "ReleaseFile": "lint the spec of its system, which checks this file, too: mlspec finds it by its path, "
    "`releases/ENVIRONMENT.yaml`",
}
_OURS = "mlspec/"


def another(tree: Mapping, type_name: str) -> Diagnostic | None:
    """A finding if a file says that it is of another type; None if it is of this one, or says nothing."""
    kind, version = tree.entries.get("kind"), tree.entries.get("apiVersion")
    if not isinstance(kind, Scalar) or kind.text == _kind(type_name):
        return None
    wanted = _FILES[type_name]
    known = next((name for name in _FILES if _kind(name) == kind.text), None)
    if known is not None:
        help_ = _INSTEAD[known].format(kind=_kind(type_name), wanted=wanted)
        return _not_this(kind, f"a {_FILES[known]}", wanted, help_)
    if isinstance(version, Scalar) and not version.text.startswith(_OURS) and kind.text[:1].isupper():
        help_ = f"name a {wanted}; `mlspec init` writes a first one"
        return _not_this(kind, f"a Kubernetes {shown(kind.text)}", wanted, help_)
    return None


def _kind(type_name: str) -> str:
    """The `kind` of a type of files."""
    choices: tuple[str, ...] = OBJECTS[type_name]["kind"][2][1]
    return choices[0]


def _not_this(kind: Scalar, what: str, wanted: str, help_: str) -> Diagnostic:
    return Diagnostic(
        id="MLS002",
        severity="error",
        message=f"this is {what}, not a {wanted}",
        span=kind.span,
        note="nothing else in the file is checked: its fields have another meaning",
        help=help_,
    )
