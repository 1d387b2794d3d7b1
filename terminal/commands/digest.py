"""`mlspec digest`: print the digest of a model, exactly as the download checks it."""

from __future__ import annotations

from pathlib import Path

from ...runtime.digest import digest_of, inside
from ..console import Console

__all__ = ["digest"]


def digest(path: str, console: Console) -> int:
    """Print `sha256:` and the digits. Refuse what would not arrive in the pod as it is here."""
    model = Path(path)
    try:
        problem = _problem(model)
        if problem is None:
            console.result(digest_of(model))
            return 0
    except OSError as error:
        problem = f"{error.filename or path} cannot be read: {error.strerror}"
    console.complain(f"error: {problem}")
    return 2


def _problem(model: Path) -> str | None:
    if not model.exists():
        return f"{model} does not exist"
    if model.is_file():
        return None
    if not model.is_dir():
        return f"{model} is neither a file nor a folder"
    found = list(inside(model))
    for path in found:
        if path.is_symlink():
            return f"{path} is a link, which a store does not have: copy the folder with `cp -RL`, which follows links"
        if not path.is_file():
            return f"{path} is neither a file nor a folder, so it cannot be uploaded"
        if "\n" in str(path.relative_to(model)):
            return f"the name of {path} contains a line break, which the download does not support: rename it"
    return None if found else f"{model} contains no files"
