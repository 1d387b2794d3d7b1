"""Input: files, folders, patterns, and standard input become the sources of systems.

`texts` reads the files, and this module parses them. The platform file is next to a spec or in a folder above it, up to
the root of the repository; the working directory does not matter. `places` decides which one counts. Release files are
in `releases/`, next to the spec.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..compiler.bind import another, check_as_written
from ..compiler.diagnostics import Diagnostic, SourceFile, Span
from ..compiler.errors import CalibrationError
from ..compiler.inputs import Input
from ..compiler.layer import SAME_EVERYWHERE, Sources
from ..compiler.layer.merge import desugar
from ..compiler.layer.named import item_of_list
from ..compiler.limits import FILE
from ..compiler.read import MAX_DEPTH, STARTER, read
from ..compiler.record import Record
from ..compiler.tree import Mapping, Node, Scalar, Sequence, wrapped
from ..compiler.words import shown
from .places import PLATFORM, repository
from .texts import SPEC, STDIN, Text, Texts, gathered, given, makes_wait, piped, text_of, unreadable

if TYPE_CHECKING:
    from ..compiler.answer.calibration.benchmark import Benchmark
    from ..compiler.evaluation.metrics_file import Facts

__all__ = [
    "PLATFORM",
    "SPEC",
    "STDIN",
    "Options",
    "find",
    "load",
    "load_file",
    "load_text",
    "parsed",
    "read_benchmark",
    "read_file",
    "read_metrics",
    "read_version",
    "repository",
    "with_settings",
]


ANY_SPEC = f"**/*{SPEC}"
"""The pattern of all specs in and below a folder."""

MOST_FOLDERS = 1000
"""The number of folders in which a message looks for specs."""


class Options(Record):
    """The command-line options that add to the spec."""

    platform: str | None = None
    settings: tuple[str, ...] = ()
    stdin_name: str | None = None
    """The path that the text of standard input belongs to; by default, it stands alone."""


def find(arguments: Iterable[str]) -> tuple[list[str], list[Diagnostic]]:
    """The specs for the arguments, which are files, folders, patterns, or `-`. Each is there once, however often and
    however written it is named. A link to a file in another folder is another spec: its platform file may be another.
    """
    paths: dict[tuple[str, str], str] = {}
    found: list[Diagnostic] = []
    for argument in arguments:
        matches = list(_matches(argument))
        if not matches:
            found.append(unreadable(argument, *_why_none(argument)))
        for path in matches:
            folder, name = os.path.split(path)
            paths.setdefault((os.path.realpath(folder), name), path)
    return list(paths.values()), found


def _matches(argument: str) -> Iterator[str]:
    if argument == STDIN:
        yield STDIN
    elif os.path.isdir(argument):
        for entry in sorted(os.listdir(argument)):
            path = os.path.normpath(os.path.join(argument, entry))
            if (entry == SPEC or entry.endswith(".mlspec.yaml")) and not makes_wait(path):
                yield path
    elif os.path.exists(argument):
        yield argument
    else:
        import glob

        if glob.has_magic(argument):
            yield from sorted(path for path in glob.glob(argument, recursive=True) if os.path.isfile(path))


def _why_none(argument: str) -> tuple[str, str]:
    if os.path.isdir(argument):
        if _has_below(argument):
            pattern = os.path.normpath(os.path.join(argument, ANY_SPEC))
            return (
                "the folder contains no spec, but folders below it do",
                f"name one of those, or all with `'{pattern}'`",
            )
        return "the folder contains no spec", f"name a folder with a `{SPEC}`, or create one there with `mlspec init`"
    import glob

    if glob.has_magic(argument):
        return "no file matches the pattern", "quote the pattern, or check the folder"
    return "the file does not exist", "name a spec, or a folder that contains one"


def _has_below(folder: str) -> bool:
    """Whether a folder below this one has a spec, as far as a short look shows."""
    for number, (inside, folders, files) in zip(range(MOST_FOLDERS), os.walk(folder), strict=False):
        named = (os.path.join(inside, name) for name in files if name == SPEC or name.endswith(f".{SPEC}"))
        if number > 0 and any(map(os.path.isfile, named)):
            return True
        folders[:] = [name for name in folders if not name.startswith(".")]
    return False


def load(path: str, options: Options) -> Input:
    """Read a spec and everything that belongs to it; `-` is standard input."""
    if path == STDIN:
        return parsed(piped(options.stdin_name, options.platform), options)
    return load_file(path, options)


def load_file(path: str, options: Options) -> Input:
    """Read a spec from a file, whatever its name, and everything that belongs to it."""
    return parsed(gathered(path, options.platform), options)


def load_text(text: str, path: str | None, options: Options) -> Input:
    """Use a text as the spec at a path, with the platform file and the releases that belong to the path. Without a
    path, nothing is read from disk.
    """
    return parsed(given(text, path, options.platform), options)


def with_settings(input_: Input, settings: Iterable[str]) -> Input:
    """The same system with additional settings, which override the ones that it was read with."""
    trees, found = _settings(settings)
    sources = input_.sources
    if sources is not None:
        sources = sources.but(settings=(*sources.settings, *trees))
    return input_.but(sources=sources, found=(*input_.found, *found))


def parsed(texts: Texts, options: Options) -> Input:
    """The trees of a system's files. Asks no file system."""
    found: list[Diagnostic] = []
    spec = _tree(texts.spec, "MLSystem", found)
    read_in_order = [_tree(one, "PlatformFile", found) for one in texts.platforms]
    platform = read_in_order[0] if read_in_order else None
    nearer = tuple(tree for tree in read_in_order[1:] if tree is not None)
    found += texts.found
    read_by_name = ((name, _tree(text, "ReleaseFile", found)) for name, text in texts.releases)
    releases = {name: tree for name, tree in read_by_name if tree is not None}
    written = [("MLSystem", spec), *(("PlatformFile", tree) for tree in read_in_order)]
    written += [("ReleaseFile", tree) for tree in releases.values()]
    sources = None
    if spec is not None:
        sources = Sources(spec=spec, platform=platform, nearer=nearer, releases=releases)
    paths = [one.shown for one in texts.platforms]
    input_ = Input(
        path=texts.path,
        name=texts.name,
        shown=texts.spec.shown,
        sources=sources,
        platform=paths[0] if paths else None,
        nearer=tuple(paths[1:]),
        written=tuple((type_, tree) for type_, tree in written if tree is not None),
        found=tuple(found),
    )
    return with_settings(input_, options.settings)


