"""Where findings go: each format to a file or to where it always goes, several of them in one run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from ..compiler.record import Record
from .render import FORMATS, Format, named
from .write import replace

__all__ = ["Misplaced", "Output", "overwritten", "paired", "put"]

STANDARD = "-"
"""Standard output, by the name that everybody gives it."""


class Misplaced(ValueError):  # noqa: N818 - the request is wrong, not the program
    """Formats and files that do not fit together; the text says what to write instead."""


class Output(Record):
    """One format and where it goes."""

    form: Format = FORMATS[0]
    file: str | None = None
    """None for where the format goes when nothing is said."""

    @property
    def spoken(self) -> bool:
        """Whether it tells people of findings as they come, on standard error."""
        return self.file is None and not self.form.document

    @property
    def result(self) -> bool:
        """Whether it has standard output to itself."""
        return not self.spoken and self.path is None

    @property
    def path(self) -> str | None:
        """The file that is written, if it is one."""
        return None if self.file == STANDARD else self.file

    @property
    def place(self) -> str:
        """What no other output may be."""
        return self.path or ("standard error" if self.spoken else "standard output")


def paired(order: Iterable[str], formats: Sequence[str], files: Sequence[str]) -> tuple[Output, ...]:
    """The outputs that options ask for: each `--output` belongs to the `--format` before it.

    `order` names the options in the order in which they stand. Raises `Misplaced` for what no order can mean, and
    before anything is worked on for a file that cannot be written.
    """
    made: list[Output] = []
    names, places = iter(formats), iter(files)
    for option in order:
        if option == "formats":
            made.append(Output(form=named(next(names))))
        elif option == "outputs":
            file = next(places)
            if not made:
                raise Misplaced(f"--output {file} has no format: write --format NAME --output {file}")
            _refuse_place(file)
            last = made[-1]
            made[-1:] = [last.but(file=file)] if last.file is None else [last, last.but(file=file)]
    _refuse_shared(made)
    return tuple(made) or (Output(),)


def _refuse_place(file: str) -> None:
    folder = os.path.dirname(file) or os.curdir
    if os.path.isdir(file):
        raise Misplaced(f"--output {file} is a folder: name a file in it")
    if not os.path.isdir(folder):
        raise Misplaced(f"--output {file} lies in no folder that exists: make `{folder}`, or name another")


def _refuse_shared(made: list[Output]) -> None:
    taken: dict[str, Output] = {}
    for output in made:
        other = taken.setdefault(os.path.realpath(output.place), output)
        if other is not output:
            both = f"`{other.form.name}` and `{output.form.name}` would both go to {output.place}"
            raise Misplaced(f"{both}: give each an --output of its own")


def overwritten(outputs: Iterable[Output], paths: Iterable[str]) -> Iterator[str]:
    """The outputs that would replace one of some files."""
    files = {os.path.realpath(path) for path in paths}
    yield from (output.path for output in outputs if output.path and os.path.realpath(output.path) in files)


def put(file: str, text: str) -> None:
    """Write an output in one step. Devices, pipes and what `/dev/stdout` stands for are added to, never replaced.

    Halves of characters, which names of files may hold, are shown as escapes: UTF-8 has no bytes for them.
    """
    whole = text.encode("utf-8", "backslashreplace").decode()
    if os.path.abspath(file).startswith("/dev/") or (os.path.exists(file) and not os.path.isfile(file)):
        with open(file, "a", encoding="utf-8") as handle:
            handle.write(whole)
    else:
        replace(os.path.realpath(file), whole)
