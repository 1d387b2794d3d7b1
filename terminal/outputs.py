"""The destinations of findings: each format goes to its standard stream or to a file, several in one run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from ..compiler.record import Record
from .render import FORMATS, Format, named

__all__ = ["Misplaced", "Output", "overwritten", "paired", "put"]

STANDARD = "-"
"""The conventional name of standard output."""


class Misplaced(ValueError):  # noqa: N818 - a wrong request, not a failure of the program
    """Formats and files that do not fit together. The text states what to write instead."""


class Output(Record):
    """One format and its destination."""

    form: Format = FORMATS[0]
    file: str | None = None
    """None for the default stream of the format."""

    @property
    def spoken(self) -> bool:
        """Whether it prints findings on standard error as mlspec finds them."""
        return self.file is None and not self.form.document

    @property
    def result(self) -> bool:
        """Whether it is alone on standard output."""
        return not self.spoken and self.path is None

    @property
    def path(self) -> str | None:
        """The file to write, unless it is a stream."""
        return None if self.file == STANDARD else self.file

    @property
    def place(self) -> str:
        """The destination, which no other output may share."""
        return self.path or ("standard error" if self.spoken else "standard output")


def paired(order: Iterable[str], formats: Sequence[str], files: Sequence[str]) -> tuple[Output, ...]:
    """The outputs that the options request. Each `--output` applies to the `--format` before it.

    `order` lists the options in their order on the command line. Raises `Misplaced` for an invalid combination, and for
    a file that mlspec cannot write, before any other work.
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
        raise Misplaced(f"--output {file} is a folder: add the name of a file")
    if not os.path.isdir(folder):
        raise Misplaced(f"--output {file}: the folder `{folder}` does not exist: create it, or choose another")


def _refuse_shared(made: list[Output]) -> None:
    taken: dict[str, Output] = {}
    for output in made:
        other = taken.setdefault(os.path.realpath(output.place), output)
        if other is not output:
            both = f"`{other.form.name}` and `{output.form.name}` would both go to {output.place}"
            raise Misplaced(f"{both}: give each its own --output")


def overwritten(outputs: Iterable[Output], paths: Iterable[str]) -> Iterator[str]:
    """The outputs that would overwrite one of these files."""
    files = {os.path.realpath(path) for path in paths}
    yield from (output.path for output in outputs if output.path and os.path.realpath(output.path) in files)


def put(file: str, text: str) -> None:
    """Write a file in one step. Append to devices, pipes, and everything under `/dev`, and never replace them.

    Write lone surrogates, which file names can contain, as escapes: UTF-8 cannot encode them.
    """
    whole = text.encode("utf-8", "backslashreplace")
    if os.path.abspath(file).startswith("/dev/") or (os.path.exists(file) and not os.path.isfile(file)):
        with open(file, "ab") as handle:
            handle.write(whole)
    else:
        from .disk import replace  # rarely needed, so imported late

        replace(os.path.realpath(file), whole)
