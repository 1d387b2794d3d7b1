"""`make attack`, or `python -m tests.attack`: attack everything that mlspec reads, and print what happened.

Every attempt follows from its row, its number, and `--seed`, so that `--row NAME --number N` repeats one. What is left
of a bad attempt, its files and the reason, stays in the folder that the last line names.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click

from .outcome import BAD, Outcome
from .rows import ROWS
from .workers import attempts, name_of

HEAD = ("row", "tried", "accepted", "refused", *(f"{kind}" for kind in BAD), "slowest")
FORMAT = "{:18}" + "{:>10}" * (len(HEAD) - 1)


@click.command()
@click.option("--scale", default=1.0, help="Make this share of the attempts, or so many times as many.")
@click.option("--seed", default=1, help="Where chance starts from.")
@click.option(
    "--row", "names", multiple=True, type=click.Choice(list(ROWS)), help="Make only the attempts of this row."
)
@click.option("--number", type=int, help="Make only this attempt, and keep its folder.")
@click.option("--jobs", default=os.cpu_count() or 1, help="How many workers make attempts at once.")
def main(scale: float, seed: int, names: tuple[str, ...], number: int | None, jobs: int) -> None:
    """Attack everything that mlspec reads."""
    folder = Path(tempfile.mkdtemp(prefix="mlspec-attack-"))
    rows = [ROWS[name] for name in names or ROWS]
    click.echo(FORMAT.format(*HEAD))
    bad: list[Outcome] = []
    total: list[Outcome] = []
    for row in rows:
        numbers = range(max(1, round(row.times * scale))) if number is None else [number]
        outcomes = list(attempts([(row, one) for one in numbers], seed, folder, jobs))
        click.echo(line(row.name, outcomes))
        bad += [one for one in outcomes if one.kind in BAD]
        total += outcomes
    click.echo(line("all", total))
    if not bad:
        shutil.rmtree(folder)
        return
    for one in bad:
        again = f"python -m tests.attack --seed {seed} --row '{one.row}' --number {one.number}"
        why = one.why.strip().splitlines() or [""]
        click.echo(f"{one.kind}: {folder / name_of(ROWS[one.row], one.number)}: {why[-1][:200]}\n  {again}")
    sys.exit(1)


def line(name: str, outcomes: Iterable[Outcome]) -> str:
    """One row of the table."""
    outcomes = list(outcomes)
    kinds = Counter(one.kind for one in outcomes)
    slowest = max((one.seconds for one in outcomes), default=0.0)
    counts = (kinds[kind] for kind in ("accepted", "refused", *BAD))
    return FORMAT.format(name, len(outcomes), *counts, f"{slowest:.2f} s")


if __name__ == "__main__":
    main()
