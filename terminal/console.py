"""Output: results to standard output, everything else to standard error.

Everything that mlspec prints or reports passes here, so here it loses the characters that a terminal or a CI system
would obey.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from io import TextIOWrapper

from ..compiler.diagnostics import Diagnostic
from ..compiler.record import Record
from ..compiler.words import escaped
from .outputs import Output, overwritten, put
from .render import rendered
from .render.report import Report, Subject
from .workspace import repository

__all__ = ["Console"]


WIDTH = 116


class Console(Record):
    """How much mlspec prints, and in which formats."""

    outputs: tuple[Output, ...] = (Output(),)
    color: bool | None = None
    quiet: bool = False
    version: str = ""
    """The version of mlspec, for formats that name the tool."""

    @property
    def width(self) -> int:
        """The columns of the terminal that shows results, between 80 and 140; 116 for a file or another program."""
        if not sys.stdout.isatty():
            return WIDTH
        from shutil import get_terminal_size  # what writes to a file does not need it

        return min(140, max(80, get_terminal_size().columns))

    def result(self, content: str) -> None:
        """Print a result for people. What the encoding of the terminal lacks is escaped, as on standard error."""
        self._print(content)

    def document(self, content: str) -> None:
        """Print a result for programs. It is UTF-8, as in a file: its readers do not know the terminal's encoding."""
        self._print(content, encoding="utf-8")

    def _print(self, content: str, encoding: str | None = None) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")
        sys.stdout.write(escaped(content if content.endswith("\n") or not content else f"{content}\n"))

    def line(self, content: str) -> None:
        """A result that documents contain too. It goes to standard error if a document goes to standard output."""
        if any(output.result for output in self.outputs):
            self.complain(content)
        else:
            self.result(content)

    def say(self, content: str) -> None:
        """Print progress and notes, unless `--quiet` is set."""
        if not self.quiet:
            self.complain(content)

    def complain(self, content: str) -> None:
        """Print an error."""
        sys.stderr.write(escaped(f"{content}\n"))

    def would_replace(self, paths: Iterable[str]) -> bool:
        """Whether an output would overwrite an input file. Reports it."""
        files = list(overwritten(self.outputs, paths))
        for file in files:
            self.complain(f"error: --output {file} would overwrite the spec: choose another file")
        return bool(files)

    def tell(self, found: Iterable[Diagnostic]) -> None:
        """Print findings right away, in the formats for people."""
        report = Report(subjects=(Subject(name="", found=tuple(found)),), color=self._colored())
        for output in self.outputs:
            if output.spoken:
                sys.stderr.write(_colors_kept(rendered(output.form, report)))

    @property
    def reports(self) -> bool:
        """Whether an output repeats all findings at the end of a run."""
        return not all(output.spoken for output in self.outputs)

    def report(self, subjects: Iterable[Subject], status: int) -> int:
        """Write all findings to files and as a document, at the end of a run. Returns the exit status: 2 if writing
        fails.
        """
        if not self.reports:
            return status
        here = os.getcwd()
        report = Report(subjects=tuple(subjects), status=status, here=here, root=repository(here), version=self.version)
        for output in self.outputs:
            if output.path is not None and not self._written(output.path, escaped(rendered(output.form, report))):
                status = 2
        for output in self.outputs:
            if output.result:
                (self.document if output.form.document else self.result)(rendered(output.form, report))
        return status

    def _written(self, file: str, text: str) -> bool:
        try:
            put(file, text)
        except OSError as error:
            self.complain(f"error: --output {file} cannot be written: {error.strerror}")
            return False
        return True

    def _colored(self) -> bool:
        if self.color is not None:
            return self.color
        return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _colors_kept(text: str) -> str:
    """The same text without control characters other than colors. The renderer has removed those of the author."""
    return "".join(part if at % 2 else escaped(part) for at, part in enumerate(re.split(r"(\x1b\[[0-9;]*m)", text)))
