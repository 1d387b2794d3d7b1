"""The `train` step of a fine-tuning by configuration: starts TRL, and describes the model that it wrote.

It runs in the training image, which has TRL and need not have mlspec. So this file travels next to the configuration,
and uses only the standard library. The arguments are the command that starts TRL.

Exit statuses: that of TRL; 1 if it wrote no model or if a signal ended it; 2 without arguments or outside of a job.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

__all__ = ["main"]

MODEL, CACHE = "model", "hub"
"""Folders in the output of the step: the model, and what was downloaded, which is deleted after a success."""

ENDINGS = (".safetensors", ".bin")


def main(words: list[str]) -> int:
    """Run a command, and write `model.json` on the first node; the exit status."""
    given, inputs = os.environ.get("MLSPEC_OUTPUT"), os.environ.get("MLSPEC_INPUT")
    if not words or not given or not inputs:
        _say("wrong usage: it needs a command, and the variables of the training contract")
        return 2
    output = Path(given)
    try:
        status = _run(words)
        if status != 0 or os.environ.get("PET_NODE_RANK", "0") != "0":
            return status
        if not any(one.suffix in ENDINGS for one in (output / MODEL).glob("*")):
            _say(f"TRL ended without a model in {output / MODEL}")
            return 1
        _write(output / "model.json", _described(Path(inputs) / "validate" / "data.json"))
    except (OSError, ValueError) as wrong:
        _say(str(wrong))
        return 1
    shutil.rmtree(output / CACHE, ignore_errors=True)
    return 0


def _run(words: list[str]) -> int:
    """The exit status of a command. The first process of a container has to pass on signals itself."""
    process = subprocess.Popen(words)

    def stop(number: int, _: FrameType | None) -> None:
        process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    status = process.wait()
    return status if status >= 0 else 1


def _described(data: Path) -> dict[str, object]:
    """What the gate reads about the model, with the versions of the data that mlspec's `validate` step has found."""
    made: dict[str, object] = {"version": 1, "path": MODEL, "format": "safetensors"}
    if data.is_file():
        found = json.loads(data.read_bytes())
        versions = found.get("data") if isinstance(found, dict) else None
        if not isinstance(versions, dict):
            raise ValueError(f"{data} has no `data`")
        made["data"] = versions
    return made


def _write(path: Path, document: dict[str, object]) -> None:
    """Write the file atomically: a reader finds all of it, or none."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="ascii") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _say(words: str) -> None:
    sys.stderr.write(f"mlspec fine_tune: {words}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
