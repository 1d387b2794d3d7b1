"""All rows of the table, in their order."""

from __future__ import annotations

from . import benchmarks, commands, emptied, evaluations, gates, indexes, injected, mutated, races

__all__ = ["ROWS"]

ROWS = {
    row.name: row
    for module in (mutated, injected, emptied, gates, evaluations, benchmarks, indexes, commands, races)
    for row in module.ROWS
}
