"""The rim on the way out: results to standard output, everything else to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ..compiler.diagnostics import Diagnostic
from ..compiler.record import Record
from .render import concise, json, text

__all__ = ["Console"]


class Console(Record):
    """How much is said, and in which form."""

    format: str = "text"
    colour: bool | None = None
    quiet: bool = False

    def result(self, content: str) -> None:
        """What the command was asked for."""
        sys.stdout.write(content if content.endswith("\n") or not content else f"{content}\n")

    def say(self, content: str) -> None:
        """What people like to know while it works."""
        if not self.quiet:
            sys.stderr.write(f"{content}\n")

    def complain(self, content: str) -> None:
        """What people must know."""
        sys.stderr.write(f"{content}\n")

    def diagnostics(self, found: Sequence[Diagnostic]) -> None:
        """All findings: JSON is a result, everything else is said."""
        if self.format == "json":
            self.result(json.render(found))
        elif self.format == "concise":
            sys.stderr.write(concise.render(found))
        elif found:
            sys.stderr.write(text.render(found, colour=self._coloured()) + "\n")

    def _coloured(self) -> bool:
        if self.colour is not None:
            return self.colour
        return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
