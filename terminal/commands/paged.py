"""The option `--page`: a result as one HTML page."""

from __future__ import annotations

from ..outputs import Output, overwritten, put
from ..workspace import find
from .request import Request

__all__ = ["refused", "written"]


def refused(request: Request, file: str | None) -> bool:
    """Whether the page would overwrite a spec. Reports it."""
    if file is None or not list(overwritten((Output(file=file),), find(request.specs)[0])):
        return False
    request.console.complain(f"error: --page {file} would overwrite the spec: choose another file")
    return True


def written(request: Request, file: str, page: str) -> bool:
    """Write the page. Returns whether that was possible, and reports if it was not."""
    try:
        put(file, page)
    except OSError as error:
        request.console.complain(f"error: --page {file} cannot be written: {error.strerror}")
        return False
    return True
