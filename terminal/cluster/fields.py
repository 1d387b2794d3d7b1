"""What of a live object counts as a difference: everything but the server's own bookkeeping."""

from __future__ import annotations

import copy
from hashlib import sha256

from .access import Object

__all__ = ["fields"]

BOOKKEEPING = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")


def fields(body: Object) -> Object:
    """An object without its status and the server's bookkeeping; values of a Secret as checksums."""
    made = {name: copy.deepcopy(value) for name, value in body.items() if name != "status"}
    for name in BOOKKEEPING:
        made["metadata"].pop(name, None)
    if body["kind"] == "Secret":
        for part in ("data", "stringData"):
            if part in made:
                made[part] = {name: _hidden(str(value)) for name, value in made[part].items()}
    return made


def _hidden(value: str) -> str:
    return f"(hidden, sha256 {sha256(value.encode()).hexdigest()[:8]})"
