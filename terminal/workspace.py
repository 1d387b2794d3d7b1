"""Input: files, folders, patterns, and standard input become the sources of systems.

The platform file is next to a spec or in a folder above it, up to the root of the repository; the working directory
does not matter. `places` decides which one counts. Release files are in `releases/`, next to the spec.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..compiler.bind import check_as_written
from ..compiler.diagnostics import Diagnostic, SourceFile, Span
from ..compiler.inputs import Input
from ..compiler.layer import SAME_EVERYWHERE, Sources
from ..compiler.layer.merge import desugar
from ..compiler.read import MAX_BYTES, MAX_DEPTH, read
from ..compiler.record import Record
from ..compiler.tree import Mapping, Node, Scalar, Sequence, wrapped
from ..compiler.words import visible
from .places import PLATFORM, as_text, platforms, refused, repository
from .releases import FOLDER

__all__ = [
    "PLATFORM",
    "SPEC",
    "STDIN",
    "Options",
    "find",
    "load",
    "load_file",
    "load_text",
    "read_file",
    "read_version",
    "repository",
    "with_settings",
]

SPEC = "mlspec.yaml"
STDIN = "-"


class Options(Record):
    """The command-line options that add to the spec."""

    platform: str | None = None
    settings: tuple[str, ...] = ()


def find(arguments: Iterable[str]) -> tuple[list[str], list[Diagnostic]]:
    """The specs for the arguments, which are files, folders, patterns, or `-`."""
    paths: dict[str, None] = {}
    found: list[Diagnostic] = []
    for argument in arguments:
        matches = list(_matches(argument))
        if not matches:
            found.append(_unreadable(argument, *_why_none(argument)))
        paths.update(dict.fromkeys(matches))
    return list(paths), found


def _matches(argument: str) -> Iterator[str]:
    if argument == STDIN:
        yield STDIN
    elif os.path.isdir(argument):
        for entry in sorted(os.listdir(argument)):
            path = os.path.normpath(os.path.join(argument, entry))
            if (entry == SPEC or entry.endswith(".mlspec.yaml")) and not _makes_wait(path):
                yield path
    elif os.path.exists(argument):
        yield argument
    else:
        import glob

        if glob.has_magic(argument):
            yield from sorted(path for path in glob.glob(argument, recursive=True) if os.path.isfile(path))


def _why_none(argument: str) -> tuple[str, str]:
    if os.path.isdir(argument):
        return "the folder contains no spec", f"name a folder with a `{SPEC}`, or create one there with `mlspec init`"
    import glob

    if glob.has_magic(argument):
        return "no file matches the pattern", "quote the pattern, or check the folder"
    return "the file does not exist", "name a spec, or a folder that contains one"


def load(path: str, options: Options) -> Input:
    """Read a spec and everything that belongs to it; `-` is standard input."""
    if path == STDIN:
        return _load(None, SPEC, _decoded("standard input", sys.stdin.buffer.read(MAX_BYTES + 1)), options)
    return load_file(path, options)


def load_file(path: str, options: Options) -> Input:
    """Read a spec from a file, whatever its name, and everything that belongs to it."""
    return _load(Path(path), path, _text(path), options)


def load_text(text: str, path: str | None, options: Options) -> Input:
    """Use a text as the spec at a path, with the platform file and the releases that belong to the path. Without a
    path, nothing is read from disk.
    """
    shown = path if path is not None else SPEC
    data = text.encode("utf-8", "surrogatepass")  # decoding then rejects half a surrogate pair
    return _load(Path(path) if path is not None else None, shown, _decoded(shown, data), options)


def with_settings(input_: Input, settings: Iterable[str]) -> Input:
    """The same system with additional settings, which override the ones that it was read with."""
    trees, found = _settings(settings)
    sources = input_.sources
    if sources is not None:
        sources = sources.but(settings=(*sources.settings, *trees))
    return input_.but(sources=sources, found=(*input_.found, *found))


def _load(path: Path | None, shown: str, text: str | Diagnostic, options: Options) -> Input:
    found: list[Diagnostic] = []
    shown = as_text(shown)
    name = as_text(path.name) if path is not None else SPEC
    spec = _tree(shown, text, "MLSystem", found)
    folder = path.parent if path is not None else Path()
    paths = _platforms(folder if path is not None else None, options)
    text_of = _text if options.platform is not None else _found_text
    read_in_order = [(one, _tree(one, text_of(one), "PlatformFile", found)) for one in paths]
    platform = read_in_order[0][1] if paths else None
    nearer = tuple(tree for _, tree in read_in_order[1:] if tree is not None)
    releases = _releases(folder if path is not None else None, found)
    written = [("MLSystem", spec), *(("PlatformFile", tree) for _, tree in read_in_order)]
    written += [("ReleaseFile", tree) for tree in releases.values()]
    sources = None
    if spec is not None:
        sources = Sources(spec=spec, platform=platform, nearer=nearer, releases=releases)
    input_ = Input(
        path=path,
        name=name,
        shown=shown,
        sources=sources,
        platform=paths[0] if paths else None,
        nearer=tuple(paths[1:]),
        written=tuple((type_, tree) for type_, tree in written if tree is not None),
        found=tuple(found),
    )
    return with_settings(input_, options.settings)


def read_file(path: str) -> tuple[Mapping | None, list[Diagnostic]]:
    """Read one file by itself, as it was written."""
    text = _text(path)
    return (None, [text]) if isinstance(text, Diagnostic) else read(SourceFile(path, text))


def read_version(path: str) -> tuple[Mapping | None, list[Diagnostic]]:
    """Read a file that describes one version of a model, and report its problems."""
    tree, wrong = read_file(path)
    return tree, [*wrong, *(check_as_written(tree, "Version") if tree is not None else ())]


def _tree(shown: str, text: str | Diagnostic, type_name: str, found: list[Diagnostic]) -> Mapping | None:
    if isinstance(text, Diagnostic):
        found.append(text)
        return None
    tree, wrong = read(SourceFile(shown, text))
    found += wrong
    if tree is None:
        return None
    tree, twice = desugar(tree, type_name)
    found += twice
    return tree


def _platforms(folder: Path | None, options: Options) -> list[str]:
    """The platform files that count, outermost first."""
    if options.platform is not None:
        return [options.platform]
    return platforms(folder) if folder is not None else []


def _releases(folder: Path | None, found: list[Diagnostic]) -> dict[str, Mapping]:
    if folder is None or not (folder / FOLDER).is_dir():
        return {}
    trees = {}
    try:
        names = sorted(os.listdir(folder / FOLDER))
    except OSError as error:
        names = []
        help_ = "check its permissions"
        found.append(_unreadable(str(folder / FOLDER), f"the folder cannot be read: {error.strerror}", help_))
    for name in names:
        file = str(folder / FOLDER / name)
        tree = _tree(file, _found_text(file), "ReleaseFile", found) if name.endswith(".yaml") else None
        if tree is not None:
            trees[name.removesuffix(".yaml")] = tree
    return trees


def _found_text(path: str) -> str | Diagnostic:
    """The text of a file that mlspec found by itself."""
    if _makes_wait(path):
        return _unreadable(path, "this is not a file, but a folder, a pipe, or a device", "move it away")
    return _text(path)


def _makes_wait(path: str) -> bool:
    """Whether a path that no one named is a pipe or a device, which could make mlspec wait forever."""
    return os.path.exists(path) and not os.path.isfile(path)


def _text(path: str) -> str | Diagnostic:
    why = refused(path)
    if why is not None:
        return _unreadable(path, *why)
    try:
        with open(path, "rb") as file:
            return _decoded(path, file.read(MAX_BYTES + 1))
    except OSError as error:
        return _unreadable(path, f"the file cannot be read: {error.strerror}", "check its name and its permissions")


def _decoded(shown: str, data: bytes) -> str | Diagnostic:
    if len(data) > MAX_BYTES:
        return _unreadable(shown, f"the file is larger than {MAX_BYTES // 2**20} MiB", "split it into several systems")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start)
        return _unreadable(
            shown, f"the file is not UTF-8: byte {data[error.start]:#04x} in line {line + 1}", "save it as UTF-8"
        )


def _unreadable(shown: str, message: str, help_: str) -> Diagnostic:
    file = SourceFile(visible(shown), "")
    return Diagnostic(id="MLS002", severity="error", message=message, span=Span(file, 0, 0, 0, 0), help=help_)


def _settings(arguments: Iterable[str]) -> tuple[list[Mapping], list[Diagnostic]]:
    trees: list[Mapping] = []
    found: list[Diagnostic] = []
    for argument in arguments:
        tree, wrong = _setting(argument)
        found += wrong
        trees += [tree] if tree is not None else []
    return trees, found


def _setting(argument: str) -> tuple[Mapping | None, list[Diagnostic]]:
    """Read one `--set path.to.field=value` into its own tree."""
    file = SourceFile("--set", argument)
    path, equals, value = argument.partition("=")
    steps = path.split(".")
    if len(steps) > MAX_DEPTH:
        deep = f"a path has at most {MAX_DEPTH} steps"
        return None, [_wrong_setting(file, len(path), deep, "name a value of the spec")]
    if not equals or not all(steps):
        help_ = "write it as in --set constraints.throughput.peak=2000/s"
        return None, [_wrong_setting(file, len(argument), "a setting needs a path, `=`, and a value", help_)]
    if path in SAME_EVERYWHERE:
        return None, [_wrong_setting(file, len(path), f"`{path}` cannot be set for one run", "change it in the spec")]
    tree, found = read(SourceFile("--set", f"value: {value}"))
    if tree is None or "value" not in tree.entries:
        return None, [d.but(span=Span(file, 0, len(path) + 1, 0, len(argument))) for d in found]
    node = _moved(tree.entries["value"], file, len(path) + 1 - len("value: "))
    for step in reversed(steps):
        start = argument.find(step)
        node = wrapped(step, node, node, Scalar((file, 0, start, 0, start + len(step)), step, True))
    assert isinstance(node, Mapping)
    return node, found


def _wrong_setting(file: SourceFile, length: int, message: str, help_: str) -> Diagnostic:
    span = Span(file, 0, 0, 0, length)
    return Diagnostic(id="MLS002", severity="error", message=message, span=span, help=help_)


def _moved(node: Node, file: SourceFile, by: int) -> Node:
    """The same node in another file, `by` columns farther right."""
    at = (file, 0, node.column + by, 0, node.end_column + by)
    if isinstance(node, Scalar):
        return Scalar(at, node.text, node.plain)
    if isinstance(node, Sequence):
        return Sequence(at, [_moved(item, file, by) for item in node.items])
    assert isinstance(node, Mapping)
    keys = {
        key: scalar
        for key, scalar in ((k, _moved(s, file, by)) for k, s in node.keys.items())
        if isinstance(scalar, Scalar)
    }
    return Mapping(at, keys, {key: _moved(child, file, by) for key, child in node.entries.items()})