def read_file(path: str) -> tuple[Mapping | None, list[Diagnostic]]:
    """Read one file by itself, as it was written."""
    text = text_of(path).text
    return (None, [text]) if isinstance(text, Diagnostic) else read(SourceFile(path, text))


def read_version(path: str, model: str | None = None) -> tuple[Mapping | None, list[Diagnostic]]:
    """Read a file that describes one version of a model, and report its problems."""
    tree, wrong = read_file(path)
    if tree is None:
        return None, wrong
    from ..compiler.answer.release import version_in  # only promotion needs it, so imported late

    version = version_in(tree, model)
    return version, [*wrong, *check_as_written(version, "Version")]


def read_benchmark(path: str) -> Benchmark:
    """Read the result of a benchmark. Raises CalibrationError."""
    from ..compiler.answer.calibration.benchmark import HOW, benchmark  # only calibration needs it, so imported late

    text = text_of(path).text
    try:
        if isinstance(text, Diagnostic):
            large = os.path.isfile(path) and os.path.getsize(path) > FILE.most
            help_ = f"leave out `--save-detailed`, and {HOW}" if large else text.help
            raise CalibrationError(text.message, help_, usage=True)
        return benchmark(path, text)
    except CalibrationError as why:
        raise CalibrationError(f"{path}: {why}", why.help, usage=why.usage) from None


def read_metrics(path: str, facts: Facts) -> tuple[dict[str, Any] | None, list[Diagnostic]]:
    """Read a metrics file of a system, and report its problems."""
    from ..compiler.evaluation.metrics_file import metrics_file  # only evaluation needs it, so imported late

    text = text_of(path).text
    if isinstance(text, Diagnostic):
        large = os.path.isfile(path) and os.path.getsize(path) > FILE.most
        return None, [text.but(help="leave out `errors` and `seconds`, or combine rare values") if large else text]
    return metrics_file(SourceFile(path, text), facts)


_START = {
    "PlatformFile": "run `mlspec init --template platform` to get a platform file to start with, or delete the file",
    "ReleaseFile": "run `mlspec promote`, which writes the file, or delete it",
}
"""What to do about an empty file that is no spec."""


def _tree(text: Text, type_name: str, found: list[Diagnostic]) -> Mapping | None:
    if isinstance(text.text, Diagnostic):
        found.append(text.text)
        return None
    tree, wrong = read(SourceFile(text.shown, text.text), _START.get(type_name, STARTER))
    found += wrong
    if tree is None:
        return None
    stranger = another(tree, type_name)
    if stranger is not None:
        found.append(stranger)
        return None
    tree, twice = desugar(tree, type_name)
    found += twice
    return tree


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
    listed = item_of_list(tuple(steps))
    if listed is not None:
        return None, [_one_item(file, steps, listed)]
    tree, found = read(SourceFile("--set", f"value: {value}"))
    if tree is None or "value" not in tree.entries:
        return None, [d.but(span=Span(file, 0, len(path) + 1, 0, len(argument))) for d in found]
    node = _moved(tree.entries["value"], file, len(path) + 1 - len("value: "))
    end = len(path)
    for step in reversed(steps):
        start = end - len(step)
        end = start - 1  # of the step before the dot
        node = wrapped(step, node, node, Scalar((file, 0, start, 0, start + len(step)), step, True))
    assert isinstance(node, Mapping)
    return node, found


def _one_item(file: SourceFile, steps: list[str], at: int) -> Diagnostic:
    """A setting of an item of a list, by its number. The spec can change, and the number then names another item."""
    path, start = ".".join(steps[:at]), sum(len(step) + 1 for step in steps[:at])
    return Diagnostic(
        id="MLS002",
        severity="error",
        message="`--set` cannot change one item of a list",
        span=Span(file, 0, start, 0, start + len(steps[at])),
        label=f"an item of `{shown(path)}`",
        note="lists have no stable numbers: an item that is added to the spec would silently move the setting",
        help=f"set all of `{shown(path)}`, as in --set '{shown(path)}=[...]'",
    )


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
