"""Loading plugins, and turning what goes wrong in them into findings.

Plugins are installed packages: a module of Python itself, a program, or a file in the working directory is refused,
because in CI that folder holds a pull request. A plugin that cannot be loaded or that fails is a finding at the line
that names it; the rest of the bundle is still checked, and nothing is written.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import ParamSpec, TypeVar

from ..because import Unavailable
from ..diagnostics import Diagnostic
from ..finding import Refusal, finding
from ..imports import from_elsewhere
from ..provider import Provider
from ..tree import Scalar
from ..words import shown
from .artifact import Piece, SystemTarget
from .backends import Backend

__all__ = ["load"]

P = ParamSpec("P")
T = TypeVar("T")


def load(places: Iterable[Scalar], environment: str) -> tuple[list[Backend], list[Diagnostic]]:
    """The plugins that are named at some places, in order, and what is wrong with the others."""
    loaded: list[Backend] = []
    found: list[Diagnostic] = []
    for place in places:
        try:
            loaded.append(_guarded(_load(place.text), place))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - any failure in its module is the plugin's fault
            found.append(_broken(place, "cannot be loaded", error).but(environments=(environment,)))
    return loaded, found


@cache
def _load(name: str) -> Backend:
    module, _, attribute = name.partition(":")
    with from_elsewhere():
        _refuse_foreign(module)
        plugin = getattr(import_module(module), attribute)
    if not isinstance(plugin, Backend):
        raise TypeError(f"{attribute} is a {type(plugin).__name__}, not a Target, a SystemTarget, or a Provider")
    return plugin


def _refuse_foreign(module: str) -> None:
    """Refuse, before they run, modules that are not plugins: some act as soon as they are imported."""
    top, *rest = module.split(".")
    if "__main__" in (top, *rest):
        raise ImportError(f"{module} is a program, not a plugin")
    found = find_spec(top)
    library, origin = os.path.dirname(os.__file__) + os.sep, (found.origin or "") if found is not None else ""
    inside = origin.removeprefix(library).split(os.sep, 1)[0] if origin.startswith(library) else None
    if top in sys.stdlib_module_names or (inside is not None and inside not in ("site-packages", "dist-packages")):
        raise ImportError(f"{top} is part of Python, not a plugin")


def _guarded(plugin: Backend, place: Scalar) -> Backend:
    """The same plugin, with its exceptions turned into findings."""
    if isinstance(plugin, Provider):
        functions = {name: getattr(plugin, name) for name in plugin._fields if callable(getattr(plugin, name))}
        return plugin.but(**{name: _guard(function, place) for name, function in functions.items()})
    if isinstance(plugin, SystemTarget):
        return plugin.but(emit=_pieces(plugin.emit, place))
    finish = None if plugin.finish is None else _guard(plugin.finish, place)
    return plugin.but(emit=_pieces(plugin.emit, place), finish=finish)


def _guard(call: Callable[P, T], place: Scalar) -> Callable[P, T]:
    """The same function, with its exceptions turned into refusals at the line that names the plugin."""

    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            made = call(*args, **kwargs)
            return list(made) if isinstance(made, Iterator) else made  # type: ignore[return-value]
        except (Refusal, Unavailable):
            raise
        except (Exception, SystemExit) as error:
            raise Refusal(_broken(place, "failed", error)) from error

    return guarded


def _pieces(emit: Callable[P, Iterable[Piece]], place: Scalar) -> Callable[P, Iterable[Piece]]:
    """The same list of pieces, with each piece guarded as well."""
    listed = _guard(emit, place)
    return lambda *args, **kwargs: [_guard(piece, place) for piece in listed(*args, **kwargs)]


def _broken(place: Scalar, what: str, error: BaseException) -> Diagnostic:
    missing = isinstance(error, ModuleNotFoundError) and error.name == place.text.partition(":")[0].partition(".")[0]
    way = (
        "install the package that has the module (the working directory is not searched)"
        if missing
        else "install a version that works with this version of mlspec"
    )
    return finding(
        "MLS036",
        f"the plugin `{place.text}` {what}: {type(error).__name__}: {shown(str(error))}",
        place,
        note="the platform relies on what the plugin adds, so nothing is written without it",
        help=f"{way}, or remove the plugin from `platform.plugins`",
    )
