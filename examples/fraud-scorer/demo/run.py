#!/usr/bin/env python3
"""The closed loop on one machine: python examples/fraud-scorer/demo/run.py

It makes an environment of the locked packages once, finds Prometheus and Alertmanager, and tells the stories there.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]


def main() -> None:
    if {"-h", "--help"} & set(sys.argv[1:]):
        sys.exit(f"{__doc__}\nusage: run.py [--out FOLDER] [--day SECONDS] [--seed NUMBER]")
    sys.path.insert(0, str(ROOT))
    from tests.cluster.environments import environment
    from tests.cluster.programs import MissingError, built, debian

    def say(line: str) -> None:
        print(line, flush=True)  # noqa: T201

    try:
        say("environment: the locked packages, which are installed once and take a few minutes then")
        python = environment("demo", HERE / "requirements.txt") / "bin" / "python"
        say("programs: git, Prometheus, and Alertmanager, from the PATH or made once")
        if shutil.which("git") is None:
            raise MissingError("`git`: install it, and put it on the PATH")
        own = shutil.which("alertmanager")
        alertmanager = own if own is not None else str(built("alertmanager") / "alertmanager")
        programs = [f"--prometheus={debian('prometheus')}", f"--promtool={debian('promtool')}"]
    except MissingError as error:
        sys.exit(f"error: the demo needs {error}")
    paths = os.pathsep.join((str(ROOT / "src"), str(HERE)))
    variables = {**os.environ, "PYTHONPATH": paths, "NO_PROXY": "127.0.0.1", "MLSPEC_CACHE": "off"}
    command = [str(python), "-m", "loop", *programs, f"--alertmanager={alertmanager}", *sys.argv[1:]]
    os.execve(python, command, variables)


if __name__ == "__main__":
    main()
