"""What was really run, for the terminal and for docs/proof.md."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["HEAD", "Proof"]

HEAD = """# Proof

Written by `make proof`: what ran on the proving ground the last time, and what was seen. The objects are those that
mlspec writes; the API server, the controllers, and Prometheus are real. Nodes, pods, and traffic are played: a pod
answers what its server would answer for the command and the ports in its manifest, and a gateway divides the requests
as the live route says. The servers under "Servers" are real, too: each runs in Linux namespaces, as its pod says. The
pages under "Pages" are drawn by a real browser. See [tests/cluster](../tests/cluster).
"""


@dataclass
class Proof:
    """The rows of each table, by title, with the columns first."""

    tables: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)

    def row(self, title: str, columns: tuple[str, ...], *cells: object) -> None:
        """Add a row to a table; the first one of a title defines its columns."""
        self.tables.setdefault(title, [columns]).append(tuple(map(str, cells)))

    def markdown(self) -> str:
        """The page."""
        parts = [HEAD]
        for title, (columns, *rows) in self.tables.items():
            lines = [_line(columns), _line(("---",) * len(columns)), *(_line(row) for row in rows)]
            parts.append(f"## {title}\n\n" + "\n".join(lines) + "\n")
        return "\n".join(parts)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
