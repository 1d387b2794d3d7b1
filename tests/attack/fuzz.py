"""Coverage-guided fuzzing: `make fuzz`, or `python -m tests.attack.fuzz TARGET [SECONDS]` with atheris installed.

atheris changes input at random, and keeps what reaches new code. It starts from the specs, patches, and metrics of the
examples and of the corpus. An input that raises an exception ends the run, and is written to `crash-*` in the folder of
the target, next to the inputs that were kept; `python -m tests.attack.targets TARGET FILE` repeats it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["mlspec"]):
    from .targets import LARGEST, TARGETS, seeds, words

__all__ = ["main"]

USAGE = f"usage: python -m tests.attack.fuzz {'|'.join(TARGETS)} [SECONDS] [FOLDER]"
LIMITS = (f"-max_len={LARGEST}", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1")
"""Of one input: bytes, seconds, and memory."""


def main(arguments: list[str]) -> int:
    """Fuzz one target. libFuzzer ends the process."""
    if not arguments or arguments[0] not in TARGETS:
        sys.stderr.write(f"{USAGE}\n")
        return 2
    name, seconds = arguments[0], arguments[1] if len(arguments) > 1 else "60"
    folder = Path(arguments[2] if len(arguments) > 2 else tempfile.mkdtemp(prefix="mlspec-fuzz-")) / name
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "kept"
    kept.mkdir(exist_ok=True)
    for number, content in enumerate(seeds(name)):
        (kept / f"seed-{number}").write_bytes(content)
    (folder / "words").write_text("".join(f'"{word}"\n' for word in words()))
    options = [f"-max_total_time={seconds}", *LIMITS, f"-dict={folder / 'words'}", f"-artifact_prefix={folder}/"]
    atheris.Setup([name, *options, str(kept)], TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
