"""`mlspec runtime checkpoint`: the newest checkpoint, as a candidate of a training run.

It exits with 0 if it has copied one, 42 if there is none yet, and 1 for input that cannot be read or a store that is
away. The folder appears whole, or not at all.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from ..conditions import Unreadable
from ..lines import say
from ..measure.measured import read_json

__all__ = ["fetch"]

DONE, UNREADABLE, NO = 0, 1, 42


def fetch(config: str, out: str) -> int:
    """Copy it, and return the exit status."""
    target = Path(out)
    part = target.with_name(f".{target.name}.part")
    try:
        found = _copied(config, part)
        if found is not None:
            shutil.rmtree(target, ignore_errors=True)
            part.rename(target)
    except (Unreadable, OSError, ValueError) as wrong:
        say(sys.stderr, f"mlspec runtime checkpoint: {wrong}")
        return UNREADABLE
    finally:
        shutil.rmtree(part, ignore_errors=True)
    say(sys.stdout, f"checkpoint {found}" if found is not None else "there is no checkpoint on top of the live version")
    return DONE if found is not None else NO


def _copied(config: str, part: Path) -> int | None:
    from .checkpoints import Store
    from .settings import settings_of

    given = read_json(Path(config))
    if not isinstance(given, dict):
        raise Unreadable(f"{config} is not a mapping")
    settings = settings_of(given)
    store = Store(settings.to, settings.version)
    newest = store.newest()
    if newest is None:
        return None
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    store.fetch(newest, part)
    return newest.end
