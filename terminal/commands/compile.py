"""`mlspec compile`: compile specs to Kubernetes manifests."""

from __future__ import annotations

import os
from pathlib import Path

from ...compiler.errors import UnmanagedFileError
from ...compiler.pipeline import Compiled
from ..console import Console
from ..owned import written_from
from ..releases import alone
from ..write import Written, changes, write
from .applied import say_where_applied
from .outcome import Outcome, made, whole
from .request import Request
from .systems import OWN_FOLDERS, Systems

__all__ = ["compile_", "written"]

_Printed = dict[tuple[str, str, str, str], tuple[str, str]]
"""Maps the group, kind, namespace, and name of an object to its system and its cluster."""


def compile_(request: Request, *, dry_run: bool = False, stdout: bool = False) -> int:
    """Write the bundles of all systems without errors."""
    systems, console = Systems(request, whole if stdout else made), request.console
    worst, platforms, printed = 0, set[str | None](), _Printed()
    for system in systems:
        if system.platform not in platforms:
            platforms.add(system.platform)
            _say_platform(system.platform, console)
        folder = systems.folder(system) if system.name is not None else None
        if system.failed or folder is None:
            continue
        if system.compiled is not None:
            worst = max(worst, _print(system.compiled, printed, console))
        elif system.unchanged is not None:
            console.result(_report(folder, Written(changes=(), unchanged=system.unchanged), dry_run=dry_run))
            say_where_applied(system, folder, console)
        elif dry_run:
            worst = max(worst, written(system, folder, console, dry_run=True))
        else:
            worst = max(worst, _written(systems, system, folder, console))
    return max(worst, systems.status)


def _written(systems: Systems, system: Outcome, folder: Path, console: Console) -> int:
    """Write one system as its release files are now, while no other command can change them."""
    try:
        with alone(system.folder, folder):
            now = systems.current(system)
            if now.failed:
                return now.status
            status = written(now, folder, console, dry_run=False)
    except OSError as error:
        console.complain(f"error: {error.filename or folder} cannot be written: {error.strerror}")
        return 2
    if status == 0:
        systems.wrote(now, folder)
    return status


def _say_platform(platform: str | None, console: Console) -> None:
    console.say(f"platform: {platform or 'built-in defaults (no mlspec.platform.yaml next to the spec or above it)'}")


def _print(system: Compiled, printed: _Printed, console: Console) -> int:
    """Print the objects of a system, unless one of them would replace another in a cluster that gets all of them."""
    for claims in system.claims:
        here = f"`{claims.system}` in `{claims.environment}`"
        for one in claims.objects:
            other, cluster = printed.setdefault((one.group, one.kind, one.namespace, one.name), (here, one.cluster))
            if cluster != one.cluster:
                console.complain(
                    f"error: {other} and {here} both have the {one.kind} `{one.name}` in the namespace "
                    f"`{one.namespace}`, in clusters of their own: a cluster that gets this stream keeps only one of "
                    "them, so print the environments of one cluster, with --env"
                )
                return 2
    console.document(_stream(system))
    return 0


def _stream(system: Compiled) -> str:
    """All objects as one multi-document stream, for `kubectl apply -f -`."""
    files = [file for bundle in system.bundles for file in bundle.files() if file.artifact.sent is not None]
    return "".join(f"---\n{file.text}" for file in files)


def written(system: Outcome, folder: Path, console: Console, *, dry_run: bool) -> int:
    """Write one system, and print what changed."""
    other = _other_spec(system, folder)
    if other is not None:
        console.complain(f"error: {folder} has the output of {other}, another spec in the same folder: {OWN_FOLDERS}")
        return 1
    try:
        written = (changes if dry_run else write)(folder, system.files, system.kept)
    except UnmanagedFileError as error:
        console.complain(f"error: {error}")
        return 1
    except OSError as error:
        console.complain(f"error: {error.filename or folder} cannot be written: {error.strerror}")
        return 2
    console.result(_report(folder, written, dry_run=dry_run))
    say_where_applied(system, folder, console)
    if not written.atomic:
        console.say(
            f"note: {folder} was written file by file, because its file system cannot swap folders; "
            "run `mlspec check` to verify that it is complete"
        )
    return 0


def _other_spec(system: Outcome, folder: Path) -> str | None:
    """The spec that the folder was compiled from, if it is another one that still exists."""
    names = (written_from(str(folder), one.environment) for one in system.files)
    others = (name for name in names if name is not None and name != system.spec)
    return next((name for name in others if os.path.basename(name) == name and (system.folder / name).is_file()), None)


def _report(folder: Path, written: Written, *, dry_run: bool) -> str:
    if not written.changes:
        return f"{folder}: {written.unchanged} files, no changes"
    verb = "would change" if dry_run else "wrote"
    files = "file" if len(written.changes) == 1 else "files"
    lines = [f"{folder}: {verb} {len(written.changes)} {files}, {written.unchanged} unchanged"]
    signs = {"added": "+", "changed": "~", "removed": "-"}
    lines += [f"  {signs[change.kind]} {change.path}" for change in written.changes]
    return "\n".join(lines)
